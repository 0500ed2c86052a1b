import unittest

from seed_vault_rotation import SeedVault


class SeedVaultRotationTest(unittest.TestCase):
    def test_good_packets_in_order(self):
        vault = SeedVault(5)
        self.assertEqual(vault.good(0), [])
        for name, life in (("vetch", 6), ("rye", 3), ("flax", 3), ("oat", 1)):
            self.assertEqual(vault.deposit(name, 0, life), None)
        self.assertEqual(vault.good(0), ["oat", "flax", "rye", "vetch"])
        self.assertEqual(vault.good(1), ["flax", "rye", "vetch"])
        self.assertEqual(vault.good(2), ["flax", "rye", "vetch"])
        self.assertEqual(vault.good(3), ["vetch"])
        self.assertEqual(vault.good(6), [])

    def test_full_vault(self):
        vault = SeedVault(2)
        vault.deposit("rye", 0, 4)
        vault.deposit("flax", 0, 4)
        self.assertEqual(vault.deposit("oat", 0, 9), "flax")
        self.assertEqual(vault.deposit("flax", 1, 1), "rye")
        self.assertEqual(vault.good(1), ["flax", "oat"])

    def test_withered_packets_take_no_tray(self):
        vault = SeedVault(1)
        vault.deposit("rye", 0, 2)
        self.assertEqual(vault.deposit("flax", 2, 2), None)
        self.assertEqual(vault.deposit("oat", 3, 2), "flax")

    def test_topping_up(self):
        vault = SeedVault(2)
        vault.deposit("rye", 4, 9)
        vault.deposit("oat", 4, 4)
        self.assertEqual(vault.deposit("rye", 5, 2), None)
        self.assertEqual(vault.good(7), ["oat", "rye"])
        self.assertEqual(vault.good(12), ["rye"])
        self.assertEqual(vault.good(13), [])

    def test_the_order_goes_by_day_not_by_life(self):
        vault = SeedVault(2)
        vault.deposit("rye", 0, 6)
        vault.deposit("oat", 3, 5)
        self.assertEqual(vault.good(3), ["rye", "oat"])
        self.assertEqual(vault.deposit("flax", 4, 1), "rye")

    def test_topping_up_with_more(self):
        vault = SeedVault(1)
        vault.deposit("rye", 0, 3)
        self.assertEqual(vault.deposit("rye", 1, 6), None)
        self.assertEqual(vault.good(6), ["rye"])
        self.assertEqual(vault.good(7), [])

    def test_the_longer_life_counts_when_regrown(self):
        vault = SeedVault(1)
        vault.deposit("rye", 0, 9)
        vault.deposit("rye", 7, 4)
        self.assertEqual(vault.regrow("rye", 10), 15)
        vault.deposit("rye", 11, 8)
        self.assertEqual(vault.regrow("rye", 12), 16)

    def test_a_withered_packet_is_not_topped_up(self):
        vault = SeedVault(1)
        vault.deposit("rye", 0, 8)
        vault.deposit("rye", 8, 2)
        self.assertEqual(vault.regrow("rye", 9), 10)

    def test_regrowing(self):
        vault = SeedVault(2)
        vault.deposit("rye", 0, 7)
        self.assertEqual(vault.regrow("rye", 1), 5)
        self.assertEqual(vault.regrow("rye", 2), 4)
        self.assertEqual(vault.regrow("rye", 3), 4)
        self.assertEqual(vault.good(3), ["rye"])
        self.assertEqual(vault.good(4), [])

    def test_regrowing_what_is_not_there(self):
        vault = SeedVault(1)
        with self.assertRaises(KeyError):
            vault.regrow("rye", 0)
        vault.deposit("rye", 0, 2)
        with self.assertRaises(KeyError):
            vault.regrow("rye", 2)
        vault.deposit("oat", 2, 2)
        vault.deposit("flax", 2, 2)
        with self.assertRaises(KeyError):
            vault.regrow("oat", 2)

    def test_days_never_go_back(self):
        vault = SeedVault(2)
        with self.assertRaises(ValueError):
            vault.good(-1)
        vault.deposit("rye", 3, 2)
        with self.assertRaises(ValueError):
            vault.good(2)
        with self.assertRaises(ValueError):
            vault.deposit("oat", 2, 9)
        with self.assertRaises(ValueError):
            vault.regrow("rye", 0)
        self.assertEqual(vault.good(4), ["rye"])
        with self.assertRaises(ValueError):
            vault.deposit("oat", 3, 9)


if __name__ == "__main__":
    unittest.main()
