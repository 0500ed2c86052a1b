import unittest

from jetty_mooring_windows import free_windows


class JettyMooringWindowsTest(unittest.TestCase):
    def test_nothing_booked(self) -> None:
        self.assertEqual(free_windows((5, 100), [], [], 10, 1), [(5, 100)])
        self.assertEqual(free_windows((5, 6), [], [], 10, 1), [(5, 6)])

    def test_overlapping_bookings(self) -> None:
        bookings = [(50, 60), (10, 40), (20, 30)]
        self.assertEqual(free_windows((0, 100), bookings, [], 0, 1), [(0, 10), (40, 50), (60, 100)])
        self.assertEqual(free_windows((0, 100), [(10, 20), (20, 30)], [], 0, 1), [(0, 10), (30, 100)])

    def test_bookings_outside_the_opening(self) -> None:
        self.assertEqual(free_windows((10, 50), [(0, 15), (45, 80)], [], 0, 1), [(15, 45)])
        self.assertEqual(free_windows((10, 50), [(0, 5), (60, 80)], [], 0, 1), [(10, 50)])
        self.assertEqual(free_windows((10, 50), [(0, 90)], [], 0, 1), [])
        self.assertEqual(free_windows((10, 50), [(0, 90), (20, 30)], [], 0, 1), [])

    def test_rinsing(self) -> None:
        self.assertEqual(free_windows((0, 100), [(20, 30)], [], 5, 1), [(0, 20), (35, 100)])
        self.assertEqual(free_windows((0, 100), [(20, 30), (33, 40)], [], 5, 1), [(0, 20), (45, 100)])
        self.assertEqual(free_windows((0, 100), [(20, 40), (25, 38)], [], 5, 1), [(0, 20), (45, 100)])

    def test_rinsing_over_the_edges_of_the_opening(self) -> None:
        self.assertEqual(free_windows((10, 50), [(0, 8), (45, 48)], [], 5, 1), [(13, 45)])
        self.assertEqual(free_windows((10, 50), [(0, 5)], [], 5, 1), [(10, 50)])

    def test_no_rinsing_after_a_low_tide(self) -> None:
        self.assertEqual(free_windows((0, 100), [], [(20, 30)], 5, 1), [(0, 20), (30, 100)])
        self.assertEqual(free_windows((0, 100), [(10, 20)], [(60, 70)], 5, 1), [(0, 10), (25, 60), (70, 100)])

    def test_low_tide_and_booking_together(self) -> None:
        self.assertEqual(free_windows((0, 100), [(20, 30)], [(25, 32)], 5, 1), [(0, 20), (35, 100)])
        self.assertEqual(free_windows((0, 100), [(20, 30)], [(15, 60)], 5, 1), [(0, 15), (60, 100)])
        self.assertEqual(free_windows((0, 100), [(20, 30)], [(33, 50)], 5, 1), [(0, 20), (50, 100)])

    def test_least_length(self) -> None:
        self.assertEqual(free_windows((0, 100), [(20, 30), (49, 80)], [], 0, 20), [(0, 20), (80, 100)])
        self.assertEqual(free_windows((0, 100), [(20, 30), (49, 80)], [], 0, 21), [])
        self.assertEqual(
            free_windows((0, 100), [(20, 30), (49, 80)], [], 0, 19), [(0, 20), (30, 49), (80, 100)]
        )

    def test_input_stays_as_it_was(self) -> None:
        bookings, tides = [(50, 60), (10, 40)], [(70, 80)]
        free_windows((0, 100), bookings, tides, 5, 1)
        self.assertEqual(bookings, [(50, 60), (10, 40)])
        self.assertEqual(tides, [(70, 80)])
