import unittest

from ice_road_convoys import plan_crossings


class IceRoadConvoysVisibleTest(unittest.TestCase):
    def test_lighter_truck_first_in_the_same_minute(self) -> None:
        trucks = [("Elk", 5, 10), ("Hare", 5, 5)]
        self.assertEqual(plan_crossings(trucks, 30, (100, 200)), [("Hare", 5), ("Elk", 6)])

    def test_ice_rests_for_started_five_tonnes(self) -> None:
        trucks = [("Elk", 0, 11), ("Hare", 1, 4), ("Crow", 2, 3)]
        self.assertEqual(plan_crossings(trucks, 30, (100, 200)), [("Elk", 0), ("Hare", 3), ("Crow", 4)])

    def test_closed_time(self) -> None:
        self.assertEqual(plan_crossings([("Elk", 150, 10)], 30, (100, 200)), [("Elk", 200)])
