import unittest

from organ_stop_program import sounding_stops


class OrganStopProgramTest(unittest.TestCase):
    def test_empty_program(self) -> None:
        self.assertEqual(sounding_stops([]), [])

    def test_pull_and_push(self) -> None:
        self.assertEqual(sounding_stops(["pull Oboe", "pull Horn"]), ["Oboe", "Horn"])
        self.assertEqual(sounding_stops(["pull Oboe", "pull Horn", "push Oboe"]), ["Horn"])
        self.assertEqual(
            sounding_stops(["pull Oboe", "pull Horn", "push Oboe", "pull Oboe"]), ["Horn", "Oboe"]
        )

    def test_no_change(self) -> None:
        self.assertEqual(sounding_stops(["pull Oboe", "pull Horn", "pull Oboe"]), ["Oboe", "Horn"])
        self.assertEqual(sounding_stops(["pull Oboe", "pull Oboe", "push Oboe"]), [])
        self.assertEqual(sounding_stops(["push Oboe", "pull Horn", "push Oboe"]), ["Horn"])

    def test_couplings(self) -> None:
        self.assertEqual(sounding_stops(["couple Horn Oboe"]), [])
        self.assertEqual(sounding_stops(["pull Horn", "couple Horn Oboe"]), ["Horn", "Oboe"])
        self.assertEqual(sounding_stops(["pull Oboe", "couple Horn Oboe"]), ["Oboe"])
        self.assertEqual(sounding_stops(["couple Horn Oboe", "pull Horn", "push Horn"]), [])

    def test_coupling_chains(self) -> None:
        chain = ["couple Cor Dulcian", "couple Bell Cor", "couple Ape Bell"]
        self.assertEqual(sounding_stops([*chain, "pull Ape"]), ["Ape", "Bell", "Cor", "Dulcian"])
        self.assertEqual(sounding_stops([*chain, "pull Cor"]), ["Cor", "Dulcian"])
        circle = [*chain, "couple Dulcian Ape"]
        self.assertEqual(sounding_stops([*circle, "pull Cor"]), ["Cor", "Ape", "Bell", "Dulcian"])

    def test_drawn_and_coupled(self) -> None:
        program = ["couple Horn Oboe", "couple Horn Oboe", "pull Horn", "pull Flute", "couple Flute Horn"]
        self.assertEqual(sounding_stops(program), ["Horn", "Flute", "Oboe"])
        self.assertEqual(sounding_stops([*program, "pull Oboe"]), ["Horn", "Flute", "Oboe"])
        self.assertEqual(sounding_stops([*program, "push Horn"]), ["Flute", "Horn", "Oboe"])

    def test_coupled_in_alphabetical_order(self) -> None:
        program = ["couple Horn Zink", "couple Horn Ape", "couple Zink Cor", "pull Viol", "pull Horn"]
        self.assertEqual(sounding_stops(program), ["Viol", "Horn", "Ape", "Cor", "Zink"])

    def test_save_and_recall(self) -> None:
        program = ["pull Oboe", "pull Horn", "save 1", "push Oboe", "pull Flute", "save 2"]
        self.assertEqual(sounding_stops([*program, "recall 1"]), ["Oboe", "Horn"])
        self.assertEqual(sounding_stops([*program, "recall 1", "recall 2"]), ["Horn", "Flute"])
        self.assertEqual(sounding_stops([*program, "recall 3"]), ["Horn", "Flute"])

    def test_stored_stops_do_not_change(self) -> None:
        program = ["pull Oboe", "save 1", "recall 1", "pull Horn", "push Oboe", "recall 1"]
        self.assertEqual(sounding_stops(program), ["Oboe"])
        program = ["pull Oboe", "save 1", "pull Horn", "save 1", "push Oboe", "recall 1"]
        self.assertEqual(sounding_stops(program), ["Oboe", "Horn"])

    def test_couplings_are_not_stored(self) -> None:
        program = ["pull Horn", "save 1", "couple Horn Bell", "recall 1"]
        self.assertEqual(sounding_stops(program), ["Horn", "Bell"])

    def test_cancel(self) -> None:
        program = ["couple Horn Bell", "pull Horn", "save 1", "cancel"]
        self.assertEqual(sounding_stops(program), [])
        self.assertEqual(sounding_stops([*program, "pull Horn"]), ["Horn"])
        self.assertEqual(sounding_stops([*program, "recall 1"]), ["Horn"])
        self.assertEqual(sounding_stops([*program, "recall 1", "couple Horn Ape"]), ["Horn", "Ape"])
