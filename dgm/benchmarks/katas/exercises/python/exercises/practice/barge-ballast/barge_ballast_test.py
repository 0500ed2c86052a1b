import unittest

from barge_ballast import ballast_stones


class BargeBallastTest(unittest.TestCase):
    def test_stones_go_to_the_lighter_side(self) -> None:
        self.assertEqual(ballast_stones([100, 60], [80]), ("starboard", 2))
        self.assertEqual(ballast_stones([80], [100, 60]), ("port", 2))
        self.assertEqual(ballast_stones([], [30]), ("port", 1))

    def test_as_few_stones_as_reach_the_other_side(self) -> None:
        for gap, stones in ((1, 1), (2, 1), (39, 1), (40, 1), (41, 2), (80, 2), (81, 3)):
            self.assertEqual(ballast_stones([10 + gap], [10]), ("starboard", stones))
            self.assertEqual(ballast_stones([10], [10 + gap]), ("port", stones))

    def test_equal_sides_are_level(self) -> None:
        self.assertEqual(ballast_stones([30, 30], [60]), ("level", 0))
        self.assertEqual(ballast_stones([], []), ("level", 0))

    def test_nine_stones_are_allowed(self) -> None:
        self.assertEqual(ballast_stones([360], []), ("starboard", 9))
        self.assertEqual(ballast_stones([], [200, 160]), ("port", 9))

    def test_ten_stones_are_too_many(self) -> None:
        with self.assertRaises(OverflowError):
            ballast_stones([361], [])
        with self.assertRaises(OverflowError):
            ballast_stones([5], [1000])


if __name__ == "__main__":
    unittest.main()
