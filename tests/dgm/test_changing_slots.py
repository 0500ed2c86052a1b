"""A search on a cluster whose nodes come and go: it decides for slots that are there, waits where there are none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from pathlib import Path

import archive
from archive import Decision, Evaluation, Outcome
from dgm.jobs import Job, Result, voided
from dgm.replay import replay_with
from dgm.workers import Figure
from tests.dgm.scripted import Driver, Script
from tests.dgm.test_search import check


class Tides:
    """A cluster that has other slots with each result, and loses jobs when it has fewer; see `dgm.workers.Pool`."""

    def __init__(self, work: Callable[[Job], Result], slots: Sequence[int]) -> None:
        self._work = work
        self._tides = chain(slots, repeat(slots[-1]))
        self._jobs: deque[Job] = deque()
        self._lost: deque[Job] = deque()
        self.slots = next(self._tides)
        self.asked = 0
        self.most_waiting = 0

    @property
    def running(self) -> int:
        return len(self._jobs) + len(self._lost)

    def lack(self) -> str:
        self.asked += 1
        return "no node takes jobs"

    def resize(self, slots: int) -> None:
        raise AssertionError("nobody asked for that")

    def publish(self, run: str, figures: Sequence[Figure]) -> None:
        return None

    def submit(self, job: Job) -> None:
        self._jobs.append(job)
        self.most_waiting = max(self.most_waiting, len(self._jobs) - self.slots)

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if self._lost:
            return voided(self._lost.popleft(), RuntimeError("its node is gone"))
        if timeout_s == 0 or (self.slots and not self._jobs):
            return None
        self.slots = next(self._tides)
        while len(self._jobs) > self.slots:
            self._lost.append(self._jobs.pop())
        return self._work(self._jobs.popleft()) if self._jobs else None

    def close(self) -> None:
        return None


def driver(path: Path, slots: Sequence[int], width: int | None = None) -> tuple[Driver, Tides]:
    tides = Tides(Script(), slots)
    return Driver(path, width=width, pool=lambda _: tides), tides


def decided(path: Path) -> list[int]:
    """The width that each decision saw."""
    with archive.open(path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    return [row.saw["slots"] for row in rows if isinstance(row, Decision)]


def test_nothing_is_decided_for_slots_that_are_not_there(tmp_path: Path) -> None:
    slots = [4] * 20 + [1] * 30 + [7] * 30 + [2]
    search, tides = driver(tmp_path / "run", slots)
    search.search()
    check(search.path, 60)
    assert tides.most_waiting == 0
    assert set(decided(search.path)) == {1, 2, 4, 7}
    with archive.open(search.path) as run:
        again = replay_with(search.decider(), run, lambda _: search.settings(), {})
    assert again.difference is None


def test_a_width_is_the_most_and_not_what_is_decided_for_whatever_there_is(tmp_path: Path) -> None:
    search, tides = driver(tmp_path / "run", [2] * 30 + [9], width=3)
    search.search()
    assert set(decided(search.path)) == {2, 3}
    assert tides.most_waiting == 0


def test_without_slots_a_search_waits_and_says_what_is_missing(tmp_path: Path) -> None:
    search, tides = driver(tmp_path / "run", [0, 0, 0, 2, 2, 2, 2, 2, 0, 0, 3])
    search.search()
    check(search.path, 60)
    assert search.display.told == [
        "no node takes jobs",
        "jobs can run: 2 slots",
        "no node takes jobs",
        "jobs can run: 3 slots",
    ]
    assert tides.asked >= 5
    lost = [row for row in search.display.rows if isinstance(row, Evaluation) and row.outcome is Outcome.VOID]
    assert lost
    assert all("its node is gone" in row.detail for row in lost)


def test_a_search_that_has_all_results_needs_no_slots_to_end(tmp_path: Path) -> None:
    search, _ = driver(tmp_path / "run", [2])
    search.search()
    again, tides = driver(search.path, [0])
    again.search()
    assert (tides.asked, again.display.told) == (0, [])
