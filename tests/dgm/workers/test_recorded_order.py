"""Results come in the recorded order, whatever order they finish in."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import archive
from archive import Decision, Entry, Evaluation, Expansion
from dgm.jobs import Job, Result
from dgm.llm.recordings import RecordedCalls
from dgm.workers import LocalPool, RecordedOrder
from tests.dgm.scripted import Driver, Script, chance


def results(path: Path) -> list[tuple[int, str]]:
    with archive.open(path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    return [(row.decision, str(row.outcome)) for row in rows if isinstance(row, Evaluation | Expansion)]


def rounds_of(path: Path) -> list[list[int]]:
    with archive.open(path) as run:
        return [list(round) for round in RecordedCalls(run).rounds]


class Uneven(Script):
    """Takes its time by a dice of its own, so that jobs finish in another order."""

    def __call__(self, job: Job) -> Result:
        time.sleep(0.01 * chance("uneven", job.decision))
        return super().__call__(job)


def test_a_search_with_many_slots_goes_the_recorded_way(tmp_path: Path) -> None:
    first = Driver(tmp_path / "a", slots=4, work=Uneven())
    first.search()
    rounds = rounds_of(first.path)
    order = list(chain.from_iterable(rounds))
    assert order != sorted(order)
    again = replace(
        first,
        path=tmp_path / "b",
        work=Script(delay_s=0.005),
        pool=lambda work: RecordedOrder(LocalPool(work, 4), rounds),
    )
    again.search()
    assert results(again.path) == results(first.path)
    with archive.open(first.path) as one, archive.open(again.path) as other:
        assert _decisions(one.entries()) == _decisions(other.entries())


def _decisions(entries: Iterable[Entry]) -> list[Decision]:
    return [row for entry in entries for row in entry.rows if isinstance(row, Decision)]


def test_what_the_order_does_not_know_comes_all_the_same(tmp_path: Path) -> None:
    driver = Driver(
        tmp_path / "a",
        slots=3,
        pool=lambda work: RecordedOrder(LocalPool(work, 3), [[10**9], [5, 10**8], [5, 3]]),
    )
    driver.search()
    assert len(results(driver.path)) > 60
