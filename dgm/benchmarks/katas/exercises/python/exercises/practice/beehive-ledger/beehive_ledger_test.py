import unittest

from beehive_ledger import settle_hives


class BeehiveLedgerTest(unittest.TestCase):
    def test_numbers_of_a_hive_are_added_up(self) -> None:
        self.assertEqual(settle_hives(["clover +12", "linden +3", "clover -5"]), {"clover": 7, "linden": 3})
        self.assertEqual(settle_hives(["clover +1"]), {"clover": 1})

    def test_names_of_several_words(self) -> None:
        self.assertEqual(settle_hives(["old oak +4", "old +2", "old oak +1"]), {"old oak": 5, "old": 2})
        self.assertEqual(settle_hives(["by the well -1"]), {"by the well": -1})

    def test_case_of_names_does_not_matter(self) -> None:
        self.assertEqual(settle_hives(["Clover +2", "clover +3", "CLOVER +1"]), {"clover": 6})
        self.assertEqual(settle_hives(["Old Oak +2"]), {"old oak": 2})

    def test_hives_at_zero_are_left_out(self) -> None:
        self.assertEqual(settle_hives(["clover +2", "linden +1", "clover -2"]), {"linden": 1})
        self.assertEqual(settle_hives(["Clover +2", "clover -2"]), {})
        self.assertEqual(settle_hives(["clover +0"]), {})

    def test_hives_below_zero_are_kept(self) -> None:
        self.assertEqual(settle_hives(["clover -3", "clover +2"]), {"clover": -1})

    def test_no_lines(self) -> None:
        self.assertEqual(settle_hives([]), {})


if __name__ == "__main__":
    unittest.main()
