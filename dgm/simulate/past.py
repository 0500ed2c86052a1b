"""What a made-up world is fitted to: the results of a run's search as arrays, from its rows alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archive import (
    Agent,
    AgentId,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    Outcome,
    Row,
    Split,
    TaskId,
    Usage,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What counted jobs of one kind took, each: micro-dollars, tokens and seconds; shape (jobs,)."""

    microusd: Floats
    tokens: Floats
    seconds: Floats


@dataclass(frozen=True, kw_only=True)
class Past:
    """The search of a run, or of several.

    Agents are numbered in the order in which they were made, tasks in that of the split. Of each agent: `parents` (-1:
    a seed), `depths`, and how many results of its own the parent had when the expansion was decided,
    `parent_results`; shape (agents,). Of each counted evaluation of the search split, as last graded:
    `agent`, `task` and `resolved`; shape (results,). `outcomes` counts the expansions that are evidence, `tasks` the
    tasks of the search split.
    """

    tasks: int
    parents: Ints
    depths: Ints
    parent_results: Ints
    agent: Ints
    task: Ints
    resolved: NDArray[np.bool_]
    outcomes: Mapping[ExpansionOutcome, int]
    evaluations: Spent
    expansions: Spent

    @property
    def children(self) -> int:
        return int((self.parents >= 0).sum())


@dataclass
class _Jobs:
    microusd: list[float] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, usage: Usage, seconds: float) -> None:
        self.microusd.append(usage.cost_microusd)
        self.tokens.append(usage.input_tokens + usage.output_tokens)
        self.seconds.append(seconds)

    def spent(self) -> Spent:
        return Spent(
            microusd=np.array(self.microusd, dtype=np.float64),
            tokens=np.array(self.tokens, dtype=np.float64),
            seconds=np.array(self.seconds, dtype=np.float64),
        )


class _Fold:
    """The rows so far, of one run after the other: `run` is which. `made_with` is how many results each parent had."""

    def __init__(self, tasks: Iterable[TaskId]) -> None:
        self.tasks = {name: n for n, name in enumerate(dict.fromkeys(tasks))}
        self.run = 0
        self.agents: dict[AgentId, Agent] = {}
        self.made_with: dict[AgentId, int] = {}
        self.results: dict[tuple[int, int], Evaluation] = {}
        self.counts: Counter[tuple[int, AgentId]] = Counter()
        self.known_at: dict[tuple[int, int], int] = {}
        self.outcomes: Counter[ExpansionOutcome] = Counter()
        self.evaluations, self.expansions = _Jobs(), _Jobs()

    def add(self, row: Row) -> None:
        match row:
            case Agent():
                self.agents.setdefault(row.id, row)
            case Decision(kind=DecisionKind.EXPAND):
                self.known_at[self.run, row.seq] = self.counts[self.run, row.agent]
            case Expansion() if row.outcome.counted:
                self.outcomes[row.outcome] += 1
                self.expansions.add(row.usage, row.seconds)
                if row.child is not None:
                    self.made_with[row.child] = self.known_at[self.run, row.decision]
            case Evaluation() if row.outcome.counted and row.split is Split.SEARCH:
                self._evaluated(row)
            case _:
                pass

    def _evaluated(self, row: Evaluation) -> None:
        if (self.run, row.decision) not in self.results:
            self.counts[self.run, row.agent] += 1
            self.evaluations.add(row.usage, row.solve_s + row.grade_s)
        self.tasks.setdefault(row.task, len(self.tasks))
        self.results[self.run, row.decision] = row


def past_of(runs: Iterable[Iterable[Row]], tasks: Iterable[TaskId] = ()) -> Past:
    """The searches that the rows of `runs` tell of, each in its archive's order; `tasks` are of the search splits.

    Runs that began with the same seed agent make one tree: they share the seed, and the tasks that both have.
    """
    fold = _Fold(tasks)
    for fold.run, rows in enumerate(runs):
        for row in rows:
            fold.add(row)
    agents, results = list(fold.agents.values()), list(fold.results.values())
    number = {agent.id: n for n, agent in enumerate(agents)}
    return Past(
        tasks=len(fold.tasks),
        parents=_ints(-1 if agent.parent is None else number[agent.parent] for agent in agents),
        depths=_ints(agent.depth for agent in agents),
        parent_results=_ints(fold.made_with.get(agent.id, 0) for agent in agents),
        agent=_ints(number[row.agent] for row in results),
        task=_ints(fold.tasks[row.task] for row in results),
        resolved=np.array([row.outcome is Outcome.RESOLVED for row in results], dtype=np.bool_),
        outcomes=dict(fold.outcomes),
        evaluations=fold.evaluations.spent(),
        expansions=fold.expansions.spent(),
    )


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)
