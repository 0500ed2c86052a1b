import unittest

from jam_share_out import share_jars


class JamShareOutVisibleTest(unittest.TestCase):
    def test_everybody_who_worked_gets_a_jar(self) -> None:
        self.assertEqual(share_jars(4, {"Ada": 20, "Bo": 1, "Cy": 0}), {"Ada": 3, "Bo": 1, "Cy": 0})

    def test_even_shares(self) -> None:
        self.assertEqual(share_jars(9, {"Ada": 2, "Bo": 1, "Cy": 3}), {"Ada": 3, "Bo": 2, "Cy": 4})

    def test_left_over_jar_goes_to_the_largest_fraction(self) -> None:
        self.assertEqual(share_jars(7, {"Ada": 4, "Bo": 3}), {"Ada": 4, "Bo": 3})
        self.assertEqual(share_jars(6, {"Ada": 7, "Bo": 5}), {"Ada": 3, "Bo": 3})
