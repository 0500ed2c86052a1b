import unittest

from reef_lantern_route import reef_crossing


class ReefLanternRouteTest(unittest.TestCase):
    def test_open_water(self):
        self.assertEqual(reef_crossing(["SE"], 5, 5), 1)
        self.assertEqual(reef_crossing(["E..", "##.", "S.."], 9, 9), 6)
        self.assertEqual(reef_crossing(["S#", "#E"], 5, 9), -1)
        self.assertEqual(reef_crossing(["ES", "#."], 5, 9), 1)

    def test_edges_of_the_chart(self):
        self.assertEqual(reef_crossing(["S#.E"], 9, 9), -1)
        self.assertEqual(reef_crossing(["S", "#", "E"], 9, 9), -1)

    def test_high_and_low_hours(self):
        self.assertEqual(reef_crossing(["S~E"], 2, 9), 2)
        self.assertEqual(reef_crossing(["S~E"], 1, 9), 3)
        self.assertEqual(reef_crossing(["S..~E"], 3, 9), 7)
        self.assertEqual(reef_crossing(["S..~E"], 4, 9), 4)
        self.assertEqual(reef_crossing(["S.....~.~E"], 2, 99), 13)

    def test_shoals_in_a_row(self):
        self.assertEqual(reef_crossing(["S~~~~E"], 4, 9), 12)
        self.assertEqual(reef_crossing(["S~~~~E"], 3, 9), -1)
        self.assertEqual(reef_crossing(["S~~.~E"], 3, 9), 7)
        self.assertEqual(reef_crossing(["S~~~~E", ".####.", "......"], 3, 10), 9)

    def test_oil_is_used_by_moves_only(self):
        self.assertEqual(reef_crossing(["S..E"], 5, 3), 3)
        self.assertEqual(reef_crossing(["S..E"], 5, 2), -1)
        self.assertEqual(reef_crossing(["S.~E"], 2, 3), 5)
        self.assertEqual(reef_crossing(["S.~E"], 1, 3), 3)
        self.assertEqual(reef_crossing(["S~E"], 1, 2), 3)
        self.assertEqual(reef_crossing(["SE"], 5, 0), -1)

    def test_oil_stores(self):
        self.assertEqual(reef_crossing(["S.*..E"], 9, 3), 5)
        self.assertEqual(reef_crossing(["S.*...E"], 9, 3), -1)
        self.assertEqual(reef_crossing(["S..E", "*.#.", "...."], 9, 2), -1)
        self.assertEqual(reef_crossing(["*S...E"], 9, 4), 4)
        self.assertEqual(reef_crossing(["*S..*.E"], 9, 3), 5)
        self.assertEqual(reef_crossing(["...*.E", "S.##..", "*....."], 9, 4), 6)

    def test_ebb(self):
        self.assertEqual(reef_crossing(["E", ".", "S"], 1, 3), 2)
        self.assertEqual(reef_crossing(["E", ".", "S"], 1, 2), 4)
        self.assertEqual(reef_crossing(["E", ".", ".", "S"], 2, 3), 5)
        self.assertEqual(reef_crossing(["E", ".", ".", "S"], 2, 4), 4)
        self.assertEqual(reef_crossing(["S", ".", ".", "E"], 2, 3), 3)
        self.assertEqual(reef_crossing(["E", "S"], 1, 1), 2)

    def test_ebb_shoals_and_oil(self):
        self.assertEqual(reef_crossing(["E~*", "#.~", "S.."], 2, 4), 6)
        self.assertEqual(reef_crossing(["E..", "~#*", "S~."], 2, 3), 2)
        self.assertEqual(reef_crossing([".~.~E", "*#.#.", "S.~.."], 3, 5), 9)
        self.assertEqual(reef_crossing([".~.~E", "*#.#.", "S.~.."], 3, 7), 6)


if __name__ == "__main__":
    unittest.main()
