import unittest

from mule_pass_inns import quickest_way

PATHS = [
    ("Brig", "Alp", 2),
    ("Cima", "Alp", 1),
    ("Brig", "Dorn", 1),
    ("Dorn", "Alp", 3),
    ("Egg", "Cima", 4),
    ("Fels", "Gand", 1),
]


class MulePassInnsTest(unittest.TestCase):
    def test_single_path(self) -> None:
        self.assertEqual(quickest_way(PATHS, set(), "Brig", "Dorn"), (2, ["Brig", "Dorn"]))
        self.assertEqual(quickest_way(PATHS, set(), "Dorn", "Brig"), (1, ["Dorn", "Brig"]))

    def test_several_paths(self) -> None:
        self.assertEqual(quickest_way(PATHS, set(), "Brig", "Egg"), (9, ["Brig", "Alp", "Cima", "Egg"]))
        self.assertEqual(quickest_way(PATHS, set(), "Egg", "Brig"), (12, ["Egg", "Cima", "Alp", "Brig"]))

    def test_more_places_but_quicker(self) -> None:
        paths = [("Ried", "Tal", 9), ("Tal", "Moos", 2), ("Ried", "Moos", 3)]
        self.assertEqual(quickest_way(paths, set(), "Ried", "Tal"), (8, ["Ried", "Moos", "Tal"]))
        self.assertEqual(quickest_way(paths, set(), "Tal", "Ried"), (7, ["Tal", "Moos", "Ried"]))

    def test_nowhere_to_go(self) -> None:
        self.assertEqual(quickest_way(PATHS, set(), "Brig", "Brig"), (0, ["Brig"]))
        self.assertEqual(quickest_way([], {"Brig"}, "Brig", "Brig"), (0, ["Brig"]))

    def test_no_way(self) -> None:
        self.assertEqual(quickest_way(PATHS, set(), "Brig", "Gand"), None)
        self.assertEqual(quickest_way(PATHS, set(), "Zell", "Brig"), None)
        self.assertEqual(quickest_way([], set(), "Brig", "Alp"), None)

    def test_rests_on_the_way(self) -> None:
        self.assertEqual(quickest_way(PATHS, {"Alp"}, "Brig", "Cima"), (6, ["Brig", "Alp", "Cima"]))
        self.assertEqual(
            quickest_way(PATHS, {"Alp", "Cima"}, "Brig", "Egg"), (11, ["Brig", "Alp", "Cima", "Egg"])
        )

    def test_no_rest_at_the_ends(self) -> None:
        self.assertEqual(quickest_way(PATHS, {"Brig", "Dorn"}, "Brig", "Dorn"), (2, ["Brig", "Dorn"]))
        self.assertEqual(quickest_way(PATHS, {"Brig", "Egg"}, "Brig", "Egg")[0], 9)

    def test_inn_makes_a_detour_worth_it(self) -> None:
        paths = [("Ried", "Moos", 2), ("Tal", "Moos", 2), ("Ried", "Wald", 2), ("Tal", "Wald", 2)]
        self.assertEqual(quickest_way(paths, set(), "Ried", "Tal"), (6, ["Ried", "Moos", "Tal"]))
        self.assertEqual(quickest_way(paths, {"Moos"}, "Ried", "Tal"), (6, ["Ried", "Wald", "Tal"]))
        self.assertEqual(quickest_way(paths, {"Moos", "Wald"}, "Ried", "Tal"), (7, ["Ried", "Moos", "Tal"]))

    def test_fewer_places_first(self) -> None:
        paths = [("Ufer", "Ried", 3), ("Tal", "Ufer", 2), ("Tal", "Ried", 5)]
        self.assertEqual(quickest_way(paths, set(), "Ried", "Tal"), (5, ["Ried", "Tal"]))
        paths = [("Tal", "Ried", 5), ("Alm", "Ried", 3), ("Tal", "Alm", 2)]
        self.assertEqual(quickest_way(paths, set(), "Ried", "Tal"), (5, ["Ried", "Tal"]))
        paths = [
            ("Bach", "Ried", 1),
            ("Alm", "Bach", 1),
            ("Tal", "Alm", 1),
            ("Zaun", "Ried", 2),
            ("Tal", "Zaun", 1),
        ]
        self.assertEqual(quickest_way(paths, set(), "Ried", "Tal"), (3, ["Ried", "Zaun", "Tal"]))

    def test_input_stays_as_it_was(self) -> None:
        paths = [("Brig", "Alp", 2), ("Cima", "Alp", 1)]
        quickest_way(paths, {"Alp"}, "Brig", "Cima")
        self.assertEqual(paths, [("Brig", "Alp", 2), ("Cima", "Alp", 1)])
