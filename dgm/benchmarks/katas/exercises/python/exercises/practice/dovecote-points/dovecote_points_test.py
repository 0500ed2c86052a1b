import unittest

from dovecote_points import roost_points


class DovecotePointsTest(unittest.TestCase):
    def test_birds_add_up(self) -> None:
        self.assertEqual(roost_points("d.s"), 3)
        self.assertEqual(roost_points(".s.dd."), 5)
        self.assertEqual(roost_points("o..s"), 1)

    def test_dove_after_an_owl(self) -> None:
        self.assertEqual(roost_points("od.d"), 2)
        self.assertEqual(roost_points(".od"), 0)

    def test_dove_before_an_owl(self) -> None:
        self.assertEqual(roost_points("do."), 0)
        self.assertEqual(roost_points("d.do."), 2)

    def test_an_owl_two_holes_away_does_not_matter(self) -> None:
        self.assertEqual(roost_points("o.d.o"), 2)
        self.assertEqual(roost_points("dsos."), 4)
        self.assertEqual(roost_points(".sosd"), 4)

    def test_squabs_do_not_mind_owls(self) -> None:
        self.assertEqual(roost_points(".so"), 1)
        self.assertEqual(roost_points("sos."), 2)

    def test_a_full_dovecote_counts_double(self) -> None:
        self.assertEqual(roost_points("ds"), 6)
        self.assertEqual(roost_points("d"), 4)
        self.assertEqual(roost_points("ddod"), 4)
        self.assertEqual(roost_points("sos"), 4)

    def test_empty_holes_anywhere(self) -> None:
        self.assertEqual(roost_points(".ds"), 3)
        self.assertEqual(roost_points("ds."), 3)
        self.assertEqual(roost_points("..."), 0)


if __name__ == "__main__":
    unittest.main()
