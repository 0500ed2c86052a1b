import unittest

from apricot_rows import row_label


class ApricotRowsTest(unittest.TestCase):
    def test_single_letters(self) -> None:
        self.assertEqual([row_label(row) for row in range(1, 6)], ["A", "B", "C", "D", "E"])

    def test_first_labels_of_two_letters(self) -> None:
        self.assertEqual([row_label(row) for row in range(6, 12)], ["AA", "AB", "AC", "AD", "AE", "BA"])

    def test_last_labels_of_two_letters(self) -> None:
        self.assertEqual(row_label(13), "BC")
        self.assertEqual(row_label(26), "EA")
        self.assertEqual(row_label(30), "EE")

    def test_three_letters(self) -> None:
        self.assertEqual(row_label(31), "AAA")
        self.assertEqual(row_label(32), "AAB")
        self.assertEqual(row_label(56), "BAA")
        self.assertEqual(row_label(155), "EEE")

    def test_four_letters(self) -> None:
        self.assertEqual(row_label(156), "AAAA")

    def test_rows_below_one_are_refused(self) -> None:
        for row in (0, -1, -6):
            with self.assertRaises(ValueError):
                row_label(row)


if __name__ == "__main__":
    unittest.main()
