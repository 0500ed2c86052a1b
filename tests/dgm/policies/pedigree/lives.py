"""Rows of made-up searches, in the order in which an archive would have them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from numpy.random import Generator, default_rng

from archive import (
    Agent,
    Decision,
    DecisionKind,
    Evaluation,
    ExpansionOutcome,
    Outcome,
    Row,
    Split,
    Usage,
)
from archive.testing import a_regrade, an_evaluation, an_expansion
from dgm.policies.pedigree import Belief
from dgm.tree import Tree

TASKS = tuple(f"katas/t{n:02}" for n in range(12))


def name(n: int) -> str:
    return f"{n:040x}"


@dataclass
class Life:
    """A run as a belief and a tree see it; every row is kept in `rows`."""

    tasks: tuple[str, ...] = TASKS
    belief: Belief = field(default_factory=Belief)
    rows: list[Row] = field(default_factory=list)
    seq: int = 0

    def __post_init__(self) -> None:
        self.tree = Tree(self.tasks)

    def tell(self, row: Row) -> None:
        self.rows.append(row)
        self.tree.observe(row)
        self.belief.observe(row)
        self.seq += 1

    def born(self, parent: int | None = None, patch_bytes: int = 0) -> int:
        n = len(self.tree)
        depth = 0 if parent is None else int(self.tree.depths[parent]) + 1
        above = None if parent is None else name(parent)
        self.tell(
            Agent(id=name(n), seq=self.seq, parent=above, depth=depth, tree=name(n), patch_bytes=patch_bytes)
        )
        return n

    def start(self, agent: int, task: int | None = None, split: Split = Split.SEARCH) -> int:
        """Decide to expand `agent`, or to evaluate it on `task`; the decision's number."""
        evaluates = task is not None
        self.tell(
            Decision(
                seq=self.seq,
                kind=DecisionKind.EVALUATE if evaluates else DecisionKind.EXPAND,
                agent=name(agent),
                task=None if task is None else self.tasks[task],
                split=split if evaluates else None,
                policy="pedigree",
                policy_version=1,
            )
        )
        return self.seq - 1

    def end(
        self, decision: int, outcome: Outcome, attempt: int = 1, usage: Usage | None = None
    ) -> Evaluation:
        found = self.tree.open[decision].decision
        assert found.task is not None
        row = an_evaluation(
            self.seq, decision=decision, attempt=attempt, agent=found.agent, task=found.task, outcome=outcome
        )
        self.tell(row if usage is None else replace(row, usage=usage))
        return row

    def end_expansion(self, decision: int, outcome: ExpansionOutcome, usage: Usage | None = None) -> None:
        found = self.tree.open[decision].decision
        row = an_expansion(self.seq, decision=decision, parent=found.agent, outcome=outcome)
        self.tell(row if usage is None else replace(row, usage=usage))

    def result(self, agent: int, task: int, resolved: bool) -> Evaluation:
        return self.end(self.start(agent, task), Outcome.RESOLVED if resolved else Outcome.UNRESOLVED)

    def regrade(self, row: Evaluation, outcome: Outcome) -> None:
        self.tell(a_regrade(self.seq, row, outcome=outcome))


def a_life(seed: int, agents: int = 9, results: int = 90, tasks: tuple[str, ...] = TASKS) -> Life:
    """A seed with all its results, then agents and results in random order."""
    generator: Generator = default_rng(seed)
    life = Life(tasks)
    life.born()
    for task in range(len(tasks)):
        life.result(0, task, bool(generator.random() < 0.4))
    for _ in range(results):
        n = len(life.tree)
        if n < agents and generator.random() < 0.3:
            decision = life.start(int(generator.integers(n)))
            life.end_expansion(decision, ExpansionOutcome.NO_CHANGE)
            life.born(int(generator.integers(n)))
            continue
        agent = int(generator.integers(n))
        unused = life.tree.unused(agent).nonzero()[0]
        if len(unused):
            life.result(agent, int(generator.choice(unused)), bool(generator.random() < 0.4))
    return life
