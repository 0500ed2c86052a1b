import unittest

from raft_ballast_casks import best_raft_load


class RaftBallastCasksTest(unittest.TestCase):
    def test_leaving_a_cask_ashore_can_pay(self):
        self.assertEqual(best_raft_load([(3, 1), (3, 5), (4, 9)], 3), 14)
        self.assertEqual(best_raft_load([(4, 2), (4, 9), (6, 3)], 4), 12)

    def test_the_next_cask_goes_elsewhere(self):
        self.assertEqual(best_raft_load([(2, 4), (1, 6), (6, 4)], 6), 10)
        self.assertEqual(best_raft_load([(2, 6), (1, 6), (6, 4)], 6), 12)

    def test_no_casks(self):
        self.assertEqual(best_raft_load([], 4), 0)


if __name__ == "__main__":
    unittest.main()
