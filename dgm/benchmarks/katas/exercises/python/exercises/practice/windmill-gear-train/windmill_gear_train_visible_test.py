import unittest
from fractions import Fraction

from windmill_gear_train import wheel_speeds


class WindmillGearTrainTest(unittest.TestCase):
    def test_meshes_and_axles(self):
        wheels = {"sail": 60, "crown": 20, "stone": 20, "spare": 9}
        links = [("axle", "stone", "crown"), ("mesh", "sail", "crown")]
        self.assertEqual(
            wheel_speeds(wheels, links, "sail", 2),
            {"sail": 2, "crown": -6, "stone": -6, "spare": 0},
        )

    def test_belts(self):
        wheels = {"sail": 30, "fan": 20, "sieve": 60}
        links = [("belt", "sail", "fan"), ("mesh", "fan", "sieve")]
        speeds = wheel_speeds(wheels, links, "sail", 20)
        self.assertEqual(speeds, {"sail": 20, "fan": 27, "sieve": -9})
        self.assertEqual(wheel_speeds(wheels, links[:1], "fan", 15)["sail"], Fraction(9))


if __name__ == "__main__":
    unittest.main()
