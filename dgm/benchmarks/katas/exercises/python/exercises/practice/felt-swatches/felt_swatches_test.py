import unittest

from felt_swatches import turn_swatch


class FeltSwatchesTest(unittest.TestCase):
    def test_one_quarter(self) -> None:
        self.assertEqual(turn_swatch(["ab", "cd"], 1), ["ca", "db"])
        self.assertEqual(turn_swatch(["abc", "xyz"], 1), ["xa", "yb", "zc"])

    def test_two_and_three_quarters(self) -> None:
        self.assertEqual(turn_swatch(["abc", "xyz"], 2), ["zyx", "cba"])
        self.assertEqual(turn_swatch(["abc", "xyz"], 3), ["cz", "by", "ax"])

    def test_full_turns(self) -> None:
        self.assertEqual(turn_swatch(["a|", "-d"], 0), ["a|", "-d"])
        self.assertEqual(turn_swatch(["a|", "-d"], 4), ["a|", "-d"])
        self.assertEqual(turn_swatch(["ab", "cd"], 5), ["ca", "db"])

    def test_the_other_way(self) -> None:
        self.assertEqual(turn_swatch(["abc", "xyz"], -1), ["cz", "by", "ax"])
        self.assertEqual(turn_swatch(["ab", "cd"], -2), ["dc", "ba"])
        self.assertEqual(turn_swatch(["ab", "cd"], -7), ["ca", "db"])

    def test_stripes_turn_too(self) -> None:
        self.assertEqual(turn_swatch(["|-", "a|"], 1), ["a-", "-|"])
        self.assertEqual(turn_swatch(["|-", "a|"], 2), ["|a", "-|"])
        self.assertEqual(turn_swatch(["|"], -1), ["-"])
        self.assertEqual(turn_swatch(["-"], 3), ["|"])

    def test_rows_given_are_left_alone(self) -> None:
        rows = ["ab", "cd"]
        turn_swatch(rows, 1)
        self.assertEqual(rows, ["ab", "cd"])


if __name__ == "__main__":
    unittest.main()
