import unittest

from tapestry_caption_lines import caption_lines


class TapestryCaptionLinesTest(unittest.TestCase):
    def test_words_fill_lines(self):
        self.assertEqual(caption_lines("a bc  def", 6, 0), ["a bc", "def"])
        self.assertEqual(caption_lines("a bc def", 8, 0), ["a bc def"])
        self.assertEqual(caption_lines("", 5, 1), [""])

    def test_widths_alternate(self):
        self.assertEqual(
            caption_lines("aa bb aa bb aa bb aa", 5, 2), ["aa bb", "aa", "bb aa", "bb", "aa"]
        )
        self.assertEqual(
            caption_lines("aaa bbb ccc ddd eee fff", 7, 1), ["aaa bbb", "ccc", "ddd eee", "fff"]
        )
        self.assertEqual(caption_lines("aaaa b cccc d eeee", 6, 1), ["aaaa b", "cccc", "d eeee"])

    def test_bars(self):
        self.assertEqual(caption_lines("|", 5, 1), ["", ""])
        self.assertEqual(caption_lines("a | | | b", 5, 1), ["a", "", "", "b"])
        self.assertEqual(caption_lines("aaa bb | aaa bb", 6, 1), ["aaa bb", "aaa", "bb"])
        self.assertEqual(caption_lines("a|b c", 5, 1), ["a|b c"])

    def test_hyphens_divide_words(self):
        self.assertEqual(
            caption_lines("to a well-to-do house", 12, 1), ["to a well-", "to-do house"]
        )
        self.assertEqual(
            caption_lines("to a well-to-do house", 13, 2), ["to a well-to-", "do house"]
        )
        self.assertEqual(
            caption_lines("to a well-to-do house", 9, 0), ["to a", "well-to-", "do house"]
        )
        self.assertEqual(
            caption_lines("to a well-to-do house", 10, 4), ["to a well-", "to-do", "house"]
        )

    def test_hyphen_must_fit(self):
        self.assertEqual(caption_lines("ab cd-ef", 5, 0), ["ab", "cd-ef"])
        self.assertEqual(caption_lines("ab cd-ef", 6, 2), ["ab cd-", "ef"])
        self.assertEqual(caption_lines("abcdefg -h", 7, 3), ["abcdefg", "-h"])
        self.assertEqual(caption_lines("abcde -hi", 7, 3), ["abcde -", "hi"])
        self.assertEqual(caption_lines("abcdef -hi", 7, 3), ["abcdef", "-hi"])

    def test_long_words_are_cut(self):
        self.assertEqual(caption_lines("abcdefghij", 5, 1), ["abcd=", "efg=", "hij"])
        self.assertEqual(caption_lines("x abcdefg y", 5, 0), ["x", "abcd=", "efg y"])
        self.assertEqual(caption_lines("abcde", 5, 0), ["abcde"])
        self.assertEqual(caption_lines("abc", 2, 0), ["a=", "bc"])

    def test_long_words_with_hyphens(self):
        self.assertEqual(caption_lines("ab-cdefgh-i", 6, 1), ["ab-", "cdef=", "gh-i"])
        self.assertEqual(caption_lines("abcdef-gh", 6, 1), ["abcde=", "f-gh"])
        self.assertEqual(caption_lines("x abcdef-gh", 7, 1), ["x", "abcde=", "f-gh"])
        self.assertEqual(
            caption_lines("no abcdefgh-ij | kl mn-o", 8, 2),
            ["no", "abcde=", "fgh-ij", "kl mn-", "o"],
        )

    def test_the_rest_of_a_word_goes_on_like_a_word(self):
        self.assertEqual(
            caption_lines("one-two three-four-five", 8, 4), ["one-two", "thr=", "ee-four-", "five"]
        )
        self.assertEqual(caption_lines("abcdefg-h ij", 5, 2), ["abcd=", "ef=", "g-h", "ij"])


if __name__ == "__main__":
    unittest.main()
