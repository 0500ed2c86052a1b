import unittest

from oil_cask_cellar import CellarShort, OilCellar


def cellar_with(*casks):
    cellar = OilCellar()
    for cask, litres in casks:
        cellar.lay(cask, litres)
    return cellar


class OilCaskCellarTest(unittest.TestCase):
    def test_empty_cellar(self) -> None:
        self.assertEqual(OilCellar().stock(), [])
        self.assertEqual(OilCellar().draw(0), [])

    def test_laying_down(self) -> None:
        cellar = cellar_with(("Elm", 7), ("Ash", 5))
        self.assertEqual(cellar.stock(), [("Elm", 7), ("Ash", 5)])

    def test_oldest_cask_first(self) -> None:
        cellar = cellar_with(("Ash", 10), ("Elm", 30), ("Yew", 20))
        self.assertEqual(cellar.draw(5), [("Ash", 5)])
        self.assertEqual(cellar.draw(10), [("Ash", 3), ("Elm", 7)])
        self.assertEqual(cellar.stock(), [("Elm", 23), ("Yew", 20)])
        self.assertEqual(cellar.draw(0), [])
        self.assertEqual(cellar.stock(), [("Elm", 23), ("Yew", 20)])

    def test_over_three_casks(self) -> None:
        cellar = cellar_with(("Ash", 4), ("Elm", 3), ("Yew", 9))
        self.assertEqual(cellar.draw(5), [("Ash", 2), ("Elm", 1), ("Yew", 2)])
        self.assertEqual(cellar.stock(), [("Yew", 7)])

    def test_down_to_the_lees(self) -> None:
        cellar = cellar_with(("Ash", 10), ("Elm", 6))
        self.assertEqual(cellar.draw(8), [("Ash", 8)])
        self.assertEqual(cellar.stock(), [("Elm", 6)])
        self.assertEqual(cellar.draw(3), [("Elm", 3)])
        self.assertEqual(cellar.stock(), [("Elm", 3)])
        self.assertEqual(cellar.draw(1), [("Elm", 1)])
        self.assertEqual(cellar.stock(), [])

    def test_laying_down_again(self) -> None:
        cellar = cellar_with(("Ash", 10), ("Elm", 6), ("Ash", 3))
        self.assertEqual(cellar.stock(), [("Elm", 6), ("Ash", 13)])
        self.assertEqual(cellar.draw(6), [("Elm", 4), ("Ash", 2)])
        cellar.lay("Elm", 4)
        self.assertEqual(cellar.stock(), [("Ash", 11), ("Elm", 4)])

    def test_laying_down_the_newest_again(self) -> None:
        cellar = cellar_with(("Ash", 10), ("Elm", 6), ("Elm", 3))
        self.assertEqual(cellar.stock(), [("Ash", 10), ("Elm", 9)])

    def test_too_little_oil(self) -> None:
        cellar = cellar_with(("Ash", 10), ("Elm", 6))
        with self.assertRaises(CellarShort):
            cellar.draw(13)
        self.assertEqual(cellar.draw(12), [("Ash", 8), ("Elm", 4)])
        with self.assertRaises(CellarShort):
            cellar.draw(1)

    def test_nothing_changes_when_short(self) -> None:
        cellar = cellar_with(("Ash", 10), ("Elm", 6))
        with self.assertRaises(CellarShort):
            cellar.draw(15)
        self.assertEqual(cellar.stock(), [("Ash", 10), ("Elm", 6)])
        self.assertEqual(cellar.draw(2), [("Ash", 2)])

    def test_two_cellars(self) -> None:
        one, other = cellar_with(("Ash", 10)), cellar_with(("Elm", 6))
        one.draw(3)
        self.assertEqual(one.stock(), [("Ash", 7)])
        self.assertEqual(other.stock(), [("Elm", 6)])
