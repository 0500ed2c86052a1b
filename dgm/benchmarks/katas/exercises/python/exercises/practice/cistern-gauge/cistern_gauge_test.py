import unittest

from cistern_gauge import RainCistern


class CisternGaugeTest(unittest.TestCase):
    def test_a_new_cistern_is_empty(self) -> None:
        self.assertEqual(RainCistern(100).level, 0)
        self.assertEqual(RainCistern(100).draw(5), 0)

    def test_rain_fills_up_to_the_capacity(self) -> None:
        cistern = RainCistern(100)
        self.assertEqual(cistern.rain(60), 0)
        self.assertEqual(cistern.level, 60)
        self.assertEqual(cistern.rain(40), 0)
        self.assertEqual(cistern.level, 100)
        self.assertEqual(cistern.rain(1), 1)
        self.assertEqual(cistern.level, 100)

    def test_what_spills_over(self) -> None:
        cistern = RainCistern(50)
        self.assertEqual(cistern.rain(80), 30)
        self.assertEqual(cistern.level, 50)
        self.assertEqual(cistern.draw(7), 7)
        self.assertEqual(cistern.rain(20), 13)

    def test_draws_lower_the_level(self) -> None:
        cistern = RainCistern(100)
        cistern.rain(90)
        self.assertEqual(cistern.draw(30), 30)
        self.assertEqual(cistern.draw(1), 1)
        self.assertEqual(cistern.level, 59)

    def test_mud_stays_in(self) -> None:
        cistern = RainCistern(100)
        cistern.rain(40)
        self.assertEqual(cistern.draw(29), 29)
        self.assertEqual(cistern.draw(2), 1)
        self.assertEqual(cistern.level, 10)
        self.assertEqual(cistern.draw(1), 0)
        self.assertEqual(cistern.level, 10)

    def test_less_than_the_mud(self) -> None:
        cistern = RainCistern(100)
        cistern.rain(6)
        self.assertEqual(cistern.draw(3), 0)
        self.assertEqual(cistern.level, 6)
        self.assertEqual(cistern.rain(5), 0)
        self.assertEqual(cistern.draw(3), 1)

    def test_two_cisterns_are_apart(self) -> None:
        one, other = RainCistern(30), RainCistern(20)
        one.rain(30)
        self.assertEqual(other.level, 0)
        self.assertEqual(other.rain(25), 5)
        self.assertEqual(one.level, 30)


if __name__ == "__main__":
    unittest.main()
