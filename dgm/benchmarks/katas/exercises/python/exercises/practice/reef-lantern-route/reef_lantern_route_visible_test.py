import unittest

from reef_lantern_route import reef_crossing


class ReefLanternRouteTest(unittest.TestCase):
    def test_open_water(self):
        self.assertEqual(reef_crossing(["S.#", "#.E"], 9, 9), 3)
        self.assertEqual(reef_crossing(["S#E"], 9, 9), -1)

    def test_tides(self):
        self.assertEqual(reef_crossing(["S.~E"], 2, 9), 5)
        self.assertEqual(reef_crossing(["S~~E"], 3, 9), 3)

    def test_no_boat_waits_on_a_drying_shoal(self):
        self.assertEqual(reef_crossing(["S~~E"], 2, 9), 6)

    def test_oil(self):
        self.assertEqual(reef_crossing(["S..E"], 5, 2), -1)
        self.assertEqual(reef_crossing(["S*.E"], 5, 2), 3)


if __name__ == "__main__":
    unittest.main()
