import unittest

from barge_ballast import ballast_stones


class BargeBallastVisibleTest(unittest.TestCase):
    def test_lighter_side(self) -> None:
        self.assertEqual(ballast_stones([100, 60], [80]), ("starboard", 2))

    def test_part_of_a_stone(self) -> None:
        self.assertEqual(ballast_stones([20], [70]), ("port", 2))

    def test_level(self) -> None:
        self.assertEqual(ballast_stones([30, 30], [60]), ("level", 0))


if __name__ == "__main__":
    unittest.main()
