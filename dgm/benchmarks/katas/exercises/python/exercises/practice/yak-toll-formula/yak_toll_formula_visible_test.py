import unittest

from yak_toll_formula import yak_toll


class YakTollFormulaTest(unittest.TestCase):
    def test_one_rank(self):
        self.assertEqual(yak_toll("2+3*4", {}), 20)
        self.assertEqual(yak_toll("2 + 3 _ 4 * yaks", {"yaks": 5}), 20)

    def test_tight_before_loose(self):
        self.assertEqual(yak_toll("2 * 3+4", {}), 14)
        self.assertEqual(yak_toll("20 - yaks*lambs - 1", {"yaks": 3, "lambs": 4}), 7)

    def test_brackets_and_halves(self):
        self.assertEqual(yak_toll("(1 + 9)' * 3", {}), 15)
        self.assertEqual(yak_toll("6' ^ (yaks - 2)", {"yaks": 9}), 7)


if __name__ == "__main__":
    unittest.main()
