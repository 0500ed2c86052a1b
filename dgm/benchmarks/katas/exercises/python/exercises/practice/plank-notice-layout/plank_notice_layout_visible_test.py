import unittest

from plank_notice_layout import lay_planks


class PlankNoticeLayoutVisibleTest(unittest.TestCase):
    def test_words_that_fit(self) -> None:
        self.assertEqual(lay_planks("no sheep on the", 8), ["no sheep", ".on the."])

    def test_odd_dot_on_the_right(self) -> None:
        self.assertEqual(lay_planks("ox", 7), ["..ox..."])
        self.assertEqual(lay_planks("cow", 8), ["..cow..."])

    def test_long_word(self) -> None:
        self.assertEqual(lay_planks("beware of swamps", 4), ["bew-", "are.", ".of.", "swa-", "mps."])

    def test_new_plank(self) -> None:
        self.assertEqual(lay_planks("a | b", 5), ["..a..", "..b.."])
