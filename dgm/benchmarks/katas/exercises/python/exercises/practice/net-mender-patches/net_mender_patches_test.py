import unittest

from net_mender_patches import plan_patches


class NetMenderPatchesTest(unittest.TestCase):
    def test_sound_net(self) -> None:
        self.assertEqual(plan_patches([]), [])
        self.assertEqual(plan_patches(["###", "###"]), [])

    def test_one_hole(self) -> None:
        self.assertEqual(plan_patches(["###", "#.#", "###"]), [(0, 0, 2, 2)])
        net = ["#######", "#######", "###..##", "##..###", "#######", "#######"]
        self.assertEqual(plan_patches(net), [(1, 1, 4, 5)])

    def test_winding_hole(self) -> None:
        net = ["########", "#...####", "###.#.##", "###...##", "########", "########"]
        self.assertEqual(plan_patches(net), [(0, 0, 4, 6)])

    def test_frays(self) -> None:
        self.assertEqual(plan_patches([".##", "###", "###"]), [])
        self.assertEqual(plan_patches(["####", "#..#", "#.##"]), [])
        self.assertEqual(plan_patches(["####", "#...", "####"]), [])
        self.assertEqual(plan_patches(["####", "...#", "####"]), [])
        self.assertEqual(plan_patches(["#.##", "#.##", "####"]), [])
        self.assertEqual(plan_patches(["."]), [])

    def test_winding_frays(self) -> None:
        self.assertEqual(plan_patches(["######.#", "####.#.#", "####.#.#", "##.....#", "########"]), [])
        self.assertEqual(plan_patches(["########", "###.....", "###.####", "##..####", "########"]), [])

    def test_hole_beside_a_fray(self) -> None:
        net = ["##.####", "##.####", "##.#.##", "#######"]
        self.assertEqual(plan_patches(net), [(1, 3, 3, 5)])

    def test_corners_do_not_join(self) -> None:
        self.assertEqual(plan_patches(["#.##", "##.#", "####"]), [(0, 1, 2, 3)])
        self.assertEqual(plan_patches(["#####", "##.##", "#.###", ".####", "#####"]), [(0, 0, 3, 3)])

    def test_far_patches_stay_apart(self) -> None:
        net = ["#########", "#.##.####", "#########", "#########", "##.####.#", "#########"]
        self.assertEqual(plan_patches(net), [(0, 0, 2, 2), (0, 3, 2, 5), (3, 1, 5, 3), (3, 6, 5, 8)])
        net = ["########", "#####.##", "########", "#.######", "########"]
        self.assertEqual(plan_patches(net), [(0, 4, 2, 6), (2, 0, 4, 2)])

    def test_patches_that_share_become_one(self) -> None:
        self.assertEqual(plan_patches(["#####", "#.#.#", "#####"]), [(0, 0, 2, 4)])
        self.assertEqual(plan_patches(["###", "#.#", "###", "#.#", "###"]), [(0, 0, 4, 2)])
        self.assertEqual(plan_patches(["#######", "#.#.#.#", "#######"]), [(0, 0, 2, 6)])
        net = ["######", "#.####", "######", "###.##", "######"]
        self.assertEqual(plan_patches(net), [(0, 0, 4, 4)])
        net = ["######", "###.##", "######", "#.####", "######"]
        self.assertEqual(plan_patches(net), [(0, 0, 4, 4)])

    def test_grown_patch_takes_in_another(self) -> None:
        net = ["#######", "#..####", "#####.#", "#######", "##.#.##", "#######"]
        self.assertEqual(plan_patches(net), [(0, 0, 5, 6)])
        net = ["########", "######.#", "########", "###.####", "##.##..#", "########"]
        self.assertEqual(plan_patches(net), [(0, 1, 5, 7)])
        net = ["#######", "#######", "####.##", "#######", "#.#####", "###.###", "#######"]
        self.assertEqual(plan_patches(net), [(1, 0, 6, 5)])
