import unittest

from umbrella_loan_desk import BarredError, LoanDesk, NoUmbrellaError


class UmbrellaLoanDeskTest(unittest.TestCase):
    def test_lowest_number_first(self):
        desk = LoanDesk(3)
        self.assertEqual([desk.lend(p, 0) for p in ("Ida", "Bo", "Cy")], [1, 2, 3])
        with self.assertRaises(NoUmbrellaError):
            desk.lend("Dan", 0)
        desk.bring("Cy", 1)
        desk.bring("Bo", 1)
        self.assertEqual(desk.lend("Dan", 3), 2)
        self.assertEqual(desk.lend("Eve", 3), 3)

    def test_one_umbrella_each(self):
        desk = LoanDesk(2)
        self.assertEqual(desk.lend("Ida", 0), 1)
        self.assertEqual(desk.lend("Ida", 3), 1)
        self.assertEqual(desk.lend("Bo", 3), 2)
        self.assertEqual(desk.lend("Bo", 3), 2)
        self.assertEqual(desk.bring("Ida", 5), 2)

    def test_drying(self):
        desk = LoanDesk(1)
        desk.lend("Ida", 4)
        desk.bring("Ida", 4)
        with self.assertRaises(NoUmbrellaError):
            desk.lend("Bo", 5)
        self.assertEqual(desk.lend("Bo", 6), 1)

    def test_fees_by_length(self):
        desk = LoanDesk(1)
        fees = []
        for days in (0, 3, 4, 7, 8, 10):
            person = f"guest {days}"
            desk.lend(person, 20 * days)
            fees.append(desk.bring(person, 21 * days))
        self.assertEqual(fees, [0, 0, 1, 4, 6, 10])

    def test_nothing_to_bring(self):
        desk = LoanDesk(1)
        with self.assertRaises(KeyError):
            desk.bring("Ida", 0)
        desk.lend("Ida", 0)
        desk.bring("Ida", 1)
        with self.assertRaises(KeyError):
            desk.bring("Ida", 1)

    def test_paying(self):
        desk = LoanDesk(1)
        self.assertEqual(desk.pay("Ida", 3), 0)
        desk.lend("Ida", 0)
        desk.bring("Ida", 6)
        self.assertEqual(desk.pay("Ida", 1), 2)
        desk.lend("Ida", 9)
        desk.bring("Ida", 13)
        self.assertEqual(desk.pay("Ida", 0), 3)
        self.assertEqual(desk.pay("Ida", 5), 0)

    def test_owing_five_is_allowed(self):
        desk = LoanDesk(1)
        desk.lend("Ida", 0)
        desk.bring("Ida", 7)
        self.assertEqual(desk.lend("Ida", 9), 1)
        self.assertEqual(desk.bring("Ida", 13), 1)
        self.assertEqual(desk.lend("Ida", 20), 1)
        self.assertEqual(desk.bring("Ida", 24), 1)
        with self.assertRaises(BarredError):
            desk.lend("Ida", 30)

    def test_barred_until_all_is_paid(self):
        desk = LoanDesk(1)
        desk.lend("Ida", 0)
        desk.bring("Ida", 8)
        with self.assertRaises(BarredError):
            desk.lend("Ida", 20)
        self.assertEqual(desk.pay("Ida", 5), 1)
        with self.assertRaises(BarredError):
            desk.lend("Ida", 20)
        self.assertEqual(desk.pay("Ida", 1), 0)
        self.assertEqual(desk.lend("Ida", 20), 1)

    def test_barred_comes_before_no_umbrella(self):
        desk = LoanDesk(1)
        desk.lend("Ida", 0)
        desk.bring("Ida", 9)
        desk.lend("Bo", 11)
        with self.assertRaises(BarredError):
            desk.lend("Ida", 12)
        with self.assertRaises(NoUmbrellaError):
            desk.lend("Cy", 12)
        self.assertEqual(desk.bring("Bo", 12), 0)


if __name__ == "__main__":
    unittest.main()
