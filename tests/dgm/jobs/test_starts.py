"""Who may begin, and when: threads that wait for their turn, with a clock and cores of our own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dgm.jobs.starts import LONGEST_S, LOOK_S, Cores, Starts, starts_here

PATIENCE_S = 60.0


class Machine:
    """Cores that are idle as often as they are told to be, and that tell that somebody looked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.free = 0
        self.looked = threading.Event()

    def clock(self) -> float:
        return self.now

    def idle(self) -> bool:
        self.looked.set()
        self.free -= 1
        return self.free >= 0


@contextmanager
def waiting(starts: Starts, machine: Machine, rollout: str) -> Iterator[threading.Thread]:
    """In the block it waits at the head of the queue; after it, it has begun."""
    machine.looked.clear()
    thread = threading.Thread(target=starts.turn, args=(rollout,), daemon=True)
    thread.start()
    assert machine.looked.wait(PATIENCE_S)
    assert thread.is_alive()
    yield thread
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_as_many_begin_at_once_as_may() -> None:
    machine = Machine()
    starts = Starts(2, machine.idle, machine.clock)
    starts.turn("a")
    starts.turn("b")
    assert not machine.looked.is_set()
    with waiting(starts, machine, "c"):
        starts.begun("b")
    with waiting(starts, machine, "d"):
        starts.begun("b")
        starts.begun("unknown")
        starts.begun("a")


def test_one_more_begins_for_each_look_that_finds_a_core_idle() -> None:
    machine = Machine()
    starts = Starts(1, machine.idle, machine.clock)
    starts.turn("a")
    with waiting(starts, machine, "b"):
        machine.free = 1


def test_who_asks_nobody_has_begun_after_a_while() -> None:
    machine = Machine()
    starts = Starts(1, machine.idle, machine.clock)
    starts.turn("a")
    with waiting(starts, machine, "b"):
        machine.now = LONGEST_S


def test_they_begin_in_the_order_in_which_they_came() -> None:
    machine = Machine()
    starts = Starts(1, machine.idle, machine.clock)
    starts.turn("a")
    begun: list[str] = []

    def turn(rollout: str) -> None:
        starts.turn(rollout)
        begun.append(rollout)
        starts.begun(rollout)

    with waiting(starts, machine, "b"):
        others = [threading.Thread(target=turn, args=(name,), daemon=True) for name in "cd"]
        for number, other in enumerate(others, start=2):
            other.start()
            while starts.waiting < number:
                time.sleep(0.01)
        starts.begun("a")
    starts.begun("b")
    for other in others:
        other.join(PATIENCE_S)
    assert begun == ["c", "d"]


def test_half_a_core_of_two_that_is_idle_is_one() -> None:
    told = iter([(0, 0), (5, 20), (9, 40), (20, 60), (30, 80)])
    times = iter([0.0, LOOK_S, 2 * LOOK_S, 2.5 * LOOK_S, 3 * LOOK_S, 60.0])
    cores = Cores(2, lambda: next(told), lambda: next(times))
    assert cores.idle()
    assert not cores.idle()
    assert not cores.idle()  # too soon to look again
    assert cores.idle()
    assert not cores.idle()  # nobody knows how it was just now


def test_a_node_lets_as_many_begin_as_it_has_cores() -> None:
    starts = starts_here()
    starts.turn("a")
    starts.begun("a")
