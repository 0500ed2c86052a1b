import unittest

from quilt_pattern_script import stitch_pattern


class QuiltPatternScriptTest(unittest.TestCase):
    def test_numbers_repeat_letters_and_groups(self):
        self.assertEqual(stitch_pattern("2ab"), "aab")
        self.assertEqual(stitch_pattern("12a"), "aaaaaaaaaaaa")
        self.assertEqual(stitch_pattern("2(a0b3c)"), "acccaccc")

    def test_turned_group_is_reversed(self):
        self.assertEqual(stitch_pattern("~(abC)"), "cBA")
        self.assertEqual(stitch_pattern("~2(ab)x"), "BABAx")

    def test_equals_repeats_a_letter(self):
        self.assertEqual(stitch_pattern("ab=c"), "abbc")


if __name__ == "__main__":
    unittest.main()
