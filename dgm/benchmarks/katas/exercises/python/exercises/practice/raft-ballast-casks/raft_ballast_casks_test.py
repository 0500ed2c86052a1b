import unittest

from raft_ballast_casks import best_raft_load


class RaftBallastCasksTest(unittest.TestCase):
    def test_no_casks(self):
        self.assertEqual(best_raft_load([], 0), 0)
        self.assertEqual(best_raft_load([], 7), 0)

    def test_tilt_after_each_cask(self):
        self.assertEqual(best_raft_load([(4, 9)], 3), 0)
        self.assertEqual(best_raft_load([(3, 9)], 6), 9)
        self.assertEqual(best_raft_load([(3, 9), (3, 9)], 3), 18)
        self.assertEqual(best_raft_load([(4, 9), (4, 9)], 3), -1)
        self.assertEqual(best_raft_load([(3, 1), (3, 5), (4, 9)], 3), 14)

    def test_same_side_twice_is_not_allowed(self):
        self.assertEqual(best_raft_load([(2, 4), (1, 6), (6, 4)], 6), 10)
        self.assertEqual(best_raft_load([(1, 2), (1, 1), (2, 9)], 0), -2)
        self.assertEqual(best_raft_load([(1, 5), (1, 1), (2, 9)], 4), 15)
        self.assertEqual(best_raft_load([(2, 6), (1, 5), (6, 4)], 5), 11)

    def test_a_cask_ashore_opens_both_sides(self):
        self.assertEqual(best_raft_load([(2, 5), (9, 9), (2, 5), (4, 6)], 4), 16)
        self.assertEqual(best_raft_load([(1, 5), (7, 1), (1, 5)], 5), 10)

    def test_balance_at_the_end(self):
        self.assertEqual(best_raft_load([(3, 9)], 5), 0)
        self.assertEqual(best_raft_load([(2, 9)], 5), 9)
        self.assertEqual(best_raft_load([(5, 9), (2, 1)], 6), 10)
        self.assertEqual(best_raft_load([(5, 9), (2, 1)], 5), 1)
        self.assertEqual(best_raft_load([(1, 1), (4, 7)], 5), 1)

    def test_fee_for_staying_ashore_again(self):
        self.assertEqual(best_raft_load([(9, 9), (9, 9)], 3), -1)
        self.assertEqual(best_raft_load([(9, 9), (9, 9), (9, 9), (1, 1)], 3), -1)
        self.assertEqual(best_raft_load([(9, 9), (1, 0), (9, 9)], 3), 0)
        self.assertEqual(best_raft_load([(9, 9)], 3), 0)

    def test_fees_weighed_against_worth(self):
        self.assertEqual(best_raft_load([(4, 1), (6, 8), (7, 9)], 3), -2)
        self.assertEqual(best_raft_load([(4, 1), (1, 6), (2, 8), (5, 7)], 3), 14)
        self.assertEqual(best_raft_load([(6, 3), (4, 1), (3, 4), (7, 2)], 5), 5)
        self.assertEqual(best_raft_load([(2, 3), (5, 2), (4, 8), (6, 5), (3, 4)], 6), 22)
        self.assertEqual(best_raft_load([(5, 6), (5, 2), (1, 1), (4, 6), (3, 3), (2, 4)], 7), 22)


if __name__ == "__main__":
    unittest.main()
