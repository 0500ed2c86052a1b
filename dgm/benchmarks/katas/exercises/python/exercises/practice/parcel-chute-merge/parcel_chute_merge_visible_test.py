import unittest

from parcel_chute_merge import merge_chutes


class ParcelChuteMergeVisibleTest(unittest.TestCase):
    def test_turns(self) -> None:
        chutes = [[("a", 1), ("b", 1), ("c", 1)], [("d", 1)], [("e", 1), ("f", 1)]]
        self.assertEqual(list(merge_chutes(chutes, 9, 99)), ["a", "d", "e", "b", "f", "c"])

    def test_same_label(self) -> None:
        chutes = [[("a", 1), ("b", 1)], [("a", 1), ("c", 1)]]
        self.assertEqual(list(merge_chutes(chutes, 9, 99)), ["a", "c", "b"])

    def test_heavy_parcel(self) -> None:
        chutes = [[("a", 5), ("b", 1)], [("c", 1), ("d", 1)]]
        self.assertEqual(list(merge_chutes(chutes, 4, 99)), ["a", "c", "d", "b"])

    def test_carts(self) -> None:
        chutes = [[("a", 2), ("b", 2)], [("c", 3)]]
        self.assertEqual(list(merge_chutes(chutes, 9, 5)), ["a", "c", "cart", "b"])
