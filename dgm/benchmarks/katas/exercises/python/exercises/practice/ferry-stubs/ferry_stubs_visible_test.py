import unittest

from ferry_stubs import read_stub


class FerryStubsVisibleTest(unittest.TestCase):
    def test_a_good_stub(self) -> None:
        self.assertEqual(read_stub("KEL-7-7"), ("KEL", 7))
        self.assertEqual(read_stub("KEL-10-1"), ("KEL", 10))

    def test_a_forged_stub(self) -> None:
        with self.assertRaises(ValueError):
            read_stub("KEL-12-3")


if __name__ == "__main__":
    unittest.main()
