"""The search loop over simulated jobs: it ends, repeats byte for byte, survives kills and says when it stops."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import pytest

import archive
from archive import (
    Decision,
    EntryError,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    Outcome,
    Row,
    RowError,
    Split,
)
from dgm.deciding import PolicyError
from dgm.jobs import ExpandJob, Job, Result
from dgm.policies import Action, Evaluate, Expand, View
from dgm.search import RunPausedError, StoppedError
from dgm.workers import LocalPool
from tests.dgm import scripted
from tests.dgm.scripted import SEARCH, SEED_TREE, TEST, Driver, Script

ROOT = Path(__file__).parents[2]


def rows(path: Path) -> list[Row]:
    with archive.open(path) as run:
        return [row for entry in run.entries() for row in entry.rows]


def bytes_of(path: Path) -> dict[str, bytes]:
    """Every file of a run that is not git's own bookkeeping."""
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != "lock"
    }


def check(path: Path, evaluations: int) -> None:
    """Nothing lost, nothing doubled: each decision has one counted result, and the final test is whole."""
    found = rows(path)
    decisions = {row.seq: row for row in found if isinstance(row, Decision)}
    results = [row for row in found if isinstance(row, Evaluation | Expansion)]
    counted = Counter(row.decision for row in results if row.outcome.counted)
    assert set(counted.values()) <= {1}
    tried = Counter(row.decision for row in results)
    assert all(counted[seq] == 1 or tried[seq] == 3 for seq in decisions)
    assert [row.seq for row in found] == sorted(row.seq for row in found)
    search = [row for row in results if isinstance(row, Evaluation) and row.split is Split.SEARCH]
    assert sum(row.outcome.counted for row in search) == evaluations
    assert len({(row.agent, row.task) for row in search}) == len({row.decision for row in search})
    final = [row for row in results if isinstance(row, Evaluation) and row.split is Split.TEST]
    assert {row.task for row in final} == set(TEST)


@pytest.mark.parametrize("policy", ["huxley", "uniform"])
def test_a_search_ends_with_its_budget_used(tmp_path: Path, policy: str) -> None:
    driver = Driver(tmp_path / "run", policy=policy, slots=3, work=Script(void=0.1))
    tree = driver.search()
    check(driver.path, 60)
    assert 8 <= len(tree) <= 60**0.6 + 3
    assert not tree.open


def test_a_finished_search_has_nothing_more_to_do(tmp_path: Path) -> None:
    driver = Driver(tmp_path / "run")
    driver.search()
    before = bytes_of(driver.path)
    driver.search()
    assert {name: data for name, data in bytes_of(driver.path).items() if not name.startswith("log/")} == {
        name: data for name, data in before.items() if not name.startswith("log/")
    }


def test_a_larger_budget_goes_on(tmp_path: Path) -> None:
    driver = Driver(tmp_path / "run", evaluations=30)
    driver.search()
    replace(driver, evaluations=60).search()
    check(driver.path, 60)


