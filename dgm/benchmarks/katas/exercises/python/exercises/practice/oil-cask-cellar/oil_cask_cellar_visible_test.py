import unittest

from oil_cask_cellar import CellarShort, OilCellar


class OilCaskCellarVisibleTest(unittest.TestCase):
    def test_oldest_cask_first(self) -> None:
        cellar = OilCellar()
        cellar.lay("Ash", 20)
        cellar.lay("Elm", 30)
        self.assertEqual(cellar.draw(4), [("Ash", 4)])
        self.assertEqual(cellar.stock(), [("Ash", 16), ("Elm", 30)])

    def test_lees_stay(self) -> None:
        cellar = OilCellar()
        cellar.lay("Ash", 5)
        cellar.lay("Elm", 9)
        self.assertEqual(cellar.draw(4), [("Ash", 3), ("Elm", 1)])
        self.assertEqual(cellar.stock(), [("Elm", 8)])

    def test_too_little_oil(self) -> None:
        cellar = OilCellar()
        with self.assertRaises(CellarShort):
            cellar.draw(1)
