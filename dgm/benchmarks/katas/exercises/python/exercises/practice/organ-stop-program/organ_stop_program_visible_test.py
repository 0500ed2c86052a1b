import unittest

from organ_stop_program import sounding_stops


class OrganStopProgramVisibleTest(unittest.TestCase):
    def test_pull_and_push(self) -> None:
        self.assertEqual(
            sounding_stops(["pull Horn", "pull Flute", "push Oboe", "pull Horn"]), ["Horn", "Flute"]
        )

    def test_couplings(self) -> None:
        program = ["couple Flute Bell", "couple Bell Ape", "pull Horn", "pull Flute"]
        self.assertEqual(sounding_stops(program), ["Horn", "Flute", "Ape", "Bell"])

    def test_save_and_recall(self) -> None:
        program = ["pull Horn", "save 1", "cancel", "pull Flute", "recall 1"]
        self.assertEqual(sounding_stops(program), ["Horn"])
