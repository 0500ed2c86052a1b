import unittest

from zeppelin_mooring_masts import moor_zeppelins


class ZeppelinMooringMastsTest(unittest.TestCase):
    def test_lowest_free_mast(self):
        self.assertEqual(moor_zeppelins([], 3), {})
        requests = [("Gull", 1, 4, 1), ("Heron", 2, 3, 1), ("Swift", 6, 8, 1), ("Kite", 4, 9, 1)]
        self.assertEqual(
            moor_zeppelins(requests, 3), {"Gull": 1, "Heron": 2, "Swift": 1, "Kite": 2}
        )
        self.assertEqual(moor_zeppelins(requests[:2], 1), {"Gull": 1, "Heron": 0})

    def test_an_hour_before_and_after(self):
        self.assertEqual(
            moor_zeppelins([("Gull", 4, 6, 1), ("Heron", 2, 4, 1)], 1), {"Gull": 1, "Heron": 0}
        )
        self.assertEqual(
            moor_zeppelins([("Gull", 4, 6, 1), ("Heron", 2, 3, 1)], 1), {"Gull": 1, "Heron": 1}
        )
        self.assertEqual(
            moor_zeppelins([("Gull", 4, 6, 1), ("Heron", 6, 7, 1)], 1), {"Gull": 1, "Heron": 0}
        )
        self.assertEqual(
            moor_zeppelins([("Gull", 4, 6, 1), ("Heron", 7, 9, 1)], 1), {"Gull": 1, "Heron": 1}
        )

    def test_pushing_away(self):
        self.assertEqual(
            moor_zeppelins([("Gull", 1, 4, 1), ("Heron", 1, 4, 2)], 1), {"Gull": 0, "Heron": 1}
        )
        self.assertEqual(
            moor_zeppelins([("Gull", 1, 4, 2), ("Heron", 1, 4, 2)], 1), {"Gull": 1, "Heron": 0}
        )
        requests = [("Gull", 1, 4, 1), ("Heron", 4, 6, 2), ("Swift", 1, 2, 1)]
        self.assertEqual(moor_zeppelins(requests, 1), {"Gull": 0, "Heron": 1, "Swift": 1})
        requests = [("Gull", 1, 2, 1), ("Heron", 4, 5, 3), ("Swift", 2, 4, 2)]
        self.assertEqual(moor_zeppelins(requests, 1), {"Gull": 1, "Heron": 1, "Swift": 0})
        requests = [("Gull", 1, 2, 1), ("Heron", 4, 5, 1), ("Swift", 7, 9, 1), ("Kite", 2, 4, 2)]
        self.assertEqual(
            moor_zeppelins(requests, 1), {"Gull": 0, "Heron": 0, "Swift": 1, "Kite": 1}
        )

    def test_fewest_clashes(self):
        requests = [("Gull", 1, 2, 1), ("Heron", 4, 5, 1), ("Swift", 1, 5, 2), ("Kite", 2, 4, 3)]
        self.assertEqual(
            moor_zeppelins(requests, 2), {"Gull": 1, "Heron": 1, "Swift": 0, "Kite": 2}
        )
        requests = [("Gull", 1, 2, 1), ("Heron", 4, 5, 1), ("Swift", 1, 5, 3), ("Kite", 2, 4, 3)]
        self.assertEqual(
            moor_zeppelins(requests, 2), {"Gull": 0, "Heron": 0, "Swift": 2, "Kite": 1}
        )
        requests = [("Gull", 1, 5, 1), ("Heron", 1, 5, 1), ("Swift", 2, 4, 3)]
        self.assertEqual(moor_zeppelins(requests, 2), {"Gull": 0, "Heron": 2, "Swift": 1})

    def test_pushed_ships_find_another_mast(self):
        requests = [("Gull", 1, 2, 1), ("Heron", 4, 5, 1), ("Swift", 3, 9, 2), ("Kite", 2, 4, 2)]
        self.assertEqual(
            moor_zeppelins(requests, 2), {"Gull": 2, "Heron": 0, "Swift": 2, "Kite": 1}
        )

    def test_pushed_ships_never_push(self):
        requests = [("Gull", 1, 5, 2), ("Heron", 1, 5, 1), ("Swift", 1, 5, 3), ("Kite", 1, 5, 3)]
        self.assertEqual(moor_zeppelins(requests[:3], 2), {"Gull": 0, "Heron": 2, "Swift": 1})
        self.assertEqual(
            moor_zeppelins(requests, 2), {"Gull": 0, "Heron": 0, "Swift": 1, "Kite": 2}
        )

    def test_several_pushed_ships(self):
        requests = [("Gull", 1, 2, 1), ("Heron", 5, 6, 1), ("Swift", 5, 6, 9), ("Owl", 1, 2, 9)]
        self.assertEqual(moor_zeppelins(requests, 3), {"Gull": 1, "Heron": 1, "Swift": 2, "Owl": 2})
        requests += [("Stork", 4, 5, 9), ("Kite", 2, 5, 2)]
        self.assertEqual(
            moor_zeppelins(requests, 3),
            {"Gull": 3, "Heron": 0, "Swift": 2, "Owl": 2, "Stork": 3, "Kite": 1},
        )
        requests[4:5] = [("Stork", 1, 3, 9)]
        self.assertEqual(
            moor_zeppelins(requests, 3),
            {"Gull": 0, "Heron": 3, "Swift": 2, "Owl": 2, "Stork": 3, "Kite": 1},
        )

    def test_a_new_request_replaces_the_old_one(self):
        requests = [("Gull", 1, 4, 1), ("Heron", 1, 4, 1), ("Gull", 8, 9, 1), ("Swift", 2, 3, 1)]
        self.assertEqual(moor_zeppelins(requests, 2), {"Gull": 1, "Heron": 2, "Swift": 1})
        requests = [("Gull", 1, 4, 1), ("Gull", 2, 5, 1)]
        self.assertEqual(moor_zeppelins(requests, 1), {"Gull": 1})

    def test_a_replaced_stay_is_lost(self):
        requests = [("Gull", 1, 2, 1), ("Heron", 5, 6, 2), ("Gull", 5, 6, 2), ("Swift", 1, 2, 1)]
        self.assertEqual(moor_zeppelins(requests, 1), {"Gull": 0, "Heron": 1, "Swift": 1})

    def test_turned_away_and_asking_again(self):
        requests = [
            ("Gull", 1, 4, 1),
            ("Heron", 2, 5, 1),
            ("Heron", 5, 6, 1),
            ("Gull", 5, 5, 1),
            ("Gull", 6, 8, 2),
        ]
        self.assertEqual(moor_zeppelins(requests[:3], 1), {"Gull": 1, "Heron": 1})
        self.assertEqual(moor_zeppelins(requests[:4], 1), {"Gull": 0, "Heron": 1})
        self.assertEqual(moor_zeppelins(requests, 1), {"Gull": 1, "Heron": 0})


if __name__ == "__main__":
    unittest.main()
