"""The incremental view, on cases made by hand; `test_tree_properties.py` compares it with a recomputation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from archive import (
    Agent,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    Outcome,
    Row,
    Split,
)
from archive.testing import a_regrade, an_evaluation, an_expansion
from dgm.cmp import Counts
from dgm.tree import MAX_ATTEMPTS, Tree

TASKS = tuple(f"katas/t{n}" for n in range(6))


def name(n: int) -> str:
    return f"{n:040x}"


def seed() -> Agent:
    return Agent(id=name(0), seq=0, parent=None, depth=0, tree=name(0))


def child(n: int, parent: int, depth: int) -> Agent:
    return Agent(id=name(n), seq=n, parent=name(parent), depth=depth, tree=name(n))


def evaluate(seq: int, agent: int, task: str, split: Split = Split.SEARCH) -> Decision:
    return Decision(
        seq=seq,
        kind=DecisionKind.EVALUATE,
        agent=name(agent),
        task=task,
        split=split,
        policy="p",
        policy_version=1,
    )


def evaluated(decision: Decision, outcome: Outcome, attempt: int = 1) -> Evaluation:
    assert decision.task is not None
    assert decision.split is not None
    return replace(
        an_evaluation(),
        id=f"{decision.seq:030x}{attempt:02x}",
        seq=1000 + decision.seq,
        decision=decision.seq,
        attempt=attempt,
        agent=decision.agent,
        task=decision.task,
        split=decision.split,
        outcome=outcome,
        score=None if outcome is Outcome.VOID else float(outcome is Outcome.RESOLVED),
    )


def fold(*rows: Row) -> Tree:
    tree = Tree(TASKS)
    for row in rows:
        tree.observe(row)
    return tree


def test_what_is_decided_is_in_flight_until_it_has_a_result() -> None:
    first, second = evaluate(1, 0, TASKS[0]), evaluate(2, 0, TASKS[1])
    expand = Decision(seq=3, kind=DecisionKind.EXPAND, agent=name(0), policy="p", policy_version=1)
    tree = fold(seed(), first, second, expand)
    assert sorted(tree.open) == [1, 2, 3]
    assert (tree.evaluating[0], tree.expanding[0], tree.used[0]) == (2, 1, 2)
    assert tree.unused_tasks(0) == TASKS[2:]
    assert [tree.is_unused(0, task) for task in (*TASKS, "katas/other")] == [False, False, *[True] * 4, False]
    tree.observe(evaluated(first, Outcome.RESOLVED))
    made = an_expansion(50, decision=3, parent=name(0), outcome=ExpansionOutcome.NO_CHANGE)
    tree.observe(made)
    assert sorted(tree.open) == [2]
    assert (tree.evaluating[0], tree.expanding[0]) == (1, 0)
    assert (tree.evaluations_started, tree.expansions_started) == (2, 1)


def test_void_is_no_evidence_and_is_tried_again_until_the_task_is_set_aside() -> None:
    decision = evaluate(1, 0, TASKS[0])
    tree = fold(seed(), decision)
    for attempt in range(1, MAX_ATTEMPTS):
        tree.observe(evaluated(decision, Outcome.VOID, attempt))
        assert tree.open[1].attempts == attempt
        assert tree.evaluations_started == 1
    tree.observe(evaluated(decision, Outcome.VOID, MAX_ATTEMPTS))
    assert not tree.open
    assert tree.evaluations_started == 0
    assert tree.counts(name(0)) == Counts()
    assert TASKS[0] not in tree.unused_tasks(0)


def test_an_expansion_of_the_machine_s_fault_gives_its_place_back() -> None:
    decision = Decision(seq=1, kind=DecisionKind.EXPAND, agent=name(0), policy="p", policy_version=1)
    tree = fold(seed(), decision)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        row: Expansion = an_expansion(
            attempt + 1, decision=1, attempt=attempt, parent=name(0), outcome=ExpansionOutcome.VOID
        )
        tree.observe(row)
    assert (tree.expansions_in_flight, tree.expansions_started) == (0, 0)


def test_a_parent_whose_expansions_are_set_aside_rests_ever_longer() -> None:
    agents = [seed(), child(1, 0, 1)]
    tree, seq = fold(*agents), 100

    def expand(agent: int, outcome: ExpansionOutcome) -> None:
        nonlocal seq
        tree.observe(
            Decision(seq=seq, kind=DecisionKind.EXPAND, agent=name(agent), policy="p", policy_version=1)
        )
        tries = 1 if outcome.counted else MAX_ATTEMPTS
        for attempt in range(1, tries + 1):
            tree.observe(
                an_expansion(seq, decision=seq, attempt=attempt, parent=name(agent), outcome=outcome)
            )
        seq += 1

    assert not tree.resting.any()
    for asleep in (1, 2, 3):
        expand(1, ExpansionOutcome.VOID)
        for _ in range(asleep):
            assert tree.resting.tolist() == [False, True]
            expand(0, ExpansionOutcome.NO_CHANGE)
        assert not tree.resting.any()
    expand(1, ExpansionOutcome.GATED)
    expand(1, ExpansionOutcome.VOID)
    expand(0, ExpansionOutcome.NO_CHANGE)
    assert not tree.resting.any()


def test_only_the_search_split_steers() -> None:
    decision = evaluate(1, 0, "katas/other", Split.TEST)
    tree = fold(seed(), decision, evaluated(decision, Outcome.RESOLVED))
    assert tree.counts(name(0)) == Counts()
    assert (tree.evaluations_started, tree.used[0]) == (0, 0)


def test_a_regrade_takes_the_place_of_what_it_replaces() -> None:
    decision = evaluate(1, 1, TASKS[0])
    before = evaluated(decision, Outcome.RESOLVED)
    tree = fold(seed(), child(1, 0, 1), decision, before)
    cost, calls = tree.cost_microusd, tree.calls
    tree.observe(a_regrade(2000, before, outcome=Outcome.UNRESOLVED))
    assert tree.counts(name(1)) == Counts(0, 1)
    assert (tree.clade_resolved[0], tree.clade_unresolved[0]) == (0, 1)
    assert (tree.evaluations_started, tree.cost_microusd, tree.calls) == (1, cost, calls)


def test_a_regrade_of_a_test_task_does_not_steer() -> None:
    decision = evaluate(1, 0, "katas/other", Split.TEST)
    before = evaluated(decision, Outcome.RESOLVED)
    tree = fold(seed(), decision, before, a_regrade(2000, before, outcome=Outcome.UNRESOLVED))
    assert tree.counts(name(0)) == Counts()
    assert (tree.clade_resolved[0], tree.clade_unresolved[0]) == (0, 0)


def test_views_cannot_be_written() -> None:
    tree = fold(seed())
    assert not tree.resolved.flags.writeable
    assert tree.clade_resolved.dtype == np.int64
