"""Runs in which everything happens, at random: folded from columns they are the tree that observed every row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from numpy.random import Generator, default_rng

import archive
from archive import (
    Agent,
    Decision,
    DecisionKind,
    Evaluation,
    ExpansionOutcome,
    Outcome,
    Row,
    RunInfo,
    Split,
    create_run,
    is_result,
    job_id,
)
from archive.testing import a_change, a_regrade, an_agent, an_evaluation, an_expansion, id_at
from dgm.tree import MAX_ATTEMPTS, Tree

SPLITS = {
    Split.SEARCH: tuple(f"t{n}" for n in range(11)),
    Split.CONFIRM: ("v0", "v1"),
    Split.TEST: ("x0", "x1", "x2"),
}


def a_run(generator: Generator, steps: int) -> Iterator[tuple[Row, ...]]:
    """Entries of a search in which everything happens: voids and tries, re-grades, all splits, much in flight."""
    agents, tries, graded = [an_agent(0)], dict[int, tuple[Decision, int]](), list[Evaluation]()
    yield (agents[0],)
    for seq in range(1, steps):
        step = generator.random()
        if step < 0.03:
            yield (a_change(seq),)
        elif step < 0.1 and graded:
            before = graded[int(generator.integers(len(graded)))]
            outcome = list(Outcome)[int(generator.integers(len(Outcome)))]
            again = a_regrade(seq, before, attempt=seq, outcome=outcome)
            graded += [again] if outcome.counted else []
            yield (again,)
        elif step < 0.5 or not tries:
            tries[seq] = (decided(generator, seq, agents), 0)
            yield (tries[seq][0],)
        else:
            yield finished(generator, seq, tries, agents, graded)


def decided(generator: Generator, seq: int, agents: list[Agent]) -> Decision:
    agent = agents[int(generator.integers(len(agents)))].id
    if generator.random() < 0.3:
        return Decision(
            seq=seq, kind=DecisionKind.EXPAND, agent=agent, operator="o", policy="p", policy_version=1
        )
    split = list(SPLITS)[int(generator.choice(3, p=[0.7, 0.1, 0.2]))]
    task = str(generator.choice(SPLITS[split]))
    return Decision(
        seq=seq, kind=DecisionKind.EVALUATE, agent=agent, task=task, split=split, policy="p", policy_version=1
    )


def finished(
    generator: Generator,
    seq: int,
    tries: dict[int, tuple[Decision, int]],
    agents: list[Agent],
    graded: list[Evaluation],
) -> tuple[Row, ...]:
    """A result of one of the open decisions; half of them are void."""
    decision, before = tries[int(generator.choice(list(tries)))]
    attempt, void = before + 1, generator.random() < 0.5
    tries[decision.seq] = (decision, attempt)
    if not void or attempt == MAX_ATTEMPTS:
        del tries[decision.seq]
    if decision.task is None:
        made = None if void or generator.random() < 0.4 else child(seq, decision, agents)
        counted = [ExpansionOutcome.CRASHED, ExpansionOutcome.GATED, ExpansionOutcome.NO_CHANGE]
        outcome = ExpansionOutcome.VOID if void else counted[int(generator.integers(3))]
        expansion = an_expansion(
            seq, decision=decision.seq, attempt=attempt, parent=decision.agent,
            child=None if made is None else made.id, outcome=outcome if made is None else None,
        )  # fmt: skip
        agents += [] if made is None else [made]
        return (expansion,) if made is None else (expansion, made)
    outcomes = [outcome for outcome in Outcome if outcome.counted]
    evaluation = an_evaluation(
        seq, decision=decision.seq, attempt=attempt, agent=decision.agent, task=decision.task,
        outcome=Outcome.VOID if void else outcomes[int(generator.integers(len(outcomes)))],
    )  # fmt: skip
    assert decision.split is not None
    evaluation = replace(evaluation, split=decision.split)
    graded += [] if void else [evaluation]
    return (evaluation,)


def child(seq: int, decision: Decision, agents: list[Agent]) -> Agent:
    parent = next(agent for agent in agents if agent.id == decision.agent)
    born = an_agent(seq, parent=parent, id=id_at(seq))
    return replace(born, expansion=job_id("run", decision.seq, "expand", 1))


def set_aside(row: Row) -> bool:
    result = is_result(row)
    return result and row.attempt == MAX_ATTEMPTS and not row.outcome.counted


def observed(entries: list[tuple[Row, ...]]) -> Tree:
    tree = Tree(SPLITS[Split.SEARCH])
    for rows in entries:
        for row in rows:
            tree.observe(row)
    return tree


def folded(run: Path) -> Tree:
    with archive.open(run) as reader:
        tree = Tree(SPLITS[Split.SEARCH])
        tree.fold(reader)
        return tree


def state(tree: Tree) -> dict[str, object]:
    """Every attribute, arrays without the room that they have to grow."""
    found = dict(vars(tree))
    del found["_read_only"]  # another view of `_data`
    found["_data"] = found["_data"][:, : len(tree)].tolist()
    found["_used"] = found["_used"][: len(tree)].tolist()
    found["_grades"] = found["_grades"].tobytes().rstrip(b"\0")
    return found


@pytest.mark.parametrize("seed", range(3))
def test_folded_from_columns_it_is_as_observed_row_by_row(seed: int, tmp_path: Path) -> None:
    entries = list(a_run(default_rng(seed), 240))
    info = RunInfo(id="run", seed=0, splits=SPLITS)
    with create_run(tmp_path / "run", info, segment_lines=60) as run:
        while run.next_seq < len(entries):
            run.append_many(entries[run.next_seq : run.next_seq + 20])
        assert state(folded(run.path)) == state(observed(entries))
    tree = folded(run.path)  # now all of it is sealed
    assert state(tree) == state(observed(entries))
    assert tree.open
    assert any(set_aside(row) for rows in entries for row in rows)
