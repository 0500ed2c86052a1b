import unittest

from quarry_hoist_log import hoist_trips


class QuarryHoistLogTest(unittest.TestCase):
    def test_no_blocks(self):
        self.assertEqual(hoist_trips([], 5), [])

    def test_a_trip_starts_as_soon_as_it_can(self):
        self.assertEqual(hoist_trips([(0, 1)], 5), [(0, [0])])
        self.assertEqual(hoist_trips([(7, 1), (6, 1)], 5), [(6, [1]), (10, [0])])
        self.assertEqual(hoist_trips([(0, 1), (4, 1), (5, 1)], 5), [(0, [0]), (4, [1]), (8, [2])])

    def test_loading_order_and_stop(self):
        self.assertEqual(
            hoist_trips([(0, 1), (3, 2), (2, 2), (2, 1)], 5), [(0, [0]), (4, [2, 3, 1])]
        )
        self.assertEqual(
            hoist_trips([(0, 3), (0, 5), (0, 2), (0, 4)], 6), [(0, [0]), (4, [1]), (8, [2, 3])]
        )
        self.assertEqual(hoist_trips([(0, 3), (0, 3)], 6), [(0, [0, 1])])

    def test_length_of_a_trip(self):
        self.assertEqual(hoist_trips([(0, 9), (1, 9)], 20), [(0, [0]), (4, [1])])
        self.assertEqual(hoist_trips([(0, 10), (1, 9)], 20), [(0, [0]), (5, [1])])
        self.assertEqual(
            hoist_trips([(0, 8), (0, 12), (1, 9), (2, 3)], 20), [(0, [0, 1]), (6, [2, 3])]
        )
        self.assertEqual(hoist_trips([(0, 39), (1, 1)], 40), [(0, [0]), (7, [1])])

    def test_long_waits_go_first(self):
        self.assertEqual(
            hoist_trips([(0, 110), (0, 2), (0, 9), (3, 7)], 110), [(0, [0]), (15, [2, 1, 3])]
        )
        self.assertEqual(
            hoist_trips([(0, 110), (1, 2), (0, 9), (0, 9)], 110), [(0, [0]), (15, [2, 3, 1])]
        )
        self.assertEqual(
            hoist_trips([(0, 100), (1, 100), (0, 3), (14, 99)], 101),
            [(0, [0]), (14, [2]), (18, [1]), (32, [3])],
        )

    def test_fifteen_minutes_exactly(self):
        self.assertEqual(
            hoist_trips([(0, 110), (0, 2), (1, 9), (1, 1)], 112), [(0, [0, 1]), (15, [2, 3])]
        )
        self.assertEqual(hoist_trips([(0, 110), (0, 2), (0, 9)], 111), [(0, [0]), (15, [2, 1])])
        self.assertEqual(hoist_trips([(1, 100), (1, 2), (1, 9)], 101), [(1, [0]), (15, [1, 2])])

    def test_heavy_block_goes_alone_and_slowly(self):
        self.assertEqual(hoist_trips([(0, 25), (1, 3)], 20), [(0, [0]), (12, [1])])
        self.assertEqual(
            hoist_trips([(0, 3), (0, 25), (0, 4)], 20), [(0, [0]), (4, [1]), (16, [2])]
        )
        self.assertEqual(hoist_trips([(0, 20), (1, 3)], 20), [(0, [0]), (6, [1])])
        self.assertEqual(hoist_trips([(0, 9), (1, 3)], 8), [(0, [0]), (8, [1])])

    def test_heavy_blocks_and_long_waits(self):
        self.assertEqual(
            hoist_trips([(0, 6), (0, 41), (2, 6), (3, 30), (15, 2)], 12),
            [(0, [0]), (4, [1]), (20, [3]), (34, [2, 4])],
        )


if __name__ == "__main__":
    unittest.main()
