import unittest

from tannery_vat_order import vat_order


class TanneryVatOrderTest(unittest.TestCase):
    def test_worth_then_name(self):
        hides = {"calf": ("red", 2), "goat": ("blue", 7), "boar": ("grey", 2)}
        self.assertEqual(vat_order(hides, []), ["goat", "boar", "calf"])
        self.assertEqual(
            vat_order(hides, [("calf", "goat"), ("boar", "calf")]), ["boar", "calf", "goat"]
        )

    def test_dyes_change_if_possible(self):
        hides = {"calf": ("red", 9), "goat": ("red", 8), "boar": ("blue", 1)}
        self.assertEqual(vat_order(hides, []), ["calf", "boar", "goat"])
        self.assertEqual(vat_order(hides, [("goat", "boar")]), ["calf", "goat", "boar"])


if __name__ == "__main__":
    unittest.main()
