import unittest

from ember_watch import longest_glow


class EmberWatchVisibleTest(unittest.TestCase):
    def test_the_border_glows(self) -> None:
        self.assertEqual(longest_glow([5, 5, 4, 4, 5], 5), 2)

    def test_one_weak_reading_is_bridged(self) -> None:
        self.assertEqual(longest_glow([7, 3, 7, 7], 5), 3)


if __name__ == "__main__":
    unittest.main()