def test_one_worker_and_one_seed_give_the_same_run_byte_for_byte(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Driver(tmp_path / name, seed=7).search()
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    Driver(tmp_path / "c", seed=8, work=Script(7)).search()
    assert rows(tmp_path / "c") != rows(tmp_path / "a")


@pytest.mark.parametrize(
    ("policy", "columns"), [("huxley", True), ("huxley", False), ("darwin", True)], ids=str
)
def test_stopping_and_going_on_gives_the_decisions_of_an_unbroken_run(
    tmp_path: Path, policy: str, columns: bool
) -> None:
    """With one worker a run that was stopped again and again is the run that never was."""
    Driver(tmp_path / "whole", seed=3, policy=policy).search()
    stopped = 0
    for turn in range(100):
        started: list[Job] = []

        def work(job: Job, started: list[Job] = started) -> Result:
            started.append(job)
            return Script()(job)

        driver = Driver(tmp_path / "broken", seed=3, work=work, policy=policy, columns=columns)
        limit = 4 + turn % 5
        try:
            driver.search(stops=lambda limit=limit, started=started: int(len(started) >= limit))
            break
        except StoppedError:
            stopped += 1
    assert stopped > 5
    assert rows(tmp_path / "broken") == rows(tmp_path / "whole")


def test_a_void_is_tried_again_with_the_same_decision(tmp_path: Path) -> None:
    driver = Driver(tmp_path / "run", slots=2, work=Script(void=0.25))
    driver.search()
    tries = [row for row in rows(driver.path) if isinstance(row, Evaluation | Expansion)]
    again = [row for row in tries if row.attempt > 1]
    assert again
    assert {row.attempt for row in tries} <= {1, 2, 3}
    assert len({row.id for row in tries}) == len(tries)
    void = [row for row in tries if isinstance(row, Evaluation) and row.outcome is Outcome.VOID]
    assert all(row.score is None for row in void)


def test_a_broken_machine_pauses_the_run_and_the_same_command_goes_on(tmp_path: Path) -> None:
    driver = Driver(tmp_path / "run", slots=2, work=Script(void=1.0))
    with pytest.raises(RunPausedError, match="of the last 10 results were void"):
        driver.search()
    replace(driver, work=Script()).search()
    counted = [r for r in rows(driver.path) if isinstance(r, Evaluation) and r.split is Split.SEARCH]
    assert sum(row.outcome.counted for row in counted) == 60


def test_the_last_ten_results_are_remembered_by_the_next_driver(tmp_path: Path) -> None:
    driver = Driver(tmp_path / "run", slots=1, work=Script(void=1.0))
    voids: Counter[int] = Counter()
    for drivers in (1, 2, 3):
        with pytest.raises(RunPausedError):
            driver.search()
        results = [row for row in rows(driver.path) if isinstance(row, Evaluation | Expansion)]
        voids[drivers] = len(results)
    assert voids == {1: 10, 2: 11, 3: 12}
    replace(driver, work=Script()).search()
    check(driver.path, 60)


def test_one_parent_whose_expansions_always_fail_does_not_keep_the_search_from_its_end(
    tmp_path: Path,
) -> None:
    """Nor is it asked for ever: its tries stay a small part of all."""

    def work(job: Job) -> Result:
        if isinstance(job, ExpandJob) and job.tree == SEED_TREE and len(job.known) > 2:
            raise OSError("no box for this one")
        return Script()(job)

    driver = Driver(tmp_path / "run", work=work, evaluations=80, policy="uniform")
    driver.search()
    check(driver.path, 80)
    expansions = [row for row in rows(driver.path) if isinstance(row, Expansion)]
    set_aside = sum(row.outcome is ExpansionOutcome.VOID and row.attempt == 3 for row in expansions)
    assert set_aside > 1
    assert set_aside * (set_aside - 1) / 2 <= sum(row.outcome.counted for row in expansions)


def test_a_worker_that_raises_is_a_void_result(tmp_path: Path) -> None:
    calls = []

    def work(job: Job) -> Result:
        calls.append(job.id)
        if len(calls) == 3:
            raise OSError("the engine went away")
        return Script()(job)

    driver = Driver(tmp_path / "run", work=work)
    driver.search()
    void = [
        row
        for row in rows(driver.path)
        if isinstance(row, Evaluation | Expansion) and not row.outcome.counted
    ]
    assert [row.detail for row in void] == ["OSError: the engine went away"]
    check(driver.path, 60)


@dataclass(frozen=True)
class Stubborn:
    """A policy with one wish."""

    action: Action
    name: str = "stubborn"
    version: int = 1

    def start(self) -> None:
        return None

    def observe(self, belief: None, row: Row) -> None:
        return None

    def decide(self, belief: None, view: View, generator: object) -> Action:
        match self.action:
            case Evaluate(agent=agent):
                return replace(self.action, agent=agent or view.tree.ids[0])
            case Expand(parent=agent):
                return replace(self.action, parent=agent or view.tree.ids[0])
        return self.action


@pytest.mark.parametrize(
    "action",
    [
        Evaluate(agent="", task="made-up/none"),
        Evaluate(agent="", task=TEST[0]),
        Evaluate(agent="", task=SEARCH[0]),  # again and again
        Evaluate(agent="", task=SEARCH[0], saw={"at": float("nan")}),
        Evaluate(agent="0" * 40, task=SEARCH[0]),
        Expand(parent="0" * 40),
        Expand(parent="", context_parents=("0" * 40,)),
    ],
    ids=lambda action: repr(action)[:70],
)
def test_what_a_policy_cannot_have_is_never_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    monkeypatch.setitem(scripted.POLICIES, "stubborn", Stubborn(action))
    with pytest.raises((PolicyError, EntryError, RowError)):
        Driver(tmp_path / "run", policy="stubborn", evaluations=6).search()
    Driver(tmp_path / "run", evaluations=6).search()
    check(tmp_path / "run", 6)


class Counting(LocalPool):
    """Hands results out only when all are there, and counts them."""

    results = 0

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        while timeout_s and self._results.qsize() < self.running:
            time.sleep(0.001)
        found = super().next_finished(timeout_s)
        self.results += found is not None
        return found


def test_results_that_arrive_together_wait_for_the_disk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[Counting] = []

    def counting(work: Callable[[Job], Result], slots: int) -> LocalPool:
        pools.append(Counting(work, slots))
        return pools[-1]

    monkeypatch.setattr(scripted, "LocalPool", counting)
    logged = []

    def watch(frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and function is os.fsync and frame.f_code.co_filename.endswith("archive/log.py"):
            logged.append(frame.f_code.co_name)

    sys.setprofile(watch)
    try:
        Driver(tmp_path / "run", evaluations=40, slots=8).search()
    finally:
        sys.setprofile(None)
    check(tmp_path / "run", 40)
    assert pools[0].results > 50
    assert len(logged) < pools[0].results


def test_a_second_result_of_a_decision_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stutters(LocalPool):
        again: Result | None = None

        def next_finished(self, timeout_s: float | None = None) -> Result | None:
            if self.again is not None:
                result, self.again = self.again, None
                return result
            self.again = super().next_finished(timeout_s)
            return self.again

    monkeypatch.setattr(scripted, "LocalPool", Stutters)
    Driver(tmp_path / "run", evaluations=6, slots=2).search()
    check(tmp_path / "run", 6)


@pytest.mark.parametrize("evaluations", [0, 1, 2])
def test_the_smallest_budgets_end_too(tmp_path: Path, evaluations: int) -> None:
    Driver(tmp_path / "run", evaluations=evaluations, slots=3).search()
    check(tmp_path / "run", evaluations)


def test_a_second_stop_leaves_at_once(tmp_path: Path) -> None:
    begun: list[Job] = []

    def work(job: Job) -> Result:
        begun.append(job)
        time.sleep(60)
        return Script()(job)

    driver = Driver(tmp_path / "run", slots=2, work=work)
    began = time.monotonic()
    with pytest.raises(StoppedError, match="stopped with 2 decisions open"):
        driver.search(stops=lambda: 2 if len(begun) == 2 else 0)
    assert time.monotonic() - began < 40


@pytest.mark.whole
@pytest.mark.parametrize("seed", range(2))
def test_a_driver_killed_anywhere_goes_on(tmp_path: Path, seed: int) -> None:
    _kill_and_go_on(tmp_path / "run", seed, evaluations=40)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 40))
def test_a_driver_killed_anywhere_goes_on_many_times(tmp_path: Path, seed: int) -> None:
    _kill_and_go_on(tmp_path / "run", seed, evaluations=80)


def _kill_and_go_on(path: Path, seed: int, evaluations: int) -> None:
    """Each driver but the last kills itself soon after it has begun a random number of jobs."""
    dice = random.Random(seed)
    kills, limit = 0, 4
    while True:
        jobs = dice.randint(1, 20) if kills < limit else 10**6
        command = [
            sys.executable,
            "-m",
            "tests.dgm.scripted",
            str(path),
            str(seed),
            str(evaluations),
            str(jobs),
        ]
        driver = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, check=False, timeout=120)
        if driver.returncode == 0:
            break
        assert driver.returncode == -signal.SIGKILL, driver.stderr.decode()
        kills += 1
    assert kills > 0
    check(path, evaluations)
