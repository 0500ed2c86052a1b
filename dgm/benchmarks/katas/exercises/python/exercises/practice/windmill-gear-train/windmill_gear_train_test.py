import unittest
from fractions import Fraction

from windmill_gear_train import wheel_speeds


class WindmillGearTrainTest(unittest.TestCase):
    def test_driver_alone(self):
        self.assertEqual(
            wheel_speeds({"sail": 8, "fan": 9}, [], "sail", -3), {"sail": -3, "fan": 0}
        )

    def test_meshes(self):
        wheels = {"a": 12, "b": 18, "c": 8}
        links = [("mesh", "a", "b"), ("mesh", "b", "c")]
        self.assertEqual(
            wheel_speeds(wheels, links, "a", 3), {"a": 3, "b": -2, "c": Fraction(9, 2)}
        )
        self.assertEqual(
            wheel_speeds(wheels, links, "c", 3), {"a": 2, "b": Fraction(-4, 3), "c": 3}
        )
        self.assertEqual(wheel_speeds(wheels, links[::-1], "b", 4), {"a": -6, "b": 4, "c": -9})

    def test_axles(self):
        wheels = {"a": 12, "b": 18, "c": 9, "d": 5}
        links = [("axle", "c", "b"), ("mesh", "b", "a"), ("axle", "a", "d")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 3), {"a": 3, "b": -2, "c": -2, "d": 3})

    def test_unconnected_wheels(self):
        wheels = {"a": 4, "b": 4, "c": 4, "d": 4}
        links = [("mesh", "c", "d"), ("axle", "b", "a")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 5), {"a": 5, "b": 5, "c": 0, "d": 0})

    def test_belts_slip(self):
        wheels = {"a": 10, "b": 30, "c": 9}
        links = [("belt", "a", "b"), ("belt", "b", "c")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 10), {"a": 10, "b": 3, "c": 9})
        self.assertEqual(
            wheel_speeds(wheels, links, "c", 10),
            {"a": Fraction(729, 100), "b": Fraction(27, 10), "c": 10},
        )

    def test_rigid_links_come_before_belts(self):
        wheels = {"a": 10, "b": 10, "c": 10}
        links = [("belt", "a", "c"), ("mesh", "a", "b"), ("mesh", "b", "c")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 10), {"a": 10, "b": -10, "c": 10})
        links = [("belt", "b", "a"), ("axle", "a", "b"), ("mesh", "c", "b")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 10), {"a": 10, "b": 10, "c": -10})

    def test_first_belt_in_the_list(self):
        wheels = {"a": 10, "b": 20, "c": 10}
        links = [("belt", "a", "c"), ("belt", "b", "c"), ("axle", "a", "b")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 10), {"a": 10, "b": 10, "c": 9})
        links = [("belt", "c", "b"), ("belt", "c", "a"), ("axle", "a", "b")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 10), {"a": 10, "b": 10, "c": 18})

    def test_rigid_links_again_after_each_belt(self):
        wheels = {"a": 10, "b": 10, "c": 10, "d": 20}
        links = [("belt", "a", "b"), ("belt", "a", "c"), ("mesh", "b", "c"), ("belt", "c", "d")]
        self.assertEqual(
            wheel_speeds(wheels, links, "a", 100),
            {"a": 100, "b": 90, "c": -90, "d": Fraction(-81, 2)},
        )

    def test_jam(self):
        wheels = {"a": 10, "b": 10, "c": 10, "d": 7}
        links = [("mesh", "a", "b"), ("mesh", "b", "c"), ("mesh", "c", "a"), ("belt", "a", "d")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 4), dict.fromkeys("abcd", 0))
        links = [("mesh", "a", "b"), ("axle", "b", "c"), ("axle", "a", "c")]
        self.assertEqual(wheel_speeds(wheels, links, "c", 4), dict.fromkeys("abcd", 0))
        links = [("axle", "a", "b"), ("mesh", "b", "a")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 4), dict.fromkeys("abcd", 0))

    def test_links_that_agree_do_not_jam(self):
        wheels = {"a": 10, "b": 20, "c": 5, "d": 10}
        links = [("mesh", "a", "b"), ("mesh", "b", "c"), ("mesh", "c", "d"), ("axle", "a", "d")]
        self.assertEqual(
            wheel_speeds(wheels, links[:3], "a", 4), {"a": 4, "b": -2, "c": 8, "d": -4}
        )
        self.assertEqual(wheel_speeds(wheels, links, "a", 4), dict.fromkeys("abcd", 0))
        links = [("mesh", "a", "b"), ("axle", "a", "d"), ("mesh", "d", "b"), ("belt", "a", "b")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 4), {"a": 4, "b": -2, "c": 0, "d": 4})

    def test_undriven_wheels_do_not_jam(self):
        wheels = {"a": 4, "b": 4, "c": 4, "d": 4}
        links = [("mesh", "b", "c"), ("axle", "b", "c"), ("axle", "a", "d")]
        self.assertEqual(wheel_speeds(wheels, links, "a", 2), {"a": 2, "b": 0, "c": 0, "d": 2})


if __name__ == "__main__":
    unittest.main()
