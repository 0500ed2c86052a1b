import unittest

from tapestry_caption_lines import caption_lines


class TapestryCaptionLinesTest(unittest.TestCase):
    def test_lines_alternate_in_width(self):
        self.assertEqual(
            caption_lines("the fox sat by the old oak tree", 8, 2),
            ["the fox", "sat by", "the old", "oak", "tree"],
        )

    def test_bars_end_lines(self):
        self.assertEqual(caption_lines("here | | lies", 9, 1), ["here", "", "lies"])
        self.assertEqual(caption_lines("| one |", 9, 1), ["", "one", ""])


if __name__ == "__main__":
    unittest.main()
