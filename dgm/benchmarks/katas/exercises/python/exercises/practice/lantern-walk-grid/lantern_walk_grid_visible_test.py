import unittest

from lantern_walk_grid import lantern_walk


class LanternWalkGridVisibleTest(unittest.TestCase):
    def test_hedge_and_edge_take_a_minute(self) -> None:
        self.assertEqual(lantern_walk(["S#.", "..."], "EWSE", 9), (1, 1, 5))

    def test_leaving_a_bog_is_slow(self) -> None:
        self.assertEqual(lantern_walk(["S~"], "E", 5), (0, 1, 4))
        self.assertEqual(lantern_walk(["S~."], "EE", 9), (0, 2, 5))

    def test_oil_pot(self) -> None:
        self.assertEqual(lantern_walk(["So."], "EE", 3), (0, 2, 5))

    def test_no_oil_left(self) -> None:
        self.assertEqual(lantern_walk(["S..."], "EEE", 2), (0, 2, 0))
