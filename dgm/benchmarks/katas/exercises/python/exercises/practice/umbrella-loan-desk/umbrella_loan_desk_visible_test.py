import unittest

from umbrella_loan_desk import BarredError, LoanDesk, NoUmbrellaError


class UmbrellaLoanDeskTest(unittest.TestCase):
    def test_umbrellas_dry(self):
        desk = LoanDesk(2)
        self.assertEqual(desk.lend("Ida", 1), 1)
        self.assertEqual(desk.bring("Ida", 2), 0)
        self.assertEqual(desk.lend("Bo", 3), 2)
        self.assertEqual(desk.lend("Cy", 4), 1)

    def test_fees(self):
        desk = LoanDesk(1)
        desk.lend("Ida", 1)
        self.assertEqual(desk.bring("Ida", 5), 1)
        desk.lend("Ida", 10)
        self.assertEqual(desk.bring("Ida", 18), 6)
        self.assertEqual(desk.pay("Ida", 4), 3)

    def test_barred(self):
        desk = LoanDesk(1)
        desk.lend("Ida", 0)
        desk.bring("Ida", 9)
        with self.assertRaises(BarredError):
            desk.lend("Ida", 20)
        self.assertEqual(desk.lend("Bo", 20), 1)
        with self.assertRaises(NoUmbrellaError):
            desk.lend("Cy", 21)


if __name__ == "__main__":
    unittest.main()
