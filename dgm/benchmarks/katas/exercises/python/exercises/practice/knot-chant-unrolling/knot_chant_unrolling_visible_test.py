import unittest

from knot_chant_unrolling import unroll_chant


class KnotChantUnrollingVisibleTest(unittest.TestCase):
    def test_counts(self) -> None:
        self.assertEqual(
            unroll_chant("2*heave ho 3*( pull )"), ["heave", "heave", "ho", "pull", "pull", "pull"]
        )
        self.assertEqual(unroll_chant("12*la"), ["la"] * 12)

    def test_backwards_group(self) -> None:
        self.assertEqual(unroll_chant("-( low 2*pull high )"), ["high", "pull", "pull", "low"])
        self.assertEqual(unroll_chant("2*-( low high )"), ["high", "low", "high", "low"])

    def test_word_once_more(self) -> None:
        self.assertEqual(unroll_chant("ho ^ ( low ^ ^ )"), ["ho", "ho", "low", "low", "low"])
