import unittest

from glass_tallies import bottle_tally


class GlassTalliesTest(unittest.TestCase):
    def test_single_bottles(self) -> None:
        self.assertEqual(bottle_tally(1), "i")
        self.assertEqual(bottle_tally(4), "iiii")

    def test_crates(self) -> None:
        self.assertEqual(bottle_tally(6), "k")
        self.assertEqual(bottle_tally(7), "ki")
        self.assertEqual(bottle_tally(16), "kkiiii")

    def test_carts(self) -> None:
        self.assertEqual(bottle_tally(18), "W")
        self.assertEqual(bottle_tally(19), "Wi")
        self.assertEqual(bottle_tally(36), "WW")
        self.assertEqual(bottle_tally(50), "WWkkii")

    def test_five_left_over(self) -> None:
        self.assertEqual(bottle_tally(5), "ik")
        self.assertEqual(bottle_tally(11), "kik")
        self.assertEqual(bottle_tally(17), "kkik")
        self.assertEqual(bottle_tally(29), "Wkik")
        self.assertEqual(bottle_tally(59), "WWWik")

    def test_no_bottles(self) -> None:
        self.assertEqual(bottle_tally(0), "o")


if __name__ == "__main__":
    unittest.main()
