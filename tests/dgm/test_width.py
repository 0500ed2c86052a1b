"""How many jobs of one search are in flight: what may be asked for, what it costs, and that a search holds to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import pytest

import archive
from archive import Change, Decision, Row, RunInfo, create_run
from dgm.errors import ConfigError
from dgm.jobs import Job, Result
from dgm.replay import replay_with
from dgm.resume import note_changes
from dgm.search import StoppedError
from dgm.width import ALL, AUTO, Asked, asked_width, warning, width_of
from tests.dgm.scripted import Driver, Script


@pytest.mark.parametrize(
    ("asked", "slots", "evaluations", "width"),
    [
        (ALL, 20, 800, 20),
        (AUTO, 20, 800, 8),
        (AUTO, 20, 801, 9),
        (AUTO, 4, 800, 4),
        (AUTO, 20, 40, 1),
        (AUTO, 20, 0, 1),
        (7, 7, 40, 7),
    ],
)
def test_the_width_of_a_search(asked: Asked, slots: int, evaluations: int, width: int) -> None:
    assert width_of(asked_width(asked), slots, evaluations) == width


def test_more_than_there_are_slots_is_refused() -> None:
    with pytest.raises(ConfigError, match="at most the 7 slots that there are, got 8"):
        width_of(8, 7, 100)


@pytest.mark.parametrize(
    ("evaluations", "width", "words"),
    [
        (800, 20, ()),
        (30, 1, ()),
        (799, 20, ("40 rounds", "6.8 tasks of 100", "huxley 2.1", "(here 8)")),
        (3200, 100, ("32 rounds", "a search of 27 rounds", "8.3 tasks")),
        (10, 64, ("1 rounds", "a search of 4 rounds", "14 tasks", "(here 1)")),
    ],
)
def test_few_rounds_are_warned_of_with_what_they_cost(
    evaluations: int, width: int, words: tuple[str, ...]
) -> None:
    told = warning(evaluations, width)
    assert bool(told) == bool(words)
    assert all(word in (told or "") for word in words)


@dataclass
class Watched:
    """Does scripted jobs and remembers how many ran at once."""

    script: Script = field(default_factory=lambda: Script(delay_s=0.002))
    begun: int = 0
    most: int = 0
    _running: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, job: Job) -> Result:
        with self._lock:
            self.begun += 1
            self._running += 1
            self.most = max(self.most, self._running)
        try:
            return self.script(job)
        finally:
            with self._lock:
                self._running -= 1


def rows(path: Path) -> list[Row]:
    with archive.open(path) as run:
        return [row for entry in run.entries() for row in entry.rows]


def replayed(driver: Driver) -> int:
    with archive.open(driver.path) as run:
        found = replay_with(driver.decider(), run, lambda _: driver.settings(), {})
    assert found.difference is None
    return found.agreed


@pytest.mark.parametrize("policy", ["huxley", "pedigree"])
def test_a_search_keeps_to_its_width_and_its_decisions_say_so(tmp_path: Path, policy: str) -> None:
    work = Watched()
    driver = Driver(tmp_path / "run", policy=policy, evaluations=30, slots=6, width=2, work=work)
    driver.search()
    decided = [row for row in rows(driver.path) if isinstance(row, Decision)]
    assert work.most <= 2
    assert {row.saw["slots"] for row in decided} == {2}
    assert replayed(driver) == len(decided)


def test_a_narrower_driver_does_not_run_all_at_once_what_a_wider_one_left_open(tmp_path: Path) -> None:
    wide, narrow = Watched(), Watched()
    driver = Driver(tmp_path / "run", evaluations=30, slots=6, work=wide)
    with pytest.raises(StoppedError):
        driver.search(stops=_from(wide, 10))
    opened = [row for row in rows(driver.path) if isinstance(row, Decision)]
    later = Driver(tmp_path / "run", evaluations=30, slots=6, width=1, work=narrow)
    later.search()
    assert narrow.most == 1
    seen = [row.saw["slots"] for row in rows(driver.path) if isinstance(row, Decision)]
    assert seen[: len(opened)] == [6] * len(opened)
    assert set(seen[len(opened) :]) == {1}
    assert replayed(later) == len(seen)


def _from(work: Watched, jobs: int) -> Callable[[], int]:
    return lambda: 2 if work.begun >= jobs else 0


def test_a_run_of_before_there_was_a_width_filled_all_slots(tmp_path: Path) -> None:
    old = {"budget": {"evaluations": 9}, "workers": {"slots": 4}}
    with create_run(tmp_path / "run", RunInfo(id="f" * 32, seed=0, config=old, splits={})) as run:
        note_changes(run, {**old, "workers": {"slots": 4, "width": "all"}})
        assert [row for row in rows(tmp_path / "run") if isinstance(row, Change)] == []
        note_changes(run, {**old, "workers": {"slots": 4, "width": 2}})
    [change] = [row for row in rows(tmp_path / "run") if isinstance(row, Change)]
    assert (change.kind, change.before, change.after) == (
        "workers",
        '{"slots": 4, "width": "all"}',
        '{"slots": 4, "width": 2}',
    )
