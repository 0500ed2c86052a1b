"""Decisions made again from the rows before them: all as recorded, or the first one that is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import archive
from archive import (
    Agent,
    Change,
    Decision,
    DecisionKind,
    Lineage,
    Outcome,
    RunReader,
    Split,
    create_run,
    resume_run,
)
from archive.testing import a_regrade
from dgm.cmp import Counts, clade_counts
from dgm.deciding import Bounds
from dgm.jobs import Job, Result
from dgm.policies import Parents
from dgm.replay import Replayed, replay_with
from dgm.results import latest
from dgm.search import StoppedError
from tests.dgm.scripted import POLICIES, THEN, VARIANTS, Driver, Script


def replayed(driver: Driver, path: Path | None = None) -> Replayed:
    def bounds_of(budget: Mapping[str, Any]) -> Bounds:
        return replace(driver, evaluations=budget["evaluations"]).settings()

    with archive.open(path or driver.path) as run:
        return replay_with(driver.decider(), run, bounds_of, {"evaluations": driver.evaluations})


def decisions(run: RunReader) -> list[Decision]:
    return [row for entry in run.entries() for row in entry.rows if isinstance(row, Decision)]


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_every_decision_comes_out_as_recorded(tmp_path: Path, policy: str) -> None:
    driver = Driver(tmp_path / "run", seed=3, policy=policy, slots=4, work=Script(3, delay_s=0.002, void=0.1))
    driver.search()
    found = replayed(driver)
    assert found.difference is None
    with archive.open(driver.path) as run:
        assert found.agreed == len(decisions(run)) > 60


@pytest.mark.parametrize("parents", Parents)
@pytest.mark.parametrize("policy", ["huxley", "pedigree", *VARIANTS])
def test_variants_of_policies_and_the_controls_without_an_archive(
    tmp_path: Path, policy: str, parents: Parents
) -> None:
    work = Script(5, delay_s=0.001, void=0.05)
    driver = Driver(
        tmp_path / "run",
        seed=5,
        policy=policy,
        parents=parents,
        slots=3,
        work=work,
        evaluations=40,
        confirm=6,
    )
    driver.search()
    found = replayed(driver)
    assert found.difference is None
    others = [replayed(replace(driver, parents=other)) for other in Parents if other is not parents]
    assert any(found.difference is not None for found in others)
    with archive.open(driver.path) as run:
        made = decisions(run)
    assert found.agreed == len(made) > 40
    expanded = {row.agent for row in made if row.kind is DecisionKind.EXPAND}
    assert len(expanded) == 1 or parents is not Parents.SEED


def test_a_stopped_run_that_went_on_with_other_slots_and_a_larger_budget(tmp_path: Path) -> None:
    driver = Driver(tmp_path / "run", evaluations=30, slots=2, work=Script(delay_s=0.002))
    asked = iter([0] * 20 + [2] * 9)
    with pytest.raises(StoppedError):
        driver.search(stops=lambda: next(asked))
    with resume_run(driver.path) as run:
        noted = Change(
            seq=run.next_seq,
            kind="budget",
            before='{"evaluations": 30}',
            after='{"evaluations": 60}',
            at=THEN,
        )
        run.append(noted)
    replace(driver, evaluations=60, slots=5).search()
    assert replayed(driver).difference is None


@pytest.mark.parametrize(
    ("alter", "key"),
    [
        (lambda row: replace(row, agent=row.runners_up[1]["agent"]), "agent"),
        (lambda row: replace(row, saw={**row.saw, "agents": 1}), "saw.agents"),
        (lambda row: replace(row, policy_version=99), "policy_version"),
    ],
)
def test_a_decision_altered_by_hand_is_caught(
    tmp_path: Path, alter: Callable[[Decision], Decision], key: str
) -> None:
    driver = Driver(tmp_path / "run", slots=3)
    driver.search()
    with archive.open(driver.path) as run:
        entries, info = [entry.rows for entry in run.entries()], run.info
        chosen = next(row for row in decisions(run)[20:] if len(row.runners_up) > 1)
    assert chosen.runners_up[1]["agent"] != chosen.agent
    with create_run(tmp_path / "altered", info) as run:
        for rows in entries[: chosen.seq + 1]:
            run.append(*(alter(row) if row == chosen and isinstance(row, Decision) else row for row in rows))
    found = replayed(driver, tmp_path / "altered")
    assert found.difference is not None
    assert found.difference.recorded.seq == chosen.seq
    assert [line.split(":")[0] for line in found.difference.keys] == [key]
    assert ("version 99 of policy huxley decided it" in found.difference.fault) == (key == "policy_version")


def test_a_run_that_was_stopped_graded_again_and_went_on(tmp_path: Path) -> None:
    """What was decided before stays explained by the rows before it; what comes after sees the grades that count."""
    started: list[Job] = []

    def work(job: Job) -> Result:
        started.append(job)
        return Script(3, delay_s=0.002)(job)

    driver = Driver(tmp_path / "run", seed=3, slots=3, work=work)
    with pytest.raises(StoppedError):
        driver.search(stops=lambda: 2 if len(started) >= 40 else 0)
    with resume_run(driver.path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
        first = [row for row in latest(rows) if row.outcome is Outcome.RESOLVED]
        for row in first[::2]:
            run.append(a_regrade(run.next_seq, row, outcome=Outcome.UNRESOLVED))
        again = run.next_seq
    assert len(first) > 3
    tree = driver.search()
    assert replayed(driver).difference is None
    with archive.open(driver.path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    own = {id: Counts() for id in tree.ids}
    for row in latest(rows):
        if row.split is Split.SEARCH:
            success = row.outcome is Outcome.RESOLVED
            own[row.agent] += Counts(int(success), int(not success))
    lineage = Lineage(row for row in rows if isinstance(row, Agent))
    for i, id in enumerate(tree.ids):
        assert tree.counts(id) == own[id]
        clade = Counts(int(tree.clade_resolved[i]), int(tree.clade_unresolved[i]))
        assert clade == clade_counts(lineage, own, id)
    assert sum(counts.total for counts in own.values()) == 60
    late = [row for row in rows if isinstance(row, Decision) and row.seq >= again and row.runners_up]
    assert late
    for row in late:
        before = [one for one in rows if one.seq < row.seq]
        chosen = row.runners_up[0]
        mine = [one for one in latest(before) if one.agent == chosen["agent"] and one.split is Split.SEARCH]
        if row.task is not None:
            assert chosen["resolved"] == sum(one.outcome is Outcome.RESOLVED for one in mine)
