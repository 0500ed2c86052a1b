import unittest

from beehive_ledger import settle_hives


class BeehiveLedgerVisibleTest(unittest.TestCase):
    def test_changes_are_added_up(self) -> None:
        self.assertEqual(settle_hives(["clover +12", "linden +3", "clover -5"]), {"clover": 7, "linden": 3})

    def test_names_of_two_words(self) -> None:
        self.assertEqual(settle_hives(["old oak +4", "old +2"]), {"old oak": 4, "old": 2})

    def test_empty_hives(self) -> None:
        self.assertEqual(settle_hives(["clover +2", "linden +1", "clover -2"]), {"linden": 1})


if __name__ == "__main__":
    unittest.main()
