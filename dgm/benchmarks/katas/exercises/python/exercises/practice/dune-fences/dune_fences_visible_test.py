import unittest

from dune_fences import fence_drawing


class DuneFencesVisibleTest(unittest.TestCase):
    def test_boards_stand_on_the_last_line(self) -> None:
        self.assertEqual(fence_drawing([1, 2, 3]), ["  #", " ##", "###"])

    def test_no_line_ends_with_blanks(self) -> None:
        self.assertEqual(fence_drawing([2, 1]), ["#", "##"])


if __name__ == "__main__":
    unittest.main()
