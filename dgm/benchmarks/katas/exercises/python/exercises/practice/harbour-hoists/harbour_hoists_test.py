import unittest

from harbour_hoists import hoist_flags


class HarbourHoistsTest(unittest.TestCase):
    def test_four_letters_to_a_hoist(self) -> None:
        self.assertEqual(hoist_flags("DOCK"), ["DOCK"])
        self.assertEqual(hoist_flags("DOCKY"), ["DOCK", "Y"])
        self.assertEqual(hoist_flags("MISTY"), ["MIST", "Y"])
        self.assertEqual(hoist_flags("FLAGSHIP"), ["FLAG", "SHIP"])

    def test_short_words(self) -> None:
        self.assertEqual(hoist_flags("SEA"), ["SEA"])
        self.assertEqual(hoist_flags("A"), ["A"])
        self.assertEqual(hoist_flags(""), [])

    def test_letters_that_come_again(self) -> None:
        self.assertEqual(hoist_flags("ANNA"), ["AN21"])
        self.assertEqual(hoist_flags("OOZE"), ["O1ZE"])
        self.assertEqual(hoist_flags("TREE"), ["TRE3"])

    def test_letters_that_come_three_times(self) -> None:
        self.assertEqual(hoist_flags("AAAA"), ["A111"])
        self.assertEqual(hoist_flags("BEEE"), ["BE22"])

    def test_positions_start_anew_in_each_hoist(self) -> None:
        self.assertEqual(hoist_flags("HARBOOR"), ["HARB", "O1R"])
        self.assertEqual(hoist_flags("DOCKATTA"), ["DOCK", "AT21"])

    def test_earlier_hoists_do_not_matter(self) -> None:
        self.assertEqual(hoist_flags("TUGSTUGS"), ["TUGS", "TUGS"])
        self.assertEqual(hoist_flags("BALLOON"), ["BAL3", "O1N"])
        self.assertEqual(hoist_flags("AAAAAAAAA"), ["A111", "A111", "A"])


if __name__ == "__main__":
    unittest.main()
