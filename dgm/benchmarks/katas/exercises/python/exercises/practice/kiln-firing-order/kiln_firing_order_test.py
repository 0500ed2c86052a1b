import unittest

from kiln_firing_order import plan_firings


class KilnFiringOrderTest(unittest.TestCase):
    def test_no_pots(self) -> None:
        self.assertEqual(plan_firings({}, 3), [])

    def test_chain_needs_a_load_each(self) -> None:
        pots = {"dish": ["cup"], "cup": ["ash jar"], "ash jar": []}
        self.assertEqual(plan_firings(pots, 9), [["ash jar"], ["cup"], ["dish"]])

    def test_shelf_is_filled(self) -> None:
        pots = {"e": [], "d": [], "c": [], "b": [], "a": []}
        self.assertEqual(plan_firings(pots, 2), [["a", "b"], ["c", "d"], ["e"]])
        self.assertEqual(plan_firings(pots, 5), [["a", "b", "c", "d", "e"]])
        self.assertEqual(plan_firings(pots, 1), [["a"], ["b"], ["c"], ["d"], ["e"]])

    def test_most_awaited_first(self) -> None:
        pots = {"a": [], "b": [], "c": [], "x": ["c", "b"], "y": ["c"]}
        self.assertEqual(plan_firings(pots, 2), [["c", "b"], ["a", "x"], ["y"]])
        self.assertEqual(plan_firings(pots, 3), [["c", "b", "a"], ["x", "y"]])

    def test_only_pots_not_yet_fired_count(self) -> None:
        pots = {"a": [], "b": [], "c": ["b"], "d": ["c"], "e": ["c"], "f": ["b"]}
        self.assertEqual(plan_firings(pots, 1), [["b"], ["c"], ["a"], ["d"], ["e"], ["f"]])

    def test_demand_is_counted_afresh_for_each_load(self) -> None:
        pots = {"m": [], "n": [], "p": ["m"], "q": ["m", "n"], "r": ["p"], "s": ["p"]}
        self.assertEqual(plan_firings(pots, 1), [["m"], ["p"], ["n"], ["q"], ["r"], ["s"]])

    def test_fired_last_year(self) -> None:
        self.assertEqual(plan_firings({"cup": ["old jar"], "dish": ["cup", "vat"]}, 4), [["cup"], ["dish"]])
        self.assertEqual(plan_firings({"cup": ["old jar"], "bowl": []}, 1), [["bowl"], ["cup"]])

    def test_circle(self) -> None:
        with self.assertRaises(ValueError):
            plan_firings({"cup": ["dish"], "dish": ["cup"]}, 2)
        with self.assertRaises(ValueError):
            plan_firings({"bowl": [], "cup": ["cup"]}, 2)
        with self.assertRaises(ValueError):
            plan_firings({"a": [], "b": ["a", "d"], "c": ["b"], "d": ["c"]}, 1)

    def test_input_stays_as_it_was(self) -> None:
        pots = {"cup": ["bowl"], "bowl": []}
        plan_firings(pots, 2)
        self.assertEqual(pots, {"cup": ["bowl"], "bowl": []})
