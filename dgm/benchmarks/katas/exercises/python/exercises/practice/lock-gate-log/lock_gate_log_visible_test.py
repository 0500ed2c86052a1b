import unittest

from lock_gate_log import BargeLock


class LockGateLogVisibleTest(unittest.TestCase):
    def test_gates_need_their_level(self) -> None:
        lock = BargeLock(2)
        self.assertEqual(lock.turn("upper"), False)
        self.assertEqual(lock.turn("lower"), True)
        self.assertEqual(lock.fill(), False)
        self.assertEqual(lock.turn("lower"), True)
        self.assertEqual(lock.fill(), True)
        self.assertEqual(lock.turn("upper"), True)

    def test_full_chamber(self) -> None:
        lock = BargeLock(1)
        self.assertEqual(lock.enter("Olga", "lower"), False)
        lock.turn("lower")
        self.assertEqual(lock.enter("Olga", "lower"), True)
        self.assertEqual(lock.enter("Nils", "lower"), False)

    def test_through_the_lock(self) -> None:
        lock = BargeLock(2)
        lock.turn("lower")
        lock.enter("Olga", "lower")
        self.assertEqual(lock.leave(), None)
        lock.turn("lower")
        lock.fill()
        lock.turn("upper")
        self.assertEqual(lock.leave(), "Olga")
        lock.turn("upper")
        lock.drain()
        self.assertEqual(lock.lockfuls(), 1)
