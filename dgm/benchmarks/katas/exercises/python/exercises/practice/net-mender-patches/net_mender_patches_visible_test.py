import unittest

from net_mender_patches import plan_patches


class NetMenderPatchesVisibleTest(unittest.TestCase):
    def test_one_hole(self) -> None:
        self.assertEqual(plan_patches(["#####", "#..##", "#.###", "#####"]), [(0, 0, 3, 3)])

    def test_fray_is_left_alone(self) -> None:
        self.assertEqual(plan_patches(["####", "#...", "####"]), [])

    def test_two_patches_become_one(self) -> None:
        self.assertEqual(plan_patches(["######", "#.##.#", "######"]), [(0, 0, 2, 2), (0, 3, 2, 5)])
        self.assertEqual(plan_patches(["#####", "#.#.#", "#####"]), [(0, 0, 2, 4)])
