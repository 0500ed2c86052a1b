"""The fold: what each kind of row does to the belief, and what must leave no trace."""

from __future__ import annotations

import numpy as np
import pytest

from archive import Agent, Decision, ExpansionOutcome, Outcome, Split
from dgm.policies.pedigree import Belief, Pedigree
from dgm.policies.pedigree.belief import BROKEN, REFIT_DECISIONS
from dgm.policies.pedigree.messages import TASK_VARIANCE
from dgm.tree import MAX_ATTEMPTS
from tests.dgm.policies.pedigree.lives import TASKS, Life, a_life


def told(belief: Belief) -> list[list[float]]:
    """All that decisions are made from, as numbers."""
    found = belief.abilities.all()
    tm, tv = belief.difficulties(TASKS)
    held = [value for pair in sorted(belief.running_by_agent().items()) for value in pair]
    walk = [belief.abilities.walk.drift, belief.abilities.walk.step]
    arrays = (found.mean, found.variance, belief.whole(), tm, tv, *belief.sites())
    return [*(one.tolist() for one in arrays), held, walk]


def test_the_belief_is_the_fold_of_the_rows_and_of_nothing_else() -> None:
    life, again = a_life(1), Belief()
    for row in life.rows:
        again = Pedigree().observe(again, row)
    assert told(again) == told(life.belief)


def test_sites_add_up_to_what_agents_and_tasks_are_believed() -> None:
    life = a_life(2)
    p, h, task_p, task_h = life.belief.sites()
    agent, task = np.array(life.belief.results.agent), np.array(life.belief.results.task)
    own_p, own_h = life.belief.abilities.own
    np.testing.assert_allclose(own_p, np.bincount(agent, p, len(own_p)), atol=1e-12)
    np.testing.assert_allclose(own_h, np.bincount(agent, h, len(own_h)), atol=1e-12)
    tasks = [life.belief.tasks[name] for name in TASKS]
    tm, tv = life.belief.difficulties(TASKS)
    np.testing.assert_allclose(1 / tv, 1 / TASK_VARIANCE + np.bincount(task, task_p)[tasks], atol=1e-12)
    np.testing.assert_allclose(tm / tv, np.bincount(task, task_h)[tasks], atol=1e-12)


def test_who_resolves_something_is_not_broken_and_who_never_does_becomes_so() -> None:
    life = Life()
    for parent in (None, 0, 1):
        life.born(parent)
    assert life.belief.broken.tolist() == pytest.approx([0.0, BROKEN, 1 - (1 - BROKEN) ** 2])
    for task in range(6):
        life.result(1, task, resolved=False)
        life.result(2, task, resolved=task == 5)
    assert life.belief.broken[1] > 0.3
    assert life.belief.broken[2] == 0.0


def test_a_lost_evaluation_releases_what_it_held() -> None:
    life = a_life(3)
    before = told(life.belief)
    variance, _ = life.belief.abilities.with_running(life.belief.running_by_agent())
    agent = len(life.tree) - 1
    task = int(life.tree.unused(agent).nonzero()[0][0])
    decision = life.start(agent, task)
    held, _ = life.belief.abilities.with_running(life.belief.running_by_agent())
    assert held[agent] < variance[agent]
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert decision in life.belief.running
        life.end(decision, Outcome.VOID, attempt=attempt)
    assert told(life.belief) == before


def test_a_result_releases_what_its_evaluation_held() -> None:
    life = a_life(4)
    life.result(len(life.tree) - 1, int(life.tree.unused(len(life.tree) - 1).nonzero()[0][0]), resolved=True)
    assert not life.belief.running


def test_results_of_other_splits_say_nothing() -> None:
    life = a_life(5)
    before, rows = told(life.belief), len(life.rows)
    for split in (Split.CONFIRM, Split.TEST):
        decision = Decision(
            seq=life.seq, kind=life.rows[1].kind, agent=life.tree.ids[0], task="katas/other", split=split,
            policy="final", policy_version=1,
        )  # fmt: skip
        life.tell(decision)
        assert not life.belief.running
    assert len(life.rows) == rows + 2
    assert told(life.belief) == before


def test_a_regrade_counts_as_if_it_had_been_the_grade() -> None:
    """Another grade of a child's only success: broken or not comes out as if it had never resolved anything."""
    one, other = Life(), Life()
    for life, resolved in ((one, True), (other, False)):
        life.born()
        life.born(0)
        life.result(1, 0, resolved=False)
        last = life.result(1, 1, resolved)
        if resolved:
            assert life.belief.broken[1] == 0.0
            life.regrade(last, Outcome.UNRESOLVED)
    np.testing.assert_allclose(np.array(one.belief.broken), np.array(other.belief.broken), atol=1e-12)
    np.testing.assert_allclose(one.belief.abilities.all().mean, other.belief.abilities.all().mean, atol=1e-9)
    one.regrade(last, Outcome.VOID)
    np.testing.assert_allclose(np.array(one.belief.broken), np.array(other.belief.broken), atol=1e-12)


def test_refits_come_with_the_result_after_twenty_decisions() -> None:
    life = Life()
    life.born()
    life.born(0)
    walks = set()
    for n in range(REFIT_DECISIONS):
        walks.add(life.belief.abilities.walk)
        decision = life.start(1, n) if n < 2 else life.start(0)
        if n < REFIT_DECISIONS - 1:
            if n < 2:
                life.end(decision, Outcome.RESOLVED)
            else:
                life.end_expansion(decision, ExpansionOutcome.NO_CHANGE)
    assert walks == {life.belief.abilities.walk}
    life.end_expansion(decision, ExpansionOutcome.VOID)
    assert life.belief.abilities.walk not in walks


def test_patches_add_up_along_the_lineage() -> None:
    life = Life()
    life.born()
    life.born(0, patch_bytes=100)
    life.born(1, patch_bytes=30)
    life.born(0, patch_bytes=7)
    assert life.belief.patches == [0, 100, 130, 7]
    assert isinstance(life.rows[0], Agent)
