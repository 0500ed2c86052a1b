import unittest

from jetty_mooring_windows import free_windows


class JettyMooringWindowsVisibleTest(unittest.TestCase):
    def test_overlapping_bookings(self) -> None:
        bookings = [(50, 60), (10, 40), (20, 30)]
        self.assertEqual(free_windows((0, 100), bookings, [], 0, 5), [(0, 10), (40, 50), (60, 100)])

    def test_rinsing_after_a_booking(self) -> None:
        self.assertEqual(free_windows((0, 100), [(20, 30)], [], 15, 5), [(0, 20), (45, 100)])

    def test_short_windows_are_left_out(self) -> None:
        self.assertEqual(free_windows((0, 100), [(20, 70)], [], 0, 25), [(70, 100)])
