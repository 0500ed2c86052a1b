import unittest

from nest_ledger_tree import sum_nests


class NestLedgerTreeVisibleTest(unittest.TestCase):
    def test_sum_of_all_branches(self) -> None:
        trunk = ("oak", 1, [("east", 2, [("twig", 3, [])]), ("west", 4, [])])
        self.assertEqual(sum_nests(trunk, 10), (10, []))

    def test_broken_branch_hands_down_nothing(self) -> None:
        trunk = ("oak", 1, [("east", 2, [("twig", 3, [])]), ("west", 3, [])])
        self.assertEqual(sum_nests(trunk, 4), (4, ["oak/east"]))

    def test_nests_only_heard_of(self) -> None:
        trunk = ("oak", 1, [("east?", 9, [("twig", 3, [])])])
        self.assertEqual(sum_nests(trunk, 10), (4, []))
