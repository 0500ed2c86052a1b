import unittest

from rookery_egg_numerals import read_eggs, write_eggs


class RookeryEggNumeralsTest(unittest.TestCase):
    def test_writing_first_place(self):
        self.assertEqual(
            [write_eggs(n) for n in range(-4, 5)], ["a3", "c", "b", "a", "0", "1", "2", "3", "1c"]
        )

    def test_writing_second_place(self):
        self.assertEqual(write_eggs(17), "23")
        self.assertEqual(write_eggs(18), "1bc")
        self.assertEqual(write_eggs(-17), "bc")
        self.assertEqual(write_eggs(-18), "a23")

    def test_writing_higher_places(self):
        self.assertEqual(write_eggs(35), "100")
        self.assertEqual(write_eggs(122), "323")
        self.assertEqual(write_eggs(123), "1cbc")
        self.assertEqual(write_eggs(1000), "1a1ba")
        self.assertEqual(write_eggs(-1000), "a1a21")
        self.assertEqual(write_eggs(123456), "3a3aa2c")

    def test_writing_runs(self):
        self.assertEqual(write_eggs(43), "1[3]")
        self.assertEqual(write_eggs(8), "11")
        self.assertEqual(write_eggs(1513), "1[5]")
        self.assertEqual(write_eggs(3675), "30[4]")
        self.assertEqual(write_eggs(-288), "a[4]")
        self.assertEqual(write_eggs(35**5), "10[10]")
        self.assertEqual(write_eggs(1225 * 247), "10020[4]")

    def test_reading_plain_numerals(self):
        self.assertEqual(read_eggs("0"), 0)
        self.assertEqual(read_eggs("b"), -2)
        self.assertEqual(read_eggs("1cbc"), 123)
        self.assertEqual(read_eggs("a1a21"), -1000)

    def test_reading_runs(self):
        self.assertEqual(read_eggs("1[3]0"), 7 + 35 + 245)
        self.assertEqual(read_eggs("b[3]"), -86)
        self.assertEqual(read_eggs("10[10]"), 35**5)
        self.assertEqual(read_eggs("2a[4]3"), 15641)

    def test_there_and_back(self):
        self.assertEqual(
            [read_eggs(write_eggs(n)) for n in range(-400, 400)], list(range(-400, 400))
        )

    def test_digits_too_large_for_their_place(self):
        for numeral in ("30", "c1", "1030", "4", "1d"):
            with self.assertRaises(ValueError):
                read_eggs(numeral)

    def test_leading_zeros_and_signs(self):
        for numeral in ("01", "00", "-1", "+1", "", " 1"):
            with self.assertRaises(ValueError):
                read_eggs(numeral)

    def test_runs_written_wrongly(self):
        for numeral in (
            "111",
            "1[2]",
            "21[1]",
            "1[3]1",
            "11[2]",
            "1[03]",
            "1[]",
            "[3]",
            "0[3]",
            "1[3",
        ):
            with self.assertRaises(ValueError):
                read_eggs(numeral)


if __name__ == "__main__":
    unittest.main()
