import unittest

from yak_toll_formula import yak_toll


class YakTollFormulaTest(unittest.TestCase):
    def test_values(self):
        self.assertEqual(yak_toll("17", {}), 17)
        self.assertEqual(yak_toll("yaks", {"yaks": 6}), 6)
        self.assertEqual(yak_toll("goats+1", {"yaks": 6}), 1)
        self.assertEqual(yak_toll("((8))", {}), 8)

    def test_operators(self):
        self.assertEqual([yak_toll(f"7{sign}3", {}) for sign in "+-*_^"], [10, 4, 21, 3, 7])
        self.assertEqual([yak_toll(f"3 {sign} 7", {}) for sign in "+*_^"], [10, 21, 3, 7])

    def test_left_to_right(self):
        self.assertEqual(yak_toll("10-2-3", {}), 5)
        self.assertEqual(yak_toll("1+2*3^5_4", {}), 4)
        self.assertEqual(yak_toll("1 + 2 * 3 ^ 5 _ 4", {}), 4)
        self.assertEqual(yak_toll("9 _ 4 + 1 * 2", {}), 10)

    def test_tight_and_loose(self):
        self.assertEqual(yak_toll("2 * 3+1 * 2+3", {}), 40)
        self.assertEqual(yak_toll("2*3 + 1*2 + 3", {}), 11)
        self.assertEqual(yak_toll("9-1 * 2", {}), 16)
        self.assertEqual(yak_toll("20 - 8-1", {}), 13)

    def test_space_on_one_side_is_tight(self):
        self.assertEqual(yak_toll("2 * 3 +4", {}), 14)
        self.assertEqual(yak_toll("2 * 3+ 4", {}), 14)
        self.assertEqual(yak_toll("( 2+ 3 ) * 2", {}), 10)

    def test_brackets(self):
        self.assertEqual(yak_toll("2*(3+4)", {}), 14)
        self.assertEqual(yak_toll("(2 + 3)*(4 _ yaks)", {"yaks": 3}), 15)
        self.assertEqual(yak_toll("2*(3 * (1 + 1)+2)", {}), 24)
        self.assertEqual(yak_toll("(1+2) * (3 + 4*2)+1", {}), 36)

    def test_halves(self):
        self.assertEqual([yak_toll(f"{n}'", {}) for n in range(5)], [0, 1, 1, 2, 2])
        self.assertEqual(yak_toll("9''", {}), 3)
        self.assertEqual(yak_toll("9'''", {}), 2)
        self.assertEqual(yak_toll("yaks'*2", {"yaks": 7}), 8)
        self.assertEqual(yak_toll("3*5'", {}), 9)
        self.assertEqual(yak_toll("(3 * 5)'+1", {}), 9)

    def test_no_refund(self):
        self.assertEqual(yak_toll("3-5", {}), 0)
        self.assertEqual(yak_toll("3-5+4", {}), 4)
        self.assertEqual(yak_toll("3-4 + 4", {}), 4)
        self.assertEqual(yak_toll("9 - (2-6)", {}), 9)
        self.assertEqual(yak_toll("5-5", {}), 0)
        self.assertEqual(yak_toll("6-5", {}), 1)

    def test_everything_together(self):
        herd = {"yaks": 7, "lambs": 12}
        self.assertEqual(yak_toll("2+yaks * (3 _ lambs)'", herd), 18)
        self.assertEqual(yak_toll("lambs-yaks*2 ^ (yaks + 1)' - dogs", herd), 10)
        self.assertEqual(yak_toll("(lambs - 13 + yaks)' * 2-1 + yaks''*3", herd), 10)


if __name__ == "__main__":
    unittest.main()
