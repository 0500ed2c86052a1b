import unittest

from plank_notice_layout import lay_planks


class PlankNoticeLayoutTest(unittest.TestCase):
    def test_empty_notice(self) -> None:
        self.assertEqual(lay_planks("", 4), ["...."])
        self.assertEqual(lay_planks("  ", 3), ["..."])

    def test_words_that_fit(self) -> None:
        self.assertEqual(lay_planks("a b c d", 3), ["a b", "c d"])
        self.assertEqual(lay_planks("a  b c d", 5), ["a b c", "..d.."])
        self.assertEqual(lay_planks("ab cd e", 5), ["ab cd", "..e.."])
        self.assertEqual(lay_planks("abc de", 5), [".abc.", ".de.."])

    def test_dots(self) -> None:
        self.assertEqual(lay_planks("a", 2), ["a."])
        self.assertEqual(lay_planks("a", 4), [".a.."])
        self.assertEqual(lay_planks("ab", 5), [".ab.."])
        self.assertEqual(lay_planks("ab", 6), ["..ab.."])
        self.assertEqual(lay_planks("a b", 8), ["..a b..."])

    def test_word_as_wide_as_the_plank(self) -> None:
        self.assertEqual(lay_planks("goats", 5), ["goats"])
        self.assertEqual(lay_planks("no goats", 5), [".no..", "goats"])
        self.assertEqual(lay_planks("goats no", 5), ["goats", ".no.."])

    def test_long_word(self) -> None:
        self.assertEqual(lay_planks("goats", 4), ["goa-", ".ts."])
        self.assertEqual(lay_planks("shepherd", 5), ["shep-", "herd."])
        self.assertEqual(lay_planks("shepherds", 5), ["shep-", "herds"])
        self.assertEqual(lay_planks("shepherdess", 5), ["shep-", "herd-", ".ess."])
        self.assertEqual(lay_planks("abcd", 2), ["a-", "b-", "cd"])

    def test_long_word_among_others(self) -> None:
        self.assertEqual(lay_planks("a shepherds", 5), ["..a..", "shep-", "herds"])
        self.assertEqual(lay_planks("shepherdess a b", 5), ["shep-", "herd-", "ess a", "..b.."])

    def test_new_plank(self) -> None:
        self.assertEqual(lay_planks("a | b c", 3), [".a.", "b c"])
        self.assertEqual(lay_planks("ab | cdefg", 4), [".ab.", "cde-", ".fg."])
        self.assertEqual(lay_planks("a|b", 3), ["a|b"])

    def test_empty_planks(self) -> None:
        self.assertEqual(lay_planks("a | | b", 3), [".a.", "...", ".b."])
        self.assertEqual(lay_planks("| a |", 3), ["...", ".a.", "..."])
        self.assertEqual(lay_planks("|", 2), ["..", ".."])
        self.assertEqual(lay_planks("| abcd", 3), ["...", "ab-", "cd."])
