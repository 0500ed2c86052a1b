import unittest

from jam_share_out import share_jars


class JamShareOutTest(unittest.TestCase):
    def test_example(self) -> None:
        self.assertEqual(share_jars(10, {"Ada": 3, "Bo": 1}), {"Ada": 7, "Bo": 3})

    def test_first_jar_for_everybody_who_worked(self) -> None:
        self.assertEqual(share_jars(3, {"Ada": 50, "Bo": 1, "Cy": 1}), {"Ada": 1, "Bo": 1, "Cy": 1})
        self.assertEqual(share_jars(5, {"Ada": 50, "Bo": 1, "Cy": 1}), {"Ada": 3, "Bo": 1, "Cy": 1})

    def test_no_hours_no_jars(self) -> None:
        self.assertEqual(share_jars(5, {"Ada": 0, "Bo": 9}), {"Ada": 0, "Bo": 5})
        self.assertEqual(share_jars(1, {"Ada": 0, "Bo": 1, "Cy": 0}), {"Ada": 0, "Bo": 1, "Cy": 0})

    def test_nobody_worked(self) -> None:
        self.assertEqual(share_jars(5, {"Ada": 0, "Bo": 0}), {"Ada": 0, "Bo": 0})
        self.assertEqual(share_jars(0, {"Ada": 0}), {"Ada": 0})
        self.assertEqual(share_jars(5, {}), {})

    def test_largest_fraction_first(self) -> None:
        self.assertEqual(share_jars(6, {"Ada": 7, "Bo": 5}), {"Ada": 3, "Bo": 3})
        self.assertEqual(share_jars(10, {"Ada": 5, "Bo": 4, "Cy": 2}), {"Ada": 4, "Bo": 4, "Cy": 2})
        self.assertEqual(
            share_jars(8, {"Ada": 9, "Bo": 3, "Cy": 3, "Di": 2}), {"Ada": 3, "Bo": 2, "Cy": 2, "Di": 1}
        )

    def test_equal_fractions_more_hours_first(self) -> None:
        self.assertEqual(share_jars(5, {"Ada": 1, "Bo": 5}), {"Ada": 1, "Bo": 4})
        self.assertEqual(share_jars(3, {"Ada": 2, "Bo": 2}), {"Ada": 2, "Bo": 1})
        self.assertEqual(share_jars(4, {"Ada": 1, "Bo": 3}), {"Ada": 1, "Bo": 3})
        self.assertEqual(share_jars(5, {"Zoe": 3, "Ada": 1}), {"Zoe": 3, "Ada": 2})

    def test_equal_fractions_and_hours_by_name(self) -> None:
        self.assertEqual(share_jars(4, {"Zoe": 2, "Bo": 2, "Ada": 2}), {"Zoe": 1, "Bo": 1, "Ada": 2})
        self.assertEqual(share_jars(5, {"Zoe": 2, "Bo": 2, "Ada": 2}), {"Zoe": 1, "Bo": 2, "Ada": 2})

    def test_too_few_jars(self) -> None:
        with self.assertRaises(ValueError):
            share_jars(1, {"Ada": 3, "Bo": 1})
        with self.assertRaises(ValueError):
            share_jars(0, {"Ada": 1, "Bo": 0})
        self.assertEqual(share_jars(2, {"Ada": 3, "Bo": 1}), {"Ada": 1, "Bo": 1})

    def test_input_stays_as_it_was(self) -> None:
        hours = {"Ada": 3, "Bo": 0}
        share_jars(4, hours)
        self.assertEqual(hours, {"Ada": 3, "Bo": 0})
