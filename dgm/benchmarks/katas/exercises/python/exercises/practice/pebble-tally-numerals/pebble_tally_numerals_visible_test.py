import unittest

from pebble_tally_numerals import add_tallies


class PebbleTallyNumeralsVisibleTest(unittest.TestCase):
    def test_sums(self) -> None:
        self.assertEqual(add_tallies("3gw", "b5w"), "b4g2w")
        self.assertEqual(add_tallies("12w", "2b"), "2b3g")

    def test_letters_more_than_once(self) -> None:
        self.assertEqual(add_tallies("w2g2w", "2b"), "2b2g3w")

    def test_debt(self) -> None:
        self.assertEqual(add_tallies("2g", "-2w"), "g2w")
        self.assertEqual(add_tallies("w", "-2g"), "-g3w")
