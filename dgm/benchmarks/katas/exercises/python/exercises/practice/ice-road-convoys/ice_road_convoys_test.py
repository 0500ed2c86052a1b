import unittest

from ice_road_convoys import plan_crossings

NIGHT = (100, 200)


class IceRoadConvoysTest(unittest.TestCase):
    def test_no_trucks(self) -> None:
        self.assertEqual(plan_crossings([], 30, NIGHT), [])

    def test_order_of_arrival(self) -> None:
        trucks = [("Elk", 40, 5), ("Hare", 20, 9), ("Crow", 30, 1)]
        self.assertEqual(plan_crossings(trucks, 30, NIGHT), [("Hare", 20), ("Crow", 30), ("Elk", 40)])

    def test_same_minute(self) -> None:
        trucks = [("Elk", 5, 15), ("Hare", 5, 5), ("Crow", 4, 20)]
        self.assertEqual(plan_crossings(trucks, 30, NIGHT), [("Crow", 4), ("Hare", 8), ("Elk", 9)])
        trucks = [("Zander", 5, 5), ("Auk", 5, 5)]
        self.assertEqual(plan_crossings(trucks, 30, NIGHT), [("Zander", 5), ("Auk", 6)])

    def test_rest_counts_started_five_tonnes(self) -> None:
        for weight, rest in [(1, 1), (4, 1), (5, 1), (6, 2), (10, 2), (11, 3), (30, 6)]:
            trucks = [("Elk", 0, weight), ("Hare", 1, 31)]
            self.assertEqual(plan_crossings(trucks, 40, NIGHT), [("Elk", 0), ("Hare", rest)])

    def test_rest_is_over_before_the_next_arrives(self) -> None:
        trucks = [("Elk", 0, 10), ("Hare", 2, 5), ("Crow", 9, 5)]
        self.assertEqual(plan_crossings(trucks, 30, NIGHT), [("Elk", 0), ("Hare", 2), ("Crow", 9)])

    def test_edges_of_the_closed_time(self) -> None:
        for arrival, minute in [(99, 99), (100, 200), (101, 200), (199, 200), (200, 200), (201, 201)]:
            self.assertEqual(plan_crossings([("Elk", arrival, 5)], 30, NIGHT), [("Elk", minute)])

    def test_rest_runs_into_the_closed_time(self) -> None:
        trucks = [("Elk", 98, 10), ("Hare", 99, 15), ("Crow", 120, 5)]
        self.assertEqual(plan_crossings(trucks, 30, NIGHT), [("Elk", 98), ("Hare", 200), ("Crow", 203)])

    def test_too_heavy_truck_is_turned_back(self) -> None:
        trucks = [("Elk", 5, 31), ("Hare", 6, 30), ("Crow", 7, 5)]
        self.assertEqual(plan_crossings(trucks, 30, NIGHT), [("Hare", 6), ("Crow", 12)])
        self.assertEqual(plan_crossings([("Elk", 5, 31)], 30, NIGHT), [])

    def test_too_heavy_truck_in_the_queue_and_at_night(self) -> None:
        trucks = [("Elk", 150, 5), ("Hare", 151, 90), ("Crow", 152, 7)]
        self.assertEqual(plan_crossings(trucks, 30, NIGHT), [("Elk", 200), ("Crow", 201)])

    def test_input_stays_as_it_was(self) -> None:
        trucks = [("Elk", 9, 5), ("Hare", 3, 5)]
        plan_crossings(trucks, 30, NIGHT)
        self.assertEqual(trucks, [("Elk", 9, 5), ("Hare", 3, 5)])
