import unittest

from knot_chant_unrolling import unroll_chant


def sung(text):
    return text.split()


class KnotChantUnrollingTest(unittest.TestCase):
    def test_plain_words(self) -> None:
        self.assertEqual(unroll_chant(""), [])
        self.assertEqual(unroll_chant("heave"), ["heave"])
        self.assertEqual(unroll_chant(" heave  ho "), ["heave", "ho"])

    def test_counts(self) -> None:
        self.assertEqual(unroll_chant("3*la 1*lo 0*li"), sung("la la la lo"))
        self.assertEqual(unroll_chant("10*la"), ["la"] * 10)
        self.assertEqual(unroll_chant("2*( la 2*lo )"), sung("la lo lo la lo lo"))
        self.assertEqual(unroll_chant("hey 0*( la 2*lo ) ho"), sung("hey ho"))
        self.assertEqual(unroll_chant("11*( la )"), ["la"] * 11)

    def test_groups_in_groups(self) -> None:
        self.assertEqual(unroll_chant("2*( a 2*( b c ) )"), sung("a b c b c a b c b c"))
        self.assertEqual(unroll_chant("( ( a ) ( ) b )"), sung("a b"))

    def test_backwards(self) -> None:
        self.assertEqual(unroll_chant("-( a b c )"), sung("c b a"))
        self.assertEqual(unroll_chant("x 2*-( a b c ) y"), sung("x c b a c b a y"))
        self.assertEqual(unroll_chant("-( a ( b c d ) )"), sung("d c b a"))

    def test_backwards_in_backwards(self) -> None:
        self.assertEqual(unroll_chant("-( a -( b c d ) e )"), sung("e b c d a"))
        self.assertEqual(unroll_chant("-( 2*( a b ) c )"), sung("c b a b a"))

    def test_once_more(self) -> None:
        self.assertEqual(unroll_chant("a ^ b ^ ^"), sung("a a b b b"))
        self.assertEqual(unroll_chant("2*( a ^ )"), sung("a a a a"))
        self.assertEqual(unroll_chant("( a b ) ^"), sung("a b b"))
        self.assertEqual(unroll_chant("-( a b ) ^"), sung("b a a"))
        self.assertEqual(unroll_chant("-( a b ^ )"), sung("b b a"))

    def test_once_more_without_a_word_before(self) -> None:
        self.assertEqual(unroll_chant("a ( ^ b )"), sung("a b"))
        self.assertEqual(unroll_chant("a ( 0*b ^ ) ^"), sung("a a"))
        self.assertEqual(unroll_chant("a ( b ( ^ ) ^ )"), sung("a b b"))
        self.assertEqual(unroll_chant("^ a"), sung("a"))

    def test_closing_bracket_without_partner(self) -> None:
        for chant in [")", "a )", "( a ) )", "a ) ( b"]:
            with self.assertRaises(ValueError):
                unroll_chant(chant)

    def test_opening_bracket_without_partner(self) -> None:
        for chant in ["(", "( a", "2*( a", "-( a", "( a ( b )", "a ("]:
            with self.assertRaises(ValueError):
                unroll_chant(chant)
