import unittest

from wax_seal_marks import seal_marks


class WaxSealMarksTest(unittest.TestCase):
    def test_own_marks_first(self):
        houses = {"Ash": (["Elm"], {"bear": "red"}), "Elm": ([], {"bear": "blue", "key": "grey"})}
        self.assertEqual(seal_marks(houses, "Ash"), {"bear": "red", "key": "grey"})
        self.assertEqual(seal_marks(houses, "Elm"), {"bear": "blue", "key": "grey"})
        self.assertEqual(seal_marks({"Oak": ([], {})}, "Oak"), {})

    def test_fewest_steps(self):
        houses = {
            "Ash": (["Birch", "Elm"], {}),
            "Birch": (["Fir"], {"key": "gold"}),
            "Elm": ([], {"owl": "red", "key": "grey"}),
            "Fir": (["Elm"], {"owl": "blue"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"owl": "red", "key": "gold"})
        self.assertEqual(seal_marks(houses, "Birch"), {"owl": "blue", "key": "gold"})

    def test_order_among_equals(self):
        houses = {
            "Ash": (["Elm", "Fir"], {}),
            "Elm": (["Oak"], {"owl": "red"}),
            "Fir": (["Yew"], {"owl": "blue", "fox": "black"}),
            "Oak": ([], {"key": "gold"}),
            "Yew": ([], {"key": "grey", "sun": "white", "fox": "red"}),
        }
        self.assertEqual(
            seal_marks(houses, "Ash"), {"owl": "red", "fox": "black", "key": "gold", "sun": "white"}
        )
        houses["Ash"] = (["Fir", "Elm"], {})
        self.assertEqual(
            seal_marks(houses, "Ash"),
            {"owl": "blue", "fox": "black", "key": "grey", "sun": "white"},
        )

    def test_adopted_parents(self):
        houses = {
            "Ash": (["~Elm"], {}),
            "Elm": (["Oak"], {"owl": "red"}),
            "Oak": ([], {"key": "gold"}),
            "Yew": (["Ash"], {}),
            "Fir": (["~Elm", "Gorse"], {}),
            "Gorse": (["Elm"], {"owl": "blue"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"owl": "red"})
        self.assertEqual(seal_marks(houses, "Elm"), {"owl": "red", "key": "gold"})
        self.assertEqual(seal_marks(houses, "Yew"), {"owl": "red"})
        self.assertEqual(seal_marks(houses, "Fir"), {"owl": "red", "key": "gold"})

    def test_none_hides(self):
        houses = {
            "Ash": (["Elm", "Fir"], {"fox": "none"}),
            "Elm": ([], {"owl": "none", "fox": "red"}),
            "Fir": ([], {"owl": "red", "key": "blue"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"key": "blue"})
        self.assertEqual(seal_marks(houses, "Elm"), {"fox": "red"})

    def test_references_look_at_the_finished_seal(self):
        houses = {
            "Ash": (["Elm"], {"key": "gold"}),
            "Elm": ([], {"owl": "@key", "key": "blue"}),
            "Fir": (["Elm"], {"owl": "green"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"owl": "gold", "key": "gold"})
        self.assertEqual(seal_marks(houses, "Elm"), {"owl": "blue", "key": "blue"})
        self.assertEqual(seal_marks(houses, "Fir"), {"owl": "green", "key": "blue"})

    def test_references_to_references(self):
        houses = {
            "Ash": ([], {"fox": "@owl", "owl": "@key", "key": "gold"}),
            "Elm": (["Ash"], {"key": "@sun", "sun": "red"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"fox": "gold", "owl": "gold", "key": "gold"})
        self.assertEqual(
            seal_marks(houses, "Elm"), {"fox": "red", "owl": "red", "key": "red", "sun": "red"}
        )

    def test_references_that_lead_nowhere(self):
        houses = {
            "Ash": ([], {"fox": "@owl", "key": "gold"}),
            "Elm": (["Ash"], {"key": "none", "owl": "@key", "sun": "red"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"key": "gold"})
        self.assertEqual(seal_marks(houses, "Elm"), {"sun": "red"})

    def test_references_in_a_circle(self):
        houses = {
            "Ash": ([], {"fox": "@owl", "owl": "@fox", "key": "@key", "sun": "@fox", "eye": "red"}),
            "Elm": (["Ash"], {"owl": "blue"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"eye": "red"})
        self.assertEqual(
            seal_marks(houses, "Elm"), {"fox": "blue", "owl": "blue", "sun": "blue", "eye": "red"}
        )


if __name__ == "__main__":
    unittest.main()
