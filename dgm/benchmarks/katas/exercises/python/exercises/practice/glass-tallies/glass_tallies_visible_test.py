import unittest

from glass_tallies import bottle_tally


class GlassTalliesVisibleTest(unittest.TestCase):
    def test_crates_and_carts(self) -> None:
        self.assertEqual(bottle_tally(7), "ki")
        self.assertEqual(bottle_tally(20), "Wii")
        self.assertEqual(bottle_tally(43), "WWki")

    def test_no_bottles(self) -> None:
        self.assertEqual(bottle_tally(0), "o")


if __name__ == "__main__":
    unittest.main()
