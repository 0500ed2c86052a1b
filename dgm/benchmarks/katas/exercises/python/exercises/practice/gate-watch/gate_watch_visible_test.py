import unittest

from gate_watch import unwatched_hours


class GateWatchVisibleTest(unittest.TestCase):
    def test_two_watches(self) -> None:
        self.assertEqual(unwatched_hours([(0, 10), (11, 23)]), [10, 23])

    def test_overlapping_watches(self) -> None:
        self.assertEqual(unwatched_hours([(0, 15), (12, 20), (19, 23)]), [23])


if __name__ == "__main__":
    unittest.main()
