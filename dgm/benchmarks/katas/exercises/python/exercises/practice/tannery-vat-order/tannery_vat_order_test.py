import unittest

from tannery_vat_order import vat_order


class TanneryVatOrderTest(unittest.TestCase):
    def test_worth_then_name(self):
        self.assertEqual(vat_order({}, []), [])
        self.assertEqual(
            vat_order({"elk": ("a", 3), "doe": ("b", 3), "cow": ("c", 4)}, []),
            ["cow", "doe", "elk"],
        )
        self.assertEqual(vat_order({"elk": ("a", -3), "doe": ("b", 0)}, []), ["doe", "elk"])

    def test_what_must_come_first(self):
        hides = {"elk": ("a", 1), "doe": ("b", 2), "cow": ("c", 3)}
        self.assertEqual(vat_order(hides, [("elk", "cow")]), ["doe", "elk", "cow"])
        self.assertEqual(vat_order(hides, [("elk", "cow"), ("elk", "doe")]), ["elk", "cow", "doe"])
        self.assertEqual(
            vat_order(hides, [("doe", "cow"), ("elk", "doe"), ("elk", "doe")]),
            ["elk", "doe", "cow"],
        )

    def test_dyes_change(self):
        hides = {"elk": ("a", 9), "doe": ("a", 8), "cow": ("a", 7), "ox": ("b", 2), "ewe": ("c", 1)}
        self.assertEqual(vat_order(hides, []), ["elk", "ox", "doe", "ewe", "cow"])
        self.assertEqual(
            vat_order(hides, [("cow", "ox"), ("ox", "ewe")]), ["elk", "doe", "cow", "ox", "ewe"]
        )

    def test_three_times_passed_over(self):
        hides = {
            "ram": ("a", 9),
            "elk": ("b", 8),
            "doe": ("c", 7),
            "cow": ("d", 6),
            "ewe": ("e", 5),
            "ox": ("c", 4),
        }
        self.assertEqual(vat_order(hides, []), ["ram", "elk", "doe", "cow", "ewe", "ox"])
        hides = {"ox": ("a", 1), "ram": ("b", 9), "elk": ("c", 8), "doe": ("d", 7), "cow": ("e", 6)}
        before = [("ram", "elk"), ("elk", "doe"), ("doe", "cow")]
        self.assertEqual(vat_order(hides, before), ["ram", "elk", "doe", "ox", "cow"])

    def test_passed_over_even_with_the_same_dye(self):
        hides = {"ox": ("a", 1), "ram": ("b", 9), "elk": ("c", 8), "doe": ("a", 7), "cow": ("e", 6)}
        before = [("ram", "elk"), ("elk", "doe"), ("doe", "cow")]
        self.assertEqual(vat_order(hides, before), ["ram", "elk", "doe", "ox", "cow"])

    def test_several_passed_over(self):
        hides = {
            "ox": ("a", 1),
            "ewe": ("b", 2),
            "ram": ("c", 9),
            "elk": ("d", 8),
            "doe": ("b", 7),
            "cow": ("e", 6),
        }
        before = [("ram", "elk"), ("elk", "doe"), ("doe", "cow")]
        self.assertEqual(vat_order(hides, before), ["ram", "elk", "doe", "ox", "ewe", "cow"])
        hides["doe"] = ("f", 7)
        self.assertEqual(vat_order(hides, before), ["ram", "elk", "doe", "ewe", "ox", "cow"])

    def test_only_hides_that_may_come_next_are_passed_over(self):
        hides = {
            "ram": ("a", 9),
            "elk": ("b", 8),
            "doe": ("c", 7),
            "cow": ("d", 6),
            "ox": ("e", 1),
            "pig": ("f", 0),
        }
        before = [("elk", "ox"), ("ram", "elk"), ("elk", "doe"), ("doe", "cow"), ("cow", "pig")]
        self.assertEqual(vat_order(hides, before), ["ram", "elk", "doe", "cow", "ox", "pig"])
        hides["hog"] = ("g", 5)
        self.assertEqual(
            vat_order(hides, [*before, ("cow", "hog")]),
            ["ram", "elk", "doe", "cow", "hog", "ox", "pig"],
        )

    def test_unknown_hides(self):
        hides = {"elk": ("a", 1), "doe": ("b", 2)}
        self.assertEqual(vat_order(hides, [("cow", "doe")]), ["doe", "elk"])
        self.assertEqual(vat_order(hides, [("doe", "cow"), ("cow", "elk")]), ["doe", "elk"])
        with self.assertRaises(ValueError):
            vat_order(hides, [("doe", "cow"), ("doe", "elk"), ("elk", "doe")])

    def test_hides_that_wait_for_each_other(self):
        hides = {"elk": ("a", 1), "doe": ("b", 2), "cow": ("c", 3)}
        with self.assertRaises(ValueError):
            vat_order(hides, [("doe", "elk"), ("elk", "doe")])
        with self.assertRaises(ValueError):
            vat_order(hides, [("doe", "doe")])


if __name__ == "__main__":
    unittest.main()
