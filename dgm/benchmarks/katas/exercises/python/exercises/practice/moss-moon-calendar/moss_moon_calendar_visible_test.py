import unittest

from moss_moon_calendar import moss_date


class MossMoonCalendarVisibleTest(unittest.TestCase):
    def test_first_moons(self) -> None:
        self.assertEqual(moss_date(0), "1/1/1 A")
        self.assertEqual(moss_date(33), "1/2/1 G")

    def test_nameless_days(self) -> None:
        self.assertEqual(moss_date(363), "1/moss 1")
        self.assertEqual(moss_date(364), "1/moss 2")

    def test_next_years(self) -> None:
        self.assertEqual(moss_date(365), "2/1/1 D")
        self.assertEqual(moss_date(365 + 365 + 365 + 365), "4/moss 3")
