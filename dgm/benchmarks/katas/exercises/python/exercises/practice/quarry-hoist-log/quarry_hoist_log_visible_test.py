import unittest

from quarry_hoist_log import hoist_trips


class QuarryHoistLogTest(unittest.TestCase):
    def test_loading_stops_at_the_first_block_too_many(self):
        self.assertEqual(hoist_trips([(0, 4), (0, 7), (0, 2)], 9), [(0, [0]), (4, [1, 2])])

    def test_heavier_loads_take_longer(self):
        self.assertEqual(hoist_trips([(1, 20), (2, 9), (3, 5)], 30), [(1, [0]), (7, [1, 2])])
        self.assertEqual(hoist_trips([(0, 30), (0, 9), (5, 5)], 30), [(0, [0]), (7, [1, 2])])

    def test_the_hoist_waits_for_a_block(self):
        self.assertEqual(hoist_trips([(9, 3), (2, 3)], 8), [(2, [1]), (9, [0])])


if __name__ == "__main__":
    unittest.main()
