import unittest

from kiln_firing_order import plan_firings


class KilnFiringOrderVisibleTest(unittest.TestCase):
    def test_later_loads_for_pots_that_wait(self) -> None:
        pots = {"ash jar": [], "cup": ["ash jar"], "dish": ["cup"]}
        self.assertEqual(plan_firings(pots, 3), [["ash jar"], ["cup"], ["dish"]])

    def test_small_shelf(self) -> None:
        self.assertEqual(plan_firings({"cup": [], "bowl": [], "dish": []}, 2), [["bowl", "cup"], ["dish"]])

    def test_awaited_pots_first(self) -> None:
        pots = {"cup": ["test"], "jug": ["test"], "test": [], "bowl": []}
        self.assertEqual(plan_firings(pots, 2), [["test", "bowl"], ["cup", "jug"]])
