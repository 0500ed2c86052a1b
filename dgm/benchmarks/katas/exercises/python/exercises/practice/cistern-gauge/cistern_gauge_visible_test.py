import unittest

from cistern_gauge import RainCistern


class CisternGaugeVisibleTest(unittest.TestCase):
    def test_rain_fills_up_to_the_capacity(self) -> None:
        cistern = RainCistern(100)
        self.assertEqual(cistern.rain(60), 0)
        self.assertEqual(cistern.rain(60), 20)
        self.assertEqual(cistern.level, 100)

    def test_draws_lower_the_level(self) -> None:
        cistern = RainCistern(100)
        cistern.rain(90)
        self.assertEqual(cistern.draw(30), 30)
        self.assertEqual(cistern.level, 60)


if __name__ == "__main__":
    unittest.main()
