import unittest

from ember_watch import longest_glow


class EmberWatchTest(unittest.TestCase):
    def test_a_plain_run(self) -> None:
        self.assertEqual(longest_glow([5, 6, 7], 5), 3)
        self.assertEqual(longest_glow([1, 1, 9, 9, 1, 1, 9], 5), 2)

    def test_weak_readings_only(self) -> None:
        self.assertEqual(longest_glow([4, 3, 4], 5), 0)
        self.assertEqual(longest_glow([], 5), 0)

    def test_the_border_glows(self) -> None:
        self.assertEqual(longest_glow([5, 5, 4, 4, 5], 5), 2)
        self.assertEqual(longest_glow([5], 5), 1)

    def test_one_weak_reading_is_bridged(self) -> None:
        self.assertEqual(longest_glow([7, 3, 7, 7], 5), 3)
        self.assertEqual(longest_glow([7, 3, 7, 3, 7, 1, 7], 5), 4)
        self.assertEqual(longest_glow([3, 7, 3], 5), 1)

    def test_two_weak_readings_end_a_glow(self) -> None:
        self.assertEqual(longest_glow([7, 7, 3, 3, 7], 5), 2)
        self.assertEqual(longest_glow([7, 3, 3, 7, 7, 7], 5), 3)
        self.assertEqual(longest_glow([7, 7, 3, 3, 3, 7], 5), 2)

    def test_doused_embers_end_a_glow(self) -> None:
        self.assertEqual(longest_glow([7, 7, 0, 7], 5), 2)
        self.assertEqual(longest_glow([7, 0, 7, 7, 7], 5), 3)
        self.assertEqual(longest_glow([2, 0, 2, 1], 1), 2)

    def test_only_zero_is_doused(self) -> None:
        self.assertEqual(longest_glow([7, 1, 7], 5), 2)
        self.assertEqual(longest_glow([7, 4, 7], 5), 2)

    def test_a_glow_goes_on_after_a_new_start(self) -> None:
        self.assertEqual(longest_glow([7, 0, 7, 3, 7], 5), 2)


if __name__ == "__main__":
    unittest.main()
