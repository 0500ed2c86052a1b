"""What a run asked of its seed, asked again: the same words and evidence, and only if they can be the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from numpy.random import default_rng

import archive
from archive import Agent, Expansion, tree_hash
from dgm.errors import ConfigError
from dgm.jobs import ExpandJob, Job, Result
from dgm.operators import Brief, Redraw
from dgm.operators.redraw import recorded
from dgm.policies import Parents
from tests.dgm.scripted import SEED_TREE, TASKS, Driver, Script


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, ExpandJob]]:
    """A finished search, and every job in which its seed was expanded, by decision."""
    jobs: dict[int, ExpandJob] = {}

    def work(job: Job) -> Result:
        if isinstance(job, ExpandJob):
            jobs[job.decision] = job
        return Script(1)(job)

    path = tmp_path_factory.mktemp("asked") / "run"
    Driver(path, seed=1, work=work, parents=Parents.SEED).search()
    with archive.open(path) as run:
        seed = run.lineage.seeds[0]
    return path, {decision: job for decision, job in jobs.items() if job.parent == seed}


def briefs(path: Path, count: int = 300) -> list[Brief]:
    return [Redraw(str(path)).brief((), TASKS, default_rng(seed)) for seed in range(count)]


def test_it_repeats_what_the_seed_was_asked_with_the_same_evidence(
    asked: tuple[Path, dict[int, ExpandJob]],
) -> None:
    path, jobs = asked
    drawn = Counter((brief.text, tuple(row.task for row in brief.evaluations)) for brief in briefs(path))
    then = {(job.brief, tuple(one.task.id for one in job.evidence)) for job in jobs.values()}
    assert len(jobs) > 2
    assert any(tasks for _, tasks in then)
    assert set(drawn) == then
    shown = next(brief for brief in briefs(path) if brief.evaluations)
    (row,), blob = shown.evaluations, shown.blob
    assert blob is not None
    assert row.answer is not None
    assert blob(row.answer)


def test_nothing_but_the_generator_says_which(asked: tuple[Path, dict[int, ExpandJob]]) -> None:
    path, jobs = asked
    known = recorded(str(path))
    assert sorted(one.decision for one in known.asked) == sorted(jobs)
    assert briefs(path, 20) == briefs(path, 20)


def test_what_could_not_be_the_same_is_refused(
    asked: tuple[Path, dict[int, ExpandJob]], tmp_path: Path
) -> None:
    path, _ = asked
    ours = tree_hash(SEED_TREE)
    Redraw(str(path)).check(ours, TASKS)
    with pytest.raises(ConfigError, match="began with another agent"):
        Redraw(str(path)).check("0" * 40, TASKS)
    other = {name: replace(task, instruction="do something else") for name, task in TASKS.items()}
    with pytest.raises(ConfigError, match="cannot be asked again"):
        Redraw(str(path)).check(ours, other)
    with pytest.raises(ConfigError, match=r"operator\.run: "):
        Redraw(str(tmp_path / "none")).check(ours, TASKS)


def test_a_search_of_redraws_shows_the_other_runs_evidence(
    asked: tuple[Path, dict[int, ExpandJob]], tmp_path: Path
) -> None:
    path, then = asked
    jobs: list[ExpandJob] = []

    def work(job: Job) -> Result:
        if isinstance(job, ExpandJob):
            jobs.append(job)
        return Script(2)(job)

    driver = Driver(tmp_path / "again", seed=2, work=work, operator=Redraw(str(path)), parents=Parents.SEED)
    driver.search()
    given = {
        (job.brief, tuple((one.task.id, tuple(one.answer.values())) for one in job.evidence)) for job in jobs
    }
    assert given <= {
        (job.brief, tuple((one.task.id, tuple(one.answer.values())) for one in job.evidence))
        for job in then.values()
    }
    assert len({job.parent for job in jobs}) == 1
    assert len({job.sample for job in jobs}) == len(jobs) > 5
    with archive.open(driver.path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    assert {row.operator for row in rows if isinstance(row, Expansion)} == {"redraw"}
    assert {row.depth for row in rows if isinstance(row, Agent)} == {0, 1}
