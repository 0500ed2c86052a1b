import unittest
from fractions import Fraction

from vineyard_terrace_drain import drain_terraces


class VineyardTerraceDrainTest(unittest.TestCase):
    def test_soaking_in(self):
        self.assertEqual(drain_terraces([[1, 2], [3, 4]], 3, 5), [[3, 3], [3, 3]])
        self.assertEqual(drain_terraces([[1, 2], [3, 4]], 3, 3), [[3, 3], [3, 3]])
        self.assertEqual(drain_terraces([[7]], 0, 0), [[0]])

    def test_lowest_neighbour_takes_all(self):
        heights = [[9, 9, 9, 9, 9], [9, 2, 6, 3, 9], [9, 9, 9, 9, 9]]
        self.assertEqual(drain_terraces(heights, 1, 0)[1], [0, 7, 0, 4, 0])
        self.assertEqual(
            drain_terraces(heights, 2, 1), [[0, 1, 1, 1, 0], [1, 8, 1, 5, 1], [0, 1, 1, 1, 0]]
        )

    def test_equal_parts(self):
        heights = [[9, 9, 9], [9, 9, 9], [5, 1, 5], [9, 1, 9], [9, 9, 9]]
        self.assertEqual(
            drain_terraces(heights, 1, 0), [[0, 0, 0], [0, 0, 0], [0, 6, 0], [0, 4, 0], [0, 0, 0]]
        )
        heights = [[8, 8, 8, 8, 8], [8, 3, 5, 3, 8], [8, 8, 3, 8, 8], [8, 8, 8, 8, 8]]
        self.assertEqual(
            drain_terraces(heights, 1, 0),
            [
                [0, 0, 0, 0, 0],
                [0, Fraction(25, 6), 0, Fraction(25, 6), 0],
                [0, 0, Fraction(11, 3), 0, 0],
                [0, 0, 0, 0, 0],
            ],
        )

    def test_water_passes_on_in_order_of_height(self):
        heights = [
            [9, 9, 9, 9, 9],
            [9, 4, 5, 6, 9],
            [9, 3, 9, 7, 9],
            [9, 9, 9, 8, 9],
            [9, 9, 9, 9, 9],
        ]
        self.assertEqual(
            drain_terraces(heights, 3, 2),
            [[1, 2, 2, 2, 1], [2, 2, 2, 2, 2], [2, 20, 2, 2, 2], [1, 2, 2, 2, 2], [1, 1, 1, 2, 1]],
        )

    def test_over_the_edge(self):
        self.assertEqual(drain_terraces([[3, 2, 1]], 5, 4), [[4, 4, 3]])
        self.assertEqual(drain_terraces([[3, 2, 1]], 5, 5), [[5, 5, 5]])
        self.assertEqual(drain_terraces([[1], [2], [3]], 2, 1), [[0], [1], [1]])
        self.assertEqual(drain_terraces([[4]], 3, 2), [[1]])
        self.assertEqual(drain_terraces([[4]], 3, 0), [[0]])
        self.assertEqual(drain_terraces([[4]], 2, 2), [[2]])

    def test_flat_ground(self):
        self.assertEqual(
            drain_terraces([[1, 1, 1], [1, 1, 1], [1, 1, 1]], 4, 3),
            [[2, 2, 2], [2, 4, 2], [2, 2, 2]],
        )
        self.assertEqual(
            drain_terraces([[0, 0, 0]] * 4, 2, 1), [[0, 0, 0], [0, 2, 0], [0, 2, 0], [0, 0, 0]]
        )

    def test_rocks(self):
        self.assertEqual(drain_terraces([[None, 3], [1, None]], 3, 2), [[None, 1], [1, None]])
        self.assertEqual(drain_terraces([[None]], 3, 2), [[None]])
        heights = [[None, None, None, None], [None, 5, 3, 0], [None, None, None, None]]
        self.assertEqual(drain_terraces(heights, 4, 1)[1], [None, 1, 1, 0])
        heights = [[None, None, None, None], [None, 5, 3, None], [None, None, None, None]]
        self.assertEqual(drain_terraces(heights, 4, 1)[1], [None, 1, 7, None])

    def test_zero_and_negative_heights(self):
        self.assertEqual(drain_terraces([[0, -1, -2]], 2, 1), [[1, 1, 0]])
        self.assertEqual(
            drain_terraces([[9, None, 9], [9, 0, None], [9, 9, 9]], 2, 0),
            [[0, None, 0], [0, 6, None], [0, 0, 0]],
        )


if __name__ == "__main__":
    unittest.main()
