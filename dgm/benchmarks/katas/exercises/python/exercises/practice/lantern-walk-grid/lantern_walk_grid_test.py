import unittest

from lantern_walk_grid import lantern_walk

FIELD = [
    "..#..",
    ".S~o.",
    "#.~~.",
    "o...#",
]


class LanternWalkGridTest(unittest.TestCase):
    def test_start(self) -> None:
        self.assertEqual(lantern_walk(FIELD, "", 7), (1, 1, 7))
        self.assertEqual(lantern_walk(["S"], "", 0), (0, 0, 0))

    def test_directions(self) -> None:
        self.assertEqual(lantern_walk(FIELD, "N", 9), (0, 1, 8))
        self.assertEqual(lantern_walk(FIELD, "E", 9), (1, 2, 8))
        self.assertEqual(lantern_walk(FIELD, "S", 9), (2, 1, 8))
        self.assertEqual(lantern_walk(FIELD, "W", 9), (1, 0, 8))

    def test_blocked_moves_take_a_minute(self) -> None:
        self.assertEqual(lantern_walk(FIELD, "NE", 9), (0, 1, 7))
        self.assertEqual(lantern_walk(FIELD, "WWW", 9), (1, 0, 6))
        self.assertEqual(lantern_walk(["S"], "NESW", 9), (0, 0, 5))
        self.assertEqual(lantern_walk(["S"], "NESW", 3), (0, 0, 0))

    def test_blocked_in_a_bog(self) -> None:
        self.assertEqual(lantern_walk(FIELD, "EN", 9), (1, 2, 7))
        self.assertEqual(lantern_walk(FIELD, "ENW", 9), (1, 1, 4))
        self.assertEqual(lantern_walk(["S~"], "EE", 2), (0, 1, 0))

    def test_leaving_bogs(self) -> None:
        self.assertEqual(lantern_walk(FIELD, "SE", 9), (2, 2, 7))
        self.assertEqual(lantern_walk(FIELD, "SEE", 9), (2, 3, 4))
        self.assertEqual(lantern_walk(FIELD, "SEEE", 9), (2, 4, 1))

    def test_oil_pots(self) -> None:
        self.assertEqual(lantern_walk(["So.o"], "EEE", 5), (0, 3, 10))
        self.assertEqual(lantern_walk(["So."], "E", 1), (0, 1, 4))
        self.assertEqual(lantern_walk(FIELD, "EE", 9), (1, 3, 9))

    def test_oil_pot_only_once(self) -> None:
        self.assertEqual(lantern_walk(["So."], "EEW", 5), (0, 1, 6))
        self.assertEqual(lantern_walk(["So"], "EWEWE", 9), (0, 1, 8))
        self.assertEqual(lantern_walk(["So"], "EEE", 9), (0, 1, 10))

    def test_last_drop(self) -> None:
        self.assertEqual(lantern_walk(["S...."], "EEEE", 3), (0, 3, 0))
        self.assertEqual(lantern_walk(["S...."], "EEEE", 4), (0, 4, 0))
        self.assertEqual(lantern_walk(["S...."], "EEEE", 0), (0, 0, 0))

    def test_too_little_oil_for_the_bog(self) -> None:
        self.assertEqual(lantern_walk(["S~.."], "EEE", 3), (0, 1, 2))
        self.assertEqual(lantern_walk(["S~.."], "EEE", 4), (0, 2, 0))
        self.assertEqual(lantern_walk(["S~.."], "EEE", 5), (0, 3, 0))

    def test_walk_ends_for_good(self) -> None:
        self.assertEqual(lantern_walk(["S~o"], "EENN", 2), (0, 1, 1))
        self.assertEqual(lantern_walk(["S~o"], "EEE", 4), (0, 2, 3))
