import unittest

from harbour_hoists import hoist_flags


class HarbourHoistsVisibleTest(unittest.TestCase):
    def test_four_letters_to_a_hoist(self) -> None:
        self.assertEqual(hoist_flags("MISTY"), ["MIST", "Y"])

    def test_a_letter_that_comes_again(self) -> None:
        self.assertEqual(hoist_flags("TREE"), ["TRE3"])


if __name__ == "__main__":
    unittest.main()
