import unittest

from candle_clock import burn_total


class CandleClockTest(unittest.TestCase):
    def test_parts_are_added(self) -> None:
        self.assertEqual(burn_total([(1, 2, 3), (4, 3, 9)]), "5c 5r 12d")
        self.assertEqual(burn_total([(2, 1, 1)]), "2c 1r 1d")

    def test_drips_carry_into_rings(self) -> None:
        self.assertEqual(burn_total([(1, 1, 8), (0, 1, 8)]), "1c 3r 1d")
        self.assertEqual(burn_total([(0, 0, 14)]), "14d")
        self.assertEqual(burn_total([(0, 0, 15)]), "1r")
        self.assertEqual(burn_total([(0, 0, 31)]), "2r 1d")

    def test_rings_carry_into_candles(self) -> None:
        self.assertEqual(burn_total([(0, 5, 0)]), "5r")
        self.assertEqual(burn_total([(0, 4, 0), (0, 2, 0)]), "1c")
        self.assertEqual(burn_total([(0, 13, 2)]), "2c 1r 2d")

    def test_carry_through_both(self) -> None:
        self.assertEqual(burn_total([(0, 5, 14), (0, 0, 1)]), "1c")
        self.assertEqual(burn_total([(0, 0, 100)]), "1c 10d")
        self.assertEqual(burn_total([(3, 5, 14)] * 2), "7c 5r 13d")

    def test_zero_parts_are_left_out(self) -> None:
        self.assertEqual(burn_total([(2, 0, 4)]), "2c 4d")
        self.assertEqual(burn_total([(7, 0, 0)]), "7c")

    def test_nothing_at_all(self) -> None:
        self.assertEqual(burn_total([]), "unlit")
        self.assertEqual(burn_total([(0, 0, 0), (0, 0, 0)]), "unlit")


if __name__ == "__main__":
    unittest.main()
