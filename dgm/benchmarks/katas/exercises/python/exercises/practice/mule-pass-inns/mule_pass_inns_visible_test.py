import unittest

from mule_pass_inns import quickest_way


class MulePassInnsVisibleTest(unittest.TestCase):
    def test_down_and_up(self) -> None:
        paths = [("Brig", "Alp", 2), ("Cima", "Alp", 1)]
        self.assertEqual(quickest_way(paths, set(), "Brig", "Cima"), (5, ["Brig", "Alp", "Cima"]))
        self.assertEqual(quickest_way(paths, set(), "Alp", "Brig"), (2, ["Alp", "Brig"]))

    def test_no_way(self) -> None:
        self.assertEqual(quickest_way([("Brig", "Alp", 2)], set(), "Brig", "Dorn"), None)

    def test_rest_at_an_inn_on_the_way(self) -> None:
        paths = [("Brig", "Alp", 2), ("Cima", "Alp", 1)]
        self.assertEqual(quickest_way(paths, {"Alp", "Cima"}, "Brig", "Cima"), (6, ["Brig", "Alp", "Cima"]))
