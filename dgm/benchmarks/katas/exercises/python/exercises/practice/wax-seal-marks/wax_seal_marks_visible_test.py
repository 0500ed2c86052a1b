import unittest

from wax_seal_marks import seal_marks


class WaxSealMarksTest(unittest.TestCase):
    def test_forebears(self):
        houses = {
            "Ash": (["Birch"], {"bear": "red"}),
            "Birch": (["Elm"], {"bear": "blue", "owl": "grey"}),
            "Elm": ([], {"key": "gold"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"bear": "red", "owl": "grey", "key": "gold"})
        self.assertEqual(
            seal_marks(houses, "Birch"), {"bear": "blue", "owl": "grey", "key": "gold"}
        )

    def test_the_nearest_decides(self):
        houses = {
            "Ash": (["Birch", "Elm"], {}),
            "Birch": (["Fir"], {}),
            "Elm": ([], {"owl": "red"}),
            "Fir": ([], {"owl": "blue"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"owl": "red"})

    def test_colours(self):
        houses = {
            "Ash": (["Elm"], {"bear": "none", "owl": "@key"}),
            "Elm": ([], {"bear": "red", "key": "gold"}),
        }
        self.assertEqual(seal_marks(houses, "Ash"), {"owl": "gold", "key": "gold"})


if __name__ == "__main__":
    unittest.main()
