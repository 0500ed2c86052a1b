import unittest

from dovecote_points import roost_points


class DovecotePointsVisibleTest(unittest.TestCase):
    def test_birds_add_up(self) -> None:
        self.assertEqual(roost_points("d.s"), 3)

    def test_owls(self) -> None:
        self.assertEqual(roost_points("od.d"), 2)

    def test_a_full_dovecote(self) -> None:
        self.assertEqual(roost_points("ds"), 6)


if __name__ == "__main__":
    unittest.main()
