import unittest

from quilt_pattern_script import stitch_pattern


class QuiltPatternScriptTest(unittest.TestCase):
    def test_letters_and_groups(self):
        self.assertEqual(stitch_pattern(""), "")
        self.assertEqual(stitch_pattern("aBz"), "aBz")
        self.assertEqual(stitch_pattern("a(b(c)d)e"), "abcde")
        self.assertEqual(stitch_pattern("()x"), "x")

    def test_numbers(self):
        self.assertEqual(stitch_pattern("3a"), "aaa")
        self.assertEqual(stitch_pattern("10qZ"), "qqqqqqqqqqZ")
        self.assertEqual(stitch_pattern("a0(bc)d"), "ad")
        self.assertEqual(stitch_pattern("2(a2(bc)d)"), "abcbcdabcbcd")
        self.assertEqual(stitch_pattern("01a"), "a")

    def test_turning(self):
        self.assertEqual(stitch_pattern("~a"), "A")
        self.assertEqual(stitch_pattern("~3B"), "bbb")
        self.assertEqual(stitch_pattern("~(ab2C)"), "ccBA")
        self.assertEqual(stitch_pattern("~(a~(bc)d)"), "DbcA")
        self.assertEqual(stitch_pattern("~2(xY)z"), "yXyXz")

    def test_equals_takes_the_whole_piece(self):
        self.assertEqual(stitch_pattern("2(ab)="), "abababab")
        self.assertEqual(stitch_pattern("x3d="), "xdddddd")
        self.assertEqual(stitch_pattern("~(ab)=c"), "BABAc")
        self.assertEqual(stitch_pattern("(ab)=="), "ababab")

    def test_equals_carries_marks_of_its_own(self):
        self.assertEqual(stitch_pattern("(ab)~="), "abBA")
        self.assertEqual(stitch_pattern("(ab)2="), "ababab")
        self.assertEqual(stitch_pattern("2(ab)~2=="), "ababBABABABABABABABA")
        self.assertEqual(stitch_pattern("a0b=c"), "ac")

    def test_equals_stays_in_its_group(self):
        self.assertEqual(stitch_pattern("x(yz)="), "xyzyz")
        self.assertEqual(stitch_pattern("x(yz=)"), "xyzz")
        with self.assertRaises(ValueError):
            stitch_pattern("x(=y)")

    def test_brackets_need_partners(self):
        for script in ("(ab", "ab)", "a(b(c)", ")(", "(a))b"):
            with self.assertRaises(ValueError):
                stitch_pattern(script)

    def test_marks_need_an_item(self):
        for script in ("a~", "a2", "(a2)", "2~a", "~~a", "=a", "2="):
            with self.assertRaises(ValueError):
                stitch_pattern(script)

    def test_other_characters(self):
        for script in ("a b", "a-", "é"):
            with self.assertRaises(ValueError):
                stitch_pattern(script)


if __name__ == "__main__":
    unittest.main()
