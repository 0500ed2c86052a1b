import unittest
from fractions import Fraction

from vineyard_terrace_drain import drain_terraces


class VineyardTerraceDrainTest(unittest.TestCase):
    def test_water_runs_to_the_lowest_neighbour(self):
        heights = [[9, 9, 9, 9, 9], [9, 2, 6, 3, 9], [9, 9, 9, 9, 9]]
        self.assertEqual(drain_terraces(heights, 1, 0)[1], [0, 7, 0, 4, 0])

    def test_equally_low_neighbours_share(self):
        heights = [[9, 9, 9, 9, 9], [9, 2, 6, 2, 9], [9, 9, 9, 9, 9]]
        self.assertEqual(
            drain_terraces(heights, 1, 0)[1], [0, Fraction(11, 2), 0, Fraction(11, 2), 0]
        )

    def test_border(self):
        self.assertEqual(drain_terraces([[2, 3], [1, 4]], 1, 0), [[0, 0], [0, 0]])


if __name__ == "__main__":
    unittest.main()
