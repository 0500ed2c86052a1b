import unittest

from bell_changes import ring_changes


class BellChangesTest(unittest.TestCase):
    def test_first_row_is_the_given_order(self) -> None:
        self.assertEqual(list(ring_changes("135", 1)), ["135"])
        self.assertEqual(next(ring_changes("dcba", 5)), "dcba")

    def test_number_of_rows(self) -> None:
        self.assertEqual(len(list(ring_changes("abcd", 7))), 7)
        self.assertEqual(list(ring_changes("abcd", 0)), [])

    def test_three_bells(self) -> None:
        self.assertEqual(list(ring_changes("123", 7)), ["123", "213", "231", "321", "312", "132", "123"])

    def test_even_number_of_bells(self) -> None:
        self.assertEqual(list(ring_changes("abcd", 5)), ["abcd", "badc", "bdac", "dbca", "dcba"])

    def test_odd_number_of_bells(self) -> None:
        self.assertEqual(list(ring_changes("12345", 4)), ["12345", "21435", "24153", "42513"])

    def test_six_bells(self) -> None:
        self.assertEqual(list(ring_changes("123456", 3)), ["123456", "214365", "241635"])

    def test_few_bells(self) -> None:
        self.assertEqual(list(ring_changes("x", 3)), ["x", "x", "x"])
        self.assertEqual(list(ring_changes("xy", 4)), ["xy", "yx", "yx", "xy"])


if __name__ == "__main__":
    unittest.main()
