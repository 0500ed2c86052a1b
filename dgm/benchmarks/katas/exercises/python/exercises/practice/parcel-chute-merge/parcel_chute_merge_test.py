import unittest

from parcel_chute_merge import merge_chutes


def merged(chutes, heavy=50, cart=500):
    return " ".join(merge_chutes(chutes, heavy, cart))


class ParcelChuteMergeTest(unittest.TestCase):
    def test_no_parcels(self) -> None:
        self.assertEqual(merged([]), "")
        self.assertEqual(merged([[], []]), "")

    def test_turns(self) -> None:
        self.assertEqual(merged([[("a", 1), ("b", 1)], [("c", 1), ("d", 1)]]), "a c b d")
        self.assertEqual(merged([[("a", 1)], [], [("c", 1), ("d", 1), ("e", 1)]]), "a c d e")
        self.assertEqual(merged([[], [("a", 1), ("b", 1)], [("c", 1)]]), "a c b")

    def test_heavy_parcel_costs_a_turn(self) -> None:
        chutes = [[("a", 7), ("b", 1), ("c", 1)], [("d", 1), ("e", 1), ("f", 1)]]
        self.assertEqual(merged(chutes, heavy=6), "a d e b f c")
        self.assertEqual(merged(chutes, heavy=7), "a d e b f c")
        self.assertEqual(merged(chutes, heavy=8), "a d b e c f")

    def test_heavy_parcels_in_both_chutes(self) -> None:
        chutes = [[("a", 9), ("b", 9)], [("c", 1), ("d", 9), ("e", 1)]]
        self.assertEqual(merged(chutes, heavy=9), "a c d b e")
        self.assertEqual(merged([[("a", 9), ("b", 9), ("c", 9)]], heavy=2), "a b c")

    def test_same_label(self) -> None:
        chutes = [[("a", 1), ("b", 1), ("d", 1)], [("a", 1), ("b", 1), ("c", 1), ("e", 1)]]
        self.assertEqual(merged(chutes), "a b d c e")
        self.assertEqual(merged([[("a", 1), ("a", 1), ("a", 2), ("b", 1)]]), "a b")
        self.assertEqual(merged([[("a", 1)], [("a", 1)], [("b", 1)]]), "a b")

    def test_thrown_away_parcels_weigh_nothing(self) -> None:
        chutes = [[("a", 1), ("c", 1)], [("a", 9), ("b", 1), ("d", 1)]]
        self.assertEqual(merged(chutes, heavy=9, cart=4), "a b c d")

    def test_carts(self) -> None:
        chutes = [[("a", 2), ("b", 2), ("c", 2), ("d", 2), ("e", 1)]]
        self.assertEqual(merged(chutes, cart=4), "a b cart c d cart e")
        self.assertEqual(merged(chutes, cart=5), "a b cart c d e")
        self.assertEqual(merged(chutes, cart=3), "a cart b cart c cart d e")

    def test_parcel_heavier_than_a_cart(self) -> None:
        self.assertEqual(merged([[("a", 9), ("b", 1)]], cart=5), "a cart b")
        self.assertEqual(merged([[("b", 1), ("a", 9)]], cart=5), "b cart a")
        self.assertEqual(merged([[("a", 9)]], cart=5), "a")
        self.assertEqual(merged([[("a", 1), ("b", 1)]], cart=1), "a cart b")

    def test_input_stays_as_it_was(self) -> None:
        chutes = [[("a", 1), ("b", 1)], [("c", 1)]]
        self.assertEqual(merged(chutes), "a c b")
        self.assertEqual(chutes, [[("a", 1), ("b", 1)], [("c", 1)]])
