import unittest

from rookery_egg_numerals import read_eggs, write_eggs


class RookeryEggNumeralsTest(unittest.TestCase):
    def test_writing_small_counts(self):
        self.assertEqual([write_eggs(n) for n in (0, 1, 3, 7, 8)], ["0", "1", "3", "10", "11"])

    def test_worth_of_the_places(self):
        self.assertEqual(read_eggs("100"), 35)
        self.assertEqual(read_eggs("1203"), 245 + 2 * 35 + 3)

    def test_writing_balanced_digits(self):
        self.assertEqual(write_eggs(4), "1c")
        self.assertEqual(write_eggs(-9), "ab")
        self.assertEqual(write_eggs(18), "1bc")

    def test_reading_balanced_digits(self):
        self.assertEqual(read_eggs("2c"), 11)
        self.assertEqual(read_eggs("a23"), -18)


if __name__ == "__main__":
    unittest.main()
