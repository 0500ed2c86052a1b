import unittest

from bell_changes import ring_changes


class BellChangesVisibleTest(unittest.TestCase):
    def test_first_row(self) -> None:
        self.assertEqual(list(ring_changes("123", 2)), ["123", "213"])

    def test_changes_alternate(self) -> None:
        self.assertEqual(list(ring_changes("123", 5)), ["123", "213", "231", "321", "312"])


if __name__ == "__main__":
    unittest.main()
