import unittest

from gate_watch import unwatched_hours


class GateWatchTest(unittest.TestCase):
    def test_end_of_a_watch_is_not_covered(self) -> None:
        self.assertEqual(unwatched_hours([(0, 10), (11, 23)]), [10, 23])
        self.assertEqual(unwatched_hours([(1, 23)]), [0, 23])

    def test_no_watches(self) -> None:
        self.assertEqual(unwatched_hours([]), list(range(24)))

    def test_watches_may_overlap_and_come_in_any_order(self) -> None:
        self.assertEqual(unwatched_hours([(12, 22), (3, 14), (4, 6)]), [0, 1, 2, 22, 23])

    def test_past_midnight(self) -> None:
        self.assertEqual(unwatched_hours([(20, 4)]), list(range(4, 20)))
        self.assertEqual(unwatched_hours([(5, 3)]), [3, 4])
        self.assertEqual(unwatched_hours([(23, 22)]), [22])

    def test_up_to_midnight(self) -> None:
        self.assertEqual(unwatched_hours([(2, 0)]), [0, 1])
        self.assertEqual(unwatched_hours([(23, 0)]), list(range(23)))
        self.assertEqual(unwatched_hours([(0, 23)]), [23])

    def test_whole_day(self) -> None:
        self.assertEqual(unwatched_hours([(0, 0)]), [])
        self.assertEqual(unwatched_hours([(17, 17)]), [])
        self.assertEqual(unwatched_hours([(3, 5), (4, 4)]), [])


if __name__ == "__main__":
    unittest.main()
