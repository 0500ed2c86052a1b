import unittest

from pebble_tally_numerals import add_tallies


class PebbleTallyNumeralsTest(unittest.TestCase):
    def test_few_whites(self) -> None:
        self.assertEqual(add_tallies("w", "w"), "2w")
        self.assertEqual(add_tallies("w", "2w"), "3w")
        self.assertEqual(add_tallies("2w", "2w"), "g")
        self.assertEqual(add_tallies("3w", "2w"), "gw")

    def test_fewest_pebbles(self) -> None:
        self.assertEqual(add_tallies("5g", "g"), "6g")
        self.assertEqual(add_tallies("5g", "2g"), "b")
        self.assertEqual(add_tallies("6g3w", "w"), "b")
        self.assertEqual(add_tallies("6g3w", "2w"), "bw")
        self.assertEqual(add_tallies("6g3w", "6g3w"), "b6g2w")
        self.assertEqual(add_tallies("9b", "b"), "10b")

    def test_large_counts(self) -> None:
        self.assertEqual(add_tallies("100w", "10g"), "5b")
        self.assertEqual(add_tallies("25b", "27w"), "25b6g3w")
        self.assertEqual(add_tallies("0b3w", "00g"), "3w")

    def test_any_order(self) -> None:
        self.assertEqual(add_tallies("2wgb", "3g"), "b4g2w")
        self.assertEqual(add_tallies("wbwb", "gg"), "2b2g2w")

    def test_debts(self) -> None:
        self.assertEqual(add_tallies("-bgw", "b"), "-gw")
        self.assertEqual(add_tallies("b", "-gw"), "5g3w")
        self.assertEqual(add_tallies("-2w", "-3g2w"), "-4g")
        self.assertEqual(add_tallies("-w", "2b"), "b6g3w")

    def test_small_debts(self) -> None:
        self.assertEqual(add_tallies("-w", "o"), "-w")
        self.assertEqual(add_tallies("-2w", "w"), "-w")

    def test_zero(self) -> None:
        self.assertEqual(add_tallies("o", "o"), "o")
        self.assertEqual(add_tallies("o", "b3w"), "b3w")
        self.assertEqual(add_tallies("gw", "-5w"), "o")
        self.assertEqual(add_tallies("0w", "-0b"), "o")

    def test_not_a_tally(self) -> None:
        for text in ["", "-", "3", "2x", "w3", "2W", "w-g", "--w", "g w", "ow", "oo", "+w", "1.5w"]:
            with self.assertRaises(ValueError):
                add_tallies(text, "w")
            with self.assertRaises(ValueError):
                add_tallies("w", text)
