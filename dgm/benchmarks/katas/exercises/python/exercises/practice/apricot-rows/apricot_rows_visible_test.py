import unittest

from apricot_rows import row_label


class ApricotRowsVisibleTest(unittest.TestCase):
    def test_single_letters(self) -> None:
        self.assertEqual(row_label(1), "A")
        self.assertEqual(row_label(5), "E")

    def test_two_letters(self) -> None:
        self.assertEqual(row_label(6), "AA")
        self.assertEqual(row_label(11), "BA")


if __name__ == "__main__":
    unittest.main()
