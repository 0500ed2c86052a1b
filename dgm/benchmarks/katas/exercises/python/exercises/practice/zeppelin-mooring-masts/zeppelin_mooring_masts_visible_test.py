import unittest

from zeppelin_mooring_masts import moor_zeppelins


class ZeppelinMooringMastsTest(unittest.TestCase):
    def test_an_hour_between_stays(self):
        requests = [("Gull", 1, 4, 1), ("Heron", 4, 6, 1), ("Swift", 5, 8, 1), ("Kite", 5, 9, 1)]
        self.assertEqual(
            moor_zeppelins(requests, 2), {"Gull": 1, "Heron": 2, "Swift": 1, "Kite": 0}
        )

    def test_higher_rank_pushes_away(self):
        requests = [("Gull", 1, 4, 1), ("Heron", 3, 6, 2), ("Swift", 2, 5, 2)]
        self.assertEqual(moor_zeppelins(requests, 1), {"Gull": 0, "Heron": 1, "Swift": 0})
        self.assertEqual(moor_zeppelins(requests, 2), {"Gull": 0, "Heron": 2, "Swift": 1})


if __name__ == "__main__":
    unittest.main()
