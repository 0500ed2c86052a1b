import unittest

from hedge_trims import trimmed_hedge


class HedgeTrimsTest(unittest.TestCase):
    def test_no_bush_above_the_limit(self) -> None:
        self.assertEqual(trimmed_hedge([4, 5, 6, 7], 5), [4, 5, 5, 5])
        self.assertEqual(trimmed_hedge([9], 1), [1])

    def test_steps_of_two_are_kept(self) -> None:
        self.assertEqual(trimmed_hedge([1, 3, 5, 7], 10), [1, 3, 5, 7])
        self.assertEqual(trimmed_hedge([7, 1, 2], 10), [7, 1, 2])

    def test_steps_of_three_are_cut(self) -> None:
        self.assertEqual(trimmed_hedge([2, 5], 10), [2, 4])
        self.assertEqual(trimmed_hedge([2, 9, 5], 10), [2, 4, 5])

    def test_the_trimmed_neighbour_counts(self) -> None:
        self.assertEqual(trimmed_hedge([1, 9, 9], 6), [1, 3, 5])
        self.assertEqual(trimmed_hedge([1, 6, 8, 10, 12], 7), [1, 3, 5, 7, 7])
        self.assertEqual(trimmed_hedge([12, 14], 5), [5, 5])

    def test_gaps(self) -> None:
        self.assertEqual(trimmed_hedge([5, 0, 6], 9), [5, 0, 6])
        self.assertEqual(trimmed_hedge([0, 9, 9], 7), [0, 7, 7])
        self.assertEqual(trimmed_hedge([3, 0, 0, 8, 1, 8], 6), [3, 0, 0, 6, 1, 3])

    def test_edges(self) -> None:
        self.assertEqual(trimmed_hedge([], 4), [])
        self.assertEqual(trimmed_hedge([0], 4), [0])
        self.assertEqual(trimmed_hedge([6, 6], 6), [6, 6])


if __name__ == "__main__":
    unittest.main()
