import unittest

from cider_press import press_passes


class CiderPressTest(unittest.TestCase):
    def test_small_presses_give_nothing_back(self) -> None:
        self.assertEqual(press_passes(9, 3), [3, 3])
        self.assertEqual(press_passes(6, 2), [2, 2])
        self.assertEqual(press_passes(5, 1), [1, 1])

    def test_last_pass_takes_what_is_left(self) -> None:
        self.assertEqual(press_passes(4, 50), [4])
        self.assertEqual(press_passes(7, 50), [7])

    def test_pulp_goes_back(self) -> None:
        self.assertEqual(press_passes(10, 8), [8, 4])
        self.assertEqual(press_passes(16, 16), [16, 4])
        self.assertEqual(press_passes(40, 20), [20, 20, 10])

    def test_only_whole_fours_count(self) -> None:
        self.assertEqual(press_passes(15, 100), [15])
        self.assertEqual(press_passes(19, 7), [7, 7, 7])
        self.assertEqual(press_passes(20, 11), [11, 11])

    def test_fewer_than_four_apples_are_not_pressed(self) -> None:
        self.assertEqual(press_passes(3, 10), [])
        self.assertEqual(press_passes(0, 10), [])
        self.assertEqual(press_passes(7, 4), [4, 4])
        self.assertEqual(press_passes(8, 4), [4, 4])

    def test_a_long_day(self) -> None:
        self.assertEqual(press_passes(100, 50), [50, 50, 24, 6])


if __name__ == "__main__":
    unittest.main()
