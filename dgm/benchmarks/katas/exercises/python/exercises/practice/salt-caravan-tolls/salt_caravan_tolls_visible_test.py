import unittest

from salt_caravan_tolls import sacks_at_market


class SaltCaravanTollsTest(unittest.TestCase):
    def test_toll(self):
        self.assertEqual(sacks_at_market([("well", "market", 2, "toll")], 25, 4), 22)
        self.assertEqual(
            sacks_at_market([("well", "gap", 1, "toll"), ("gap", "market", 1, "toll")], 11, 2), 8
        )

    def test_wet_road(self):
        self.assertEqual(sacks_at_market([("well", "market", 2, "wet")], 25, 2), 23)
        self.assertEqual(sacks_at_market([("well", "market", 4, "wet")], 3, 9), 0)

    def test_the_better_way(self):
        roads = [
            ("well", "market", 1, "toll"),
            ("well", "ford", 2, "dry"),
            ("ford", "market", 2, "dry"),
        ]
        self.assertEqual(sacks_at_market(roads, 40, 3), 36)
        self.assertEqual(sacks_at_market(roads, 40, 4), 40)


if __name__ == "__main__":
    unittest.main()
