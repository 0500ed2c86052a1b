import unittest

from moss_moon_calendar import moss_date

YEAR_28 = 27 * 365 + 6


class MossMoonCalendarTest(unittest.TestCase):
    def test_first_days(self) -> None:
        self.assertEqual(moss_date(0), "1/1/1 A")
        self.assertEqual(moss_date(1), "1/1/2 B")
        self.assertEqual(moss_date(8), "1/1/9 I")
        self.assertEqual(moss_date(9), "1/1/10 A")

    def test_moons(self) -> None:
        self.assertEqual(moss_date(32), "1/1/33 F")
        self.assertEqual(moss_date(33), "1/2/1 G")
        self.assertEqual(moss_date(362), "1/11/33 C")

    def test_nameless_days(self) -> None:
        self.assertEqual(moss_date(363), "1/moss 1")
        self.assertEqual(moss_date(364), "1/moss 2")
        self.assertEqual(moss_date(729), "2/moss 2")

    def test_letters_skip_nameless_days(self) -> None:
        self.assertEqual(moss_date(365), "2/1/1 D")
        self.assertEqual(moss_date(366), "2/1/2 E")
        self.assertEqual(moss_date(730), "3/1/1 G")
        self.assertEqual(moss_date(1095), "4/1/1 A")

    def test_third_nameless_day(self) -> None:
        self.assertEqual(moss_date(1459), "4/moss 2")
        self.assertEqual(moss_date(1460), "4/moss 3")
        self.assertEqual(moss_date(1461), "5/1/1 D")
        self.assertEqual(moss_date(1461 + 365), "6/1/1 G")

    def test_eighth_year(self) -> None:
        self.assertEqual(moss_date(2921), "8/moss 3")
        self.assertEqual(moss_date(2922), "9/1/1 G")

    def test_year_28(self) -> None:
        self.assertEqual(moss_date(YEAR_28), "28/1/1 A")
        self.assertEqual(moss_date(YEAR_28 + 364), "28/moss 2")
        self.assertEqual(moss_date(YEAR_28 + 365), "29/1/1 D")

    def test_year_56(self) -> None:
        first = 55 * 365 + 12
        self.assertEqual(moss_date(first), "56/1/1 D")
        self.assertEqual(moss_date(first + 364), "56/moss 2")
        self.assertEqual(moss_date(first + 365), "57/1/1 G")

    def test_before_the_calendar(self) -> None:
        for days in (-1, -2, -400):
            with self.assertRaises(ValueError):
                moss_date(days)
