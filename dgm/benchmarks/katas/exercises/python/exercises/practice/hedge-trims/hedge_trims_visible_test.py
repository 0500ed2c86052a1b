import unittest

from hedge_trims import trimmed_hedge


class HedgeTrimsVisibleTest(unittest.TestCase):
    def test_limit(self) -> None:
        self.assertEqual(trimmed_hedge([4, 5, 6, 7], 5), [4, 5, 5, 5])

    def test_left_neighbour(self) -> None:
        self.assertEqual(trimmed_hedge([2, 5], 10), [2, 4])
        self.assertEqual(trimmed_hedge([1, 9, 9], 6), [1, 3, 5])


if __name__ == "__main__":
    unittest.main()
