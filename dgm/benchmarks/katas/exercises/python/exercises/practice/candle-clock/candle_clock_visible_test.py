import unittest

from candle_clock import burn_total


class CandleClockVisibleTest(unittest.TestCase):
    def test_parts_are_added(self) -> None:
        self.assertEqual(burn_total([(1, 2, 3), (4, 3, 9)]), "5c 5r 12d")

    def test_carry(self) -> None:
        self.assertEqual(burn_total([(1, 1, 8), (0, 1, 8)]), "1c 3r 1d")
        self.assertEqual(burn_total([(1, 4, 14), (1, 3, 3)]), "3c 2r 2d")


if __name__ == "__main__":
    unittest.main()
