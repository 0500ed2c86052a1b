import unittest

from salt_caravan_tolls import sacks_at_market


class SaltCaravanTollsTest(unittest.TestCase):
    def test_one_way_roads_and_time(self):
        self.assertEqual(sacks_at_market([], 9, 9), 0)
        self.assertEqual(sacks_at_market([("market", "well", 1, "dry")], 9, 9), 0)
        self.assertEqual(sacks_at_market([("well", "market", 4, "dry")], 9, 4), 9)
        self.assertEqual(sacks_at_market([("well", "market", 5, "dry")], 9, 4), 0)
        self.assertEqual(
            sacks_at_market([("well", "ford", 2, "dry"), ("ford", "market", 2, "dry")], 9, 3), 0
        )

    def test_toll(self):
        self.assertEqual(
            [
                sacks_at_market([("well", "market", 1, "toll")], n, 1)
                for n in (0, 1, 9, 10, 11, 20, 21)
            ],
            [0, 0, 8, 9, 9, 18, 18],
        )
        self.assertEqual(
            sacks_at_market([("well", "gap", 1, "toll"), ("gap", "market", 1, "toll")], 12, 2), 9
        )

    def test_wet(self):
        self.assertEqual(sacks_at_market([("well", "market", 3, "wet")], 8, 3), 5)
        self.assertEqual(
            sacks_at_market([("well", "gap", 2, "wet"), ("gap", "market", 1, "wet")], 8, 3), 5
        )
        self.assertEqual(
            sacks_at_market([("well", "gap", 3, "wet"), ("gap", "market", 1, "dry")], 2, 9), 0
        )

    def test_toll_after_wet(self):
        self.assertEqual(
            sacks_at_market([("well", "gap", 1, "wet"), ("gap", "market", 1, "toll")], 30, 2), 29
        )
        self.assertEqual(
            sacks_at_market([("well", "gap", 1, "toll"), ("gap", "market", 1, "wet")], 30, 2), 26
        )
        roads = [("well", "gap", 1, "wet"), ("gap", "dam", 1, "toll"), ("dam", "market", 1, "toll")]
        self.assertEqual(sacks_at_market(roads, 31, 3), 27)
        roads = [("well", "gap", 1, "wet"), ("gap", "dam", 1, "dry"), ("dam", "market", 1, "toll")]
        self.assertEqual(sacks_at_market(roads, 31, 3), 27)

    def test_toll_after_wet_and_rest(self):
        roads = [("well", "gap", 3, "wet"), ("gap", "market", 1, "toll")]
        self.assertEqual(sacks_at_market(roads, 33, 5), 30)
        self.assertEqual(sacks_at_market(roads, 33, 4), 0)

    def test_resting(self):
        roads = [("well", "gap", 3, "dry"), ("gap", "market", 3, "dry")]
        self.assertEqual(sacks_at_market(roads, 7, 6), 0)
        self.assertEqual(sacks_at_market(roads, 7, 7), 7)
        roads = [("well", "gap", 2, "dry"), ("gap", "market", 4, "dry")]
        self.assertEqual(sacks_at_market(roads, 7, 6), 7)
        roads = [("well", "gap", 4, "dry"), ("gap", "market", 1, "dry")]
        self.assertEqual(sacks_at_market(roads, 7, 5), 0)
        self.assertEqual(sacks_at_market(roads, 7, 6), 7)

    def test_the_best_of_several_ways(self):
        roads = [
            ("well", "gap", 1, "toll"),
            ("gap", "well", 1, "wet"),
            ("gap", "market", 3, "wet"),
            ("well", "dam", 3, "dry"),
            ("dam", "market", 2, "toll"),
            ("gap", "dam", 1, "wet"),
        ]
        self.assertEqual(sacks_at_market(roads, 50, 3), 0)
        self.assertEqual(sacks_at_market(roads, 50, 4), 44)
        self.assertEqual(sacks_at_market(roads, 50, 6), 45)
        self.assertEqual(sacks_at_market(roads, 19, 4), 16)

    def test_a_town_may_be_entered_again(self):
        roads = [
            ("well", "pond", 1, "wet"),
            ("pond", "well", 1, "wet"),
            ("well", "market", 1, "toll"),
        ]
        self.assertEqual(sacks_at_market(roads, 50, 3), 48)
        self.assertEqual(sacks_at_market(roads, 50, 2), 45)


if __name__ == "__main__":
    unittest.main()
