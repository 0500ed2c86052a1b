import unittest

from cider_press import press_passes


class CiderPressVisibleTest(unittest.TestCase):
    def test_first_passes(self) -> None:
        self.assertEqual(press_passes(11, 3)[:3], [3, 3, 3])
        self.assertEqual(press_passes(7, 50)[:1], [7])

    def test_pulp_goes_back(self) -> None:
        self.assertEqual(press_passes(40, 20)[:3], [20, 20, 10])


if __name__ == "__main__":
    unittest.main()
