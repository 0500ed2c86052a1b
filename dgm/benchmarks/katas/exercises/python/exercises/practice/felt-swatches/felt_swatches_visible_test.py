import unittest

from felt_swatches import turn_swatch


class FeltSwatchesVisibleTest(unittest.TestCase):
    def test_one_quarter(self) -> None:
        self.assertEqual(turn_swatch(["abc", "xyz"], 1), ["xa", "yb", "zc"])

    def test_stripes_turn_too(self) -> None:
        self.assertEqual(turn_swatch(["|-", "a|"], 1), ["a-", "-|"])


if __name__ == "__main__":
    unittest.main()
