import unittest

from seed_vault_rotation import SeedVault


class SeedVaultRotationTest(unittest.TestCase):
    def test_packets_wither(self):
        vault = SeedVault(3)
        vault.deposit("rye", 0, 9)
        vault.deposit("flax", 1, 3)
        vault.deposit("millet", 1, 2)
        self.assertEqual(vault.good(2), ["millet", "flax", "rye"])
        self.assertEqual(vault.good(3), ["flax", "rye"])

    def test_a_full_vault_puts_one_out(self):
        vault = SeedVault(2)
        self.assertEqual(vault.deposit("rye", 0, 4), None)
        self.assertEqual(vault.deposit("flax", 0, 5), None)
        self.assertEqual(vault.deposit("oat", 1, 1), "rye")
        self.assertEqual(vault.good(1), ["oat", "flax"])

    def test_regrowing_halves_the_life(self):
        vault = SeedVault(2)
        vault.deposit("rye", 0, 5)
        self.assertEqual(vault.regrow("rye", 4), 7)
        self.assertEqual(vault.good(6), ["rye"])
        self.assertEqual(vault.good(7), [])


if __name__ == "__main__":
    unittest.main()
