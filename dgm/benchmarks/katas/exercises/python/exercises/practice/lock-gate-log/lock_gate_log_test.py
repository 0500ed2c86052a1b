import unittest

from lock_gate_log import BargeLock


def filled(berths, *barges):
    """A lock with these barges from below inside and the upper gate open."""
    lock = BargeLock(berths)
    lock.turn("lower")
    for barge in barges:
        lock.enter(barge, "lower")
    lock.turn("lower")
    lock.fill()
    lock.turn("upper")
    return lock


class LockGateLogTest(unittest.TestCase):
    def test_gates_at_the_lower_level(self) -> None:
        lock = BargeLock(2)
        self.assertEqual(lock.turn("upper"), False)
        self.assertEqual(lock.turn("lower"), True)
        self.assertEqual(lock.turn("upper"), False)
        self.assertEqual(lock.turn("lower"), True)
        self.assertEqual(lock.turn("upper"), False)

    def test_gates_at_the_upper_level(self) -> None:
        lock = BargeLock(2)
        lock.fill()
        self.assertEqual(lock.turn("lower"), False)
        self.assertEqual(lock.turn("upper"), True)
        self.assertEqual(lock.turn("lower"), False)
        self.assertEqual(lock.turn("upper"), True)

    def test_water_needs_shut_gates(self) -> None:
        lock = BargeLock(2)
        self.assertEqual(lock.drain(), True)
        self.assertEqual(lock.fill(), True)
        self.assertEqual(lock.fill(), True)
        lock.turn("upper")
        self.assertEqual(lock.fill(), False)
        self.assertEqual(lock.drain(), False)
        self.assertEqual(lock.enter("Olga", "upper"), True)
        lock.turn("upper")
        self.assertEqual(lock.drain(), True)
        self.assertEqual(lock.turn("lower"), True)
        self.assertEqual(lock.fill(), False)

    def test_enter_needs_the_open_gate(self) -> None:
        lock = BargeLock(2)
        self.assertEqual(lock.enter("Olga", "lower"), False)
        lock.turn("lower")
        self.assertEqual(lock.enter("Olga", "upper"), False)
        self.assertEqual(lock.enter("Olga", "lower"), True)
        lock.turn("lower")
        self.assertEqual(lock.enter("Nils", "lower"), False)

    def test_berths(self) -> None:
        lock = BargeLock(2)
        lock.turn("lower")
        self.assertEqual(
            [lock.enter(name, "lower") for name in ("Olga", "Nils", "Ebba")], [True, True, False]
        )
        lock = filled(1, "Olga")
        self.assertEqual(lock.enter("Nils", "upper"), False)
        self.assertEqual(lock.leave(), "Olga")
        self.assertEqual(lock.enter("Nils", "upper"), True)

    def test_leave_in_order(self) -> None:
        lock = filled(3, "Olga", "Nils")
        self.assertEqual([lock.leave(), lock.leave(), lock.leave()], ["Olga", "Nils", None])

    def test_no_leaving_through_shut_gates(self) -> None:
        lock = filled(3, "Olga")
        lock.turn("upper")
        self.assertEqual(lock.leave(), None)
        lock.turn("upper")
        self.assertEqual(lock.leave(), "Olga")

    def test_no_leaving_by_the_gate_of_entry(self) -> None:
        lock = filled(3)
        lock.enter("Olga", "upper")
        self.assertEqual(lock.leave(), None)
        lock.turn("upper")
        lock.drain()
        lock.turn("lower")
        lock.enter("Nils", "lower")
        self.assertEqual(lock.leave(), "Olga")
        self.assertEqual(lock.leave(), None)

    def test_barges_from_both_sides(self) -> None:
        lock = BargeLock(3)
        lock.turn("lower")
        lock.enter("Olga", "lower")
        lock.turn("lower")
        lock.fill()
        lock.turn("upper")
        lock.enter("Nils", "upper")
        lock.turn("upper")
        lock.drain()
        lock.turn("lower")
        self.assertEqual(lock.leave(), "Nils")
        self.assertEqual(lock.leave(), None)

    def test_lockfuls(self) -> None:
        lock = BargeLock(1)
        self.assertEqual(lock.lockfuls(), 0)
        lock.drain()
        lock.fill()
        self.assertEqual(lock.lockfuls(), 0)
        lock.drain()
        lock.drain()
        self.assertEqual(lock.lockfuls(), 1)

    def test_refused_drain_is_not_counted(self) -> None:
        lock = filled(1)
        lock.drain()
        self.assertEqual(lock.lockfuls(), 0)
        lock.turn("upper")
        lock.drain()
        lock.fill()
        lock.drain()
        self.assertEqual(lock.lockfuls(), 2)
