"""A task that cannot be run is set aside and told of; only a machine on which nothing works stops the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import archive
from archive import Evaluation, Expansion, Outcome, Split
from archive.testing.rows import an_evaluation
from dgm.health import RECENT, Health
from dgm.jobs import PROVIDER_DOWN, EvaluateJob, Job, Result
from dgm.report import view_of
from dgm.search import RunPausedError
from tests.dgm.commands import dgm
from tests.dgm.scripted import CONFIRM, SEARCH, TEST, Driver, Quiet, Script

POISONED = (SEARCH[3], CONFIRM[1], TEST[2])


def work(job: Job) -> Result:
    if isinstance(job, EvaluateJob) and job.task.id in POISONED:
        raise OSError("the image does not start")
    return Script()(job)


@pytest.mark.parametrize("slots", [1, 4])
def test_poisoned_tasks_are_set_aside_and_the_run_comes_to_its_end(tmp_path: Path, slots: int) -> None:
    display = Quiet()
    driver = Driver(
        tmp_path / "run", policy="darwin", slots=slots, confirm=20, work=work, display=display, evaluations=80
    )
    tree = driver.search()
    assert not tree.open
    assert tree.resolved.sum() + tree.unresolved.sum() == 80
    rows = [row for row in display.rows if isinstance(row, Evaluation)]
    void = [row for row in rows if row.outcome is Outcome.VOID]
    assert {row.task for row in void} == set(POISONED)
    assert all(row.score is None for row in void)
    assert {row.task for row in rows if row.split is Split.TEST} == set(TEST)
    aside = [line for line in display.told if line.startswith("set aside: ")]
    assert len(aside) == len(void) / 3
    assert all("the image does not start" in line for line in aside)
    with archive.open(driver.path) as run:
        [note] = [note for note in view_of(run).all_notes() if note.startswith("set aside: ")]
    assert all(task in note for task in POISONED)
    assert "OSError: the image does not start" in note
    assert note in dgm("tree", str(driver.path)).out
    assert dgm("verify", str(driver.path)).status == 0


def test_an_expansion_that_cannot_be_run_is_told_of_too(tmp_path: Path) -> None:
    def never_expands(job: Job) -> Result:
        if isinstance(job, EvaluateJob):
            return Script()(job)
        raise OSError("no room")

    driver = Driver(tmp_path / "run", policy="uniform", evaluations=12, work=never_expands)
    with pytest.raises(RunPausedError):  # one agent, which no policy may ask more
        replace(driver, evaluations=40).search()
    with archive.open(driver.path) as run:
        [note] = [note for note in view_of(run).all_notes() if note.startswith("set aside: ")]
    assert "no room" in note


def test_a_node_that_takes_many_jobs_with_it_costs_each_a_retry_and_not_the_run(tmp_path: Path) -> None:
    def lost_once(job: Job) -> Result:
        if job.attempt == 1 and 40 <= job.decision < 90:
            raise OSError("its node is gone")
        return Script()(job)

    driver = Driver(tmp_path / "run", slots=16, work=lost_once, evaluations=60)
    tree = driver.search()
    assert not tree.open
    with archive.open(driver.path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    void = [row for row in rows if isinstance(row, Evaluation | Expansion) and not row.outcome.counted]
    assert len(void) > RECENT
    assert {row.attempt for row in void} == {1}


def results(*outcomes: tuple[str, Outcome], attempt: int = 2) -> Health:
    health = Health()
    health.recall(an_evaluation(task=task, outcome=outcome, attempt=attempt) for task, outcome in outcomes)
    return health


def test_first_tries_alone_say_nothing_of_what_goes_on() -> None:
    lost = [(f"t{n}", Outcome.VOID) for n in range(64)]
    health = results(*lost, attempt=1)
    assert (health.void, health.failing) == (RECENT, False)
    again = [an_evaluation(task=f"t{n}", outcome=Outcome.VOID, attempt=2) for n in range(3)]
    health.recall(again[:2])
    assert not health.failing
    health.recall(again[2:])
    assert health.failing


def test_more_than_half_of_ten_results_must_be_void() -> None:
    fine = [(f"t{n}", Outcome.UNRESOLVED) for n in range(5)]
    broken = [(f"b{n}", Outcome.VOID) for n in range(6)]
    assert not results(*fine, *broken[:5]).failing
    assert results(*fine, *broken).failing
    assert not results(*broken).failing


def test_a_few_tasks_that_always_fail_are_no_failing_machine_while_another_works() -> None:
    poisoned = [(f"b{n % 2}", Outcome.VOID) for n in range(RECENT)]
    assert not results(("t", Outcome.RESOLVED), *poisoned).failing
    assert results(*poisoned).failing
    assert results(("b1", Outcome.RESOLVED), *[("b1", Outcome.VOID)] * RECENT).failing


def test_what_a_provider_failed_says_nothing_of_the_machine() -> None:
    health = Health()
    health.recall(
        replace(an_evaluation(task=f"t{n}", outcome=Outcome.VOID), flags=(PROVIDER_DOWN,)) for n in range(20)
    )
    assert (health.void, health.failing) == (0, False)
