import unittest

from dune_fences import fence_drawing


class DuneFencesTest(unittest.TestCase):
    def test_boards_stand_on_the_last_line(self) -> None:
        self.assertEqual(fence_drawing([1, 2, 3]), ["  #", " ##", "###"])
        self.assertEqual(fence_drawing([1, 3]), [" #", " #", "##"])

    def test_one_board(self) -> None:
        self.assertEqual(fence_drawing([1]), ["#"])
        self.assertEqual(fence_drawing([3]), ["#", "#", "#"])

    def test_no_line_ends_with_blanks(self) -> None:
        self.assertEqual(fence_drawing([3, 1, 2, 1]), ["#", "# #", "####"])
        self.assertEqual(fence_drawing([2, 1]), ["#", "##"])

    def test_buried_boards(self) -> None:
        self.assertEqual(fence_drawing([1, 0, 2]), ["  #", "#_#"])
        self.assertEqual(fence_drawing([2, 0]), ["#", "#_"])
        self.assertEqual(fence_drawing([0, 3, 0]), [" #", " #", "_#_"])

    def test_all_boards_buried(self) -> None:
        self.assertEqual(fence_drawing([0, 0, 0]), ["___"])
        self.assertEqual(fence_drawing([0]), ["_"])


if __name__ == "__main__":
    unittest.main()
