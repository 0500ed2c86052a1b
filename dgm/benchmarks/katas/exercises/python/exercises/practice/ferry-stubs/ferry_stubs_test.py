import unittest

from ferry_stubs import read_stub


class FerryStubsTest(unittest.TestCase):
    def test_one_digit_seats(self) -> None:
        self.assertEqual(read_stub("KEL-0-0"), ("KEL", 0))
        self.assertEqual(read_stub("Oban-7-7"), ("Oban", 7))

    def test_digits_are_weighed_by_place(self) -> None:
        self.assertEqual(read_stub("KEL-042-4"), ("KEL", 42))
        self.assertEqual(read_stub("KEL-12-5"), ("KEL", 12))
        self.assertEqual(read_stub("KEL-21-4"), ("KEL", 21))
        self.assertEqual(read_stub("KEL-1111-0"), ("KEL", 1111))

    def test_only_the_last_digit_of_the_sum_counts(self) -> None:
        self.assertEqual(read_stub("KEL-05-0"), ("KEL", 5))
        self.assertEqual(read_stub("KEL-99-7"), ("KEL", 99))
        self.assertEqual(read_stub("KEL-065-7"), ("KEL", 65))

    def test_forged_stubs_are_refused(self) -> None:
        for stub in ("KEL-042-5", "KEL-042-3", "KEL-042-6", "KEL-7-8", "KEL-99-8", "KEL-042-x"):
            with self.assertRaises(ValueError):
                read_stub(stub)

    def test_the_mark_is_one_digit(self) -> None:
        with self.assertRaises(ValueError):
            read_stub("KEL-042-14")

    def test_stamped_by_hand(self) -> None:
        self.assertEqual(read_stub("KEL-042-*"), ("KEL", 42))
        self.assertEqual(read_stub("Oban-9-*"), ("Oban", 9))


if __name__ == "__main__":
    unittest.main()
