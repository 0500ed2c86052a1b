import unittest

from nest_ledger_tree import sum_nests


class NestLedgerTreeTest(unittest.TestCase):
    def test_bare_trunk(self) -> None:
        self.assertEqual(sum_nests(("elm", 0, []), 0), (0, []))
        self.assertEqual(sum_nests(("elm", 5, []), 9), (5, []))

    def test_sum_of_all_branches(self) -> None:
        trunk = ("oak", 1, [("east", 2, [("twig", 3, []), ("spur", 5, [])]), ("west", 4, [])])
        self.assertEqual(sum_nests(trunk, 15), (15, []))
        self.assertEqual(sum_nests(trunk, 99), (15, []))

    def test_limit_of_strength(self) -> None:
        self.assertEqual(sum_nests(("elm", 5, []), 5), (5, []))
        self.assertEqual(sum_nests(("elm", 5, []), 4), (0, ["elm"]))
        self.assertEqual(sum_nests(("elm", 1, []), 0), (0, ["elm"]))

    def test_broken_branch_hands_down_nothing(self) -> None:
        trunk = ("oak", 1, [("east", 2, [("twig", 3, [])]), ("west", 4, [])])
        self.assertEqual(sum_nests(trunk, 4), (0, ["oak/east", "oak"]))
        self.assertEqual(sum_nests(trunk, 5), (0, ["oak"]))
        trunk = ("oak", 1, [("east", 7, []), ("west", 4, [])])
        self.assertEqual(sum_nests(trunk, 6), (5, ["oak/east"]))

    def test_heard_of(self) -> None:
        trunk = ("oak", 1, [("east?", 9, [("twig", 3, []), ("spur?", 8, [])]), ("west?", 2, [])])
        self.assertEqual(sum_nests(trunk, 4), (4, []))
        self.assertEqual(sum_nests(("elm?", 7, []), 3), (0, []))
        self.assertEqual(sum_nests(("e?lm", 2, []), 3), (2, []))

    def test_order_of_broken_branches(self) -> None:
        trunk = ("oak", 1, [("west", 3, [("twig", 9, []), ("ash", 8, [])]), ("east", 5, [])])
        paths = ["oak/west/twig", "oak/west/ash", "oak/west", "oak/east"]
        self.assertEqual(sum_nests(trunk, 2), (1, paths))

    def test_whole_chain_breaks(self) -> None:
        trunk = ("oak", 5, [("bough", 6, [("limb", 7, [("twig", 8, [])])])])
        paths = ["oak/bough/limb/twig", "oak/bough/limb", "oak/bough", "oak"]
        self.assertEqual(sum_nests(trunk, 4), (0, paths))

    def test_paths_without_question_marks(self) -> None:
        trunk = ("oak?", 9, [("east?", 9, [("twig", 5, [])]), ("spur?", 0, [("a?b", 2, []), ("c", 2, [])])])
        self.assertEqual(sum_nests(trunk, 3), (0, ["oak/east/twig", "oak/spur"]))

    def test_asked_twice(self) -> None:
        trunk = ("oak", 5, [("east", 6, [])])
        self.assertEqual(sum_nests(trunk, 5), (5, ["oak/east"]))
        self.assertEqual(sum_nests(trunk, 5), (5, ["oak/east"]))
        self.assertEqual(trunk, ("oak", 5, [("east", 6, [])]))
