"""Searches that are paused, resumed, changed and stopped on their way: what follows, and what the rows say of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import archive
from archive import Change, Decision, Evaluation, Expansion, Row, Split
from dgm.control import Answer, Request, Verb
from dgm.search import StoppedError
from tests.dgm.scripted import Driver, Quiet, Script
from tests.dgm.test_replay import replayed


@dataclass
class Operator:
    """Asks for one thing after the other, each as soon as its moment has come; see `dgm.steering.Control`."""

    plan: list[tuple[Callable[[], bool], Verb, Mapping[str, str]]]
    answers: list[Answer] = field(default_factory=list)
    now: bool = False

    def take(self) -> Sequence[Request]:
        if not self.plan or not self.plan[0][0]():
            return ()
        _, verb, values = self.plan.pop(0)
        return [Request(id="r", verb=verb, driver="d", by="me@here", now=self.now, values=values)]

    def answer(self, request: Request, answer: Answer) -> None:
        self.answers.append(answer)


def decided(display: Quiet, count: int) -> Callable[[], bool]:
    return lambda: sum(isinstance(row, Decision) for row in display.rows) >= count


def idle(display: Quiet) -> Callable[[], bool]:
    def nothing_runs() -> bool:
        decisions = {row.seq for row in display.rows if isinstance(row, Decision)}
        results = [row for row in display.rows if isinstance(row, Evaluation | Expansion)]
        return decisions == {row.decision for row in results}

    return nothing_runs


def at_once() -> bool:
    return True


def rows_of(path: Path) -> list[Row]:
    with archive.open(path) as run:
        return [row for entry in run.entries() for row in entry.rows]


@pytest.mark.parametrize("policy", ["huxley", "pedigree", "darwin in generations"])
def test_every_decision_of_a_run_that_was_steered_comes_out_as_recorded(tmp_path: Path, policy: str) -> None:
    display = Quiet()
    operator = Operator(
        [
            (decided(display, 10), Verb.PAUSE, {}),
            (idle(display), Verb.CHANGE, {"evaluations": "50", "slots": "5"}),
            (at_once, Verb.RESUME, {}),
            (decided(display, 30), Verb.CHANGE, {"slots": "1"}),
            (decided(display, 45), Verb.CHANGE, {"evaluations": "60", "slots": "3"}),
        ]
    )
    driver = Driver(
        tmp_path / "run",
        seed=4,
        policy=policy,
        evaluations=40,
        slots=2,
        confirm=6,
        work=Script(4, delay_s=0.002, void=0.05),
        display=display,
        control=operator,
    )
    driver.search()
    assert [answer.done for answer in operator.answers] == [True] * 5
    assert replayed(driver).difference is None
    rows = rows_of(driver.path)
    slots = [row.saw["slots"] for row in rows if isinstance(row, Decision)]
    assert [n for n, before in zip(slots, [0, *slots], strict=False) if n != before] == [2, 5, 1, 3]
    counted = [r for r in rows if isinstance(r, Evaluation) and r.split is Split.SEARCH and r.outcome.counted]
    assert len(counted) == 60
    changes = [row for row in rows if isinstance(row, Change)]
    assert [row.kind for row in changes] == [
        *("pause", "budget", "change", "resume", "budget", "change", "budget", "change")
    ]
    assert {json.loads(row.after)["by"] for row in changes if row.kind != "budget"} == {"me@here"}


def test_a_pause_begins_nothing_and_lets_what_runs_end(tmp_path: Path) -> None:
    display = Quiet()
    operator = Operator([(decided(display, 10), Verb.PAUSE, {}), (idle(display), Verb.RESUME, {})])
    driver = Driver(
        tmp_path / "run", slots=4, work=Script(delay_s=0.002, void=0.1), display=display, control=operator
    )
    driver.search()
    rows = rows_of(driver.path)
    first, last = (row.seq for row in rows if isinstance(row, Change))
    assert not [row for row in rows if isinstance(row, Decision) and first < row.seq < last]
    assert [row for row in rows if isinstance(row, Evaluation | Expansion) and first < row.seq < last]
    assert "me@here asked to pause: paused: nothing new is begun" in "\n".join(display.told)


@pytest.mark.parametrize("columns", [True, False])
def test_a_paused_run_stays_paused_for_the_next_driver(tmp_path: Path, columns: bool) -> None:
    operator = Operator([(at_once, Verb.PAUSE, {}), (at_once, Verb.STOP, {})])
    driver = Driver(tmp_path / "run", control=operator, columns=columns)
    with pytest.raises(StoppedError):
        driver.search()
    before = rows_of(driver.path)
    assert not [row for row in before if isinstance(row, Decision)]
    display, looks = Quiet(), iter(range(9))
    later = Operator([(lambda: next(looks) > 2, Verb.RESUME, {})])
    replace(driver, control=later, display=display).search()
    assert display.told[0].startswith("paused by me@here since ")
    assert [row.kind for row in display.rows[:1] if isinstance(row, Change)] == ["resume"]
    assert replayed(driver).difference is None


@pytest.mark.parametrize("now", [False, True])
def test_a_stop_ends_the_driver_and_the_same_command_goes_on(tmp_path: Path, now: bool) -> None:
    display = Quiet()
    operator = Operator([(decided(display, 10), Verb.STOP, {})], now=now)
    driver = Driver(tmp_path / "run", slots=3, work=Script(delay_s=0.002), display=display, control=operator)
    with pytest.raises(StoppedError) as stopped:
        driver.search()
    assert (stopped.value.open_decisions == 0) or now
    assert [row.kind for row in rows_of(driver.path) if isinstance(row, Change)] == ["stop"]
    driver.search()
    assert replayed(driver).difference is None


def test_what_cannot_be_is_refused_and_leaves_no_row(tmp_path: Path) -> None:
    operator = Operator(
        [
            (at_once, Verb.CHANGE, {"evaluations": "5"}),
            (at_once, Verb.RESUME, {}),
            (at_once, Verb.CHANGE, {}),
        ]
    )
    driver = Driver(tmp_path / "run", evaluations=20, control=operator)
    driver.search()
    assert [answer.done for answer in operator.answers] == [False, True, True]
    assert operator.answers[0].text == "evaluations: 20 -> 5"
    assert not [row for row in rows_of(driver.path) if isinstance(row, Change)]
