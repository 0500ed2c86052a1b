"""The run as policies see it: one incremental fold over the archive's rows, kept in arrays.

Agents have indices in the order in which they were made (0 is the seed), search tasks in the order of the frozen split.
A result costs O(depth): own counts of its agent and clade counts of its ancestors. Only the search split counts;
`void` outcomes never do. Policies read, the driver alone calls `observe`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from archive import (
    Agent,
    AgentId,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    Outcome,
    Row,
    Split,
    TaskId,
)
from dgm.cmp import Counts, best_belief

MAX_ATTEMPTS = 3
"""Tries that a decision gets while its results are void."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Open:
    """A decision that has no result yet; `attempts` counts its void results so far."""

    decision: Decision
    attempts: int = 0


class _Column(IntEnum):
    PARENT = 0
    RESOLVED = 1
    UNRESOLVED = 2
    CLADE_RESOLVED = 3
    CLADE_UNRESOLVED = 4
    CHILDREN = 5
    EXPANDING = 6
    EVALUATING = 7
    USED = 8
    DEPTH = 9
    SET_ASIDE = 10
    RESTS_UNTIL = 11


class Tree:
    """Agents, counts and what is in flight. `tasks` are the search split's, in frozen order."""

    def __init__(self, tasks: tuple[TaskId, ...]) -> None:
        self.tasks = tasks
        self.ids: list[AgentId] = []
        self.open: dict[int, Open] = {}
        self.evaluations_started = 0
        self.expansions_started = 0
        self.expansions_counted = 0
        self.cost_microusd = 0
        self.calls = 0
        self._task_index = {task: i for i, task in enumerate(tasks)}
        self._index: dict[AgentId, int] = {}
        self._data = np.zeros((len(_Column), 16), dtype=np.int64)
        self._used: list[set[int]] = []
        self._scored: dict[int, bool] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, agent: AgentId) -> bool:
        return agent in self._index

    @property
    def parents(self) -> Ints:
        """Index of each agent's parent, -1 for the seed; shape (agents,)."""
        return self._column(_Column.PARENT)

    @property
    def resolved(self) -> Ints:
        """Own resolved search evaluations; shape (agents,)."""
        return self._column(_Column.RESOLVED)

    @property
    def unresolved(self) -> Ints:
        """Own counted search evaluations that were not resolved; shape (agents,)."""
        return self._column(_Column.UNRESOLVED)

    @property
    def clade_resolved(self) -> Ints:
        """Resolved search evaluations in each agent's clade, itself included; shape (agents,)."""
        return self._column(_Column.CLADE_RESOLVED)

    @property
    def clade_unresolved(self) -> Ints:
        """As `clade_resolved`, for those not resolved."""
        return self._column(_Column.CLADE_UNRESOLVED)

    @property
    def children(self) -> Ints:
        """Number of children of each agent; shape (agents,)."""
        return self._column(_Column.CHILDREN)

    @property
    def expanding(self) -> Ints:
        """Expansions of each agent in flight; shape (agents,)."""
        return self._column(_Column.EXPANDING)

    @property
    def evaluating(self) -> Ints:
        """Search evaluations of each agent in flight; shape (agents,)."""
        return self._column(_Column.EVALUATING)

    @property
    def used(self) -> Ints:
        """Search tasks of each agent that are done, in flight or set aside; shape (agents,)."""
        return self._column(_Column.USED)

    @property
    def depths(self) -> Ints:
        """Levels below the seed; shape (agents,)."""
        return self._column(_Column.DEPTH)

    @property
    def resting(self) -> NDArray[np.bool_]:
        """Agents whose last expansions were set aside, one after the other; shape (agents,).

        After k of them in a row an agent rests until k more expansions, of whatever agents, have counted results: a
        machine that works for others gives it another chance, one that fails for it alone fails ever more rarely.
        """
        return self._column(_Column.RESTS_UNTIL) > self.expansions_counted

    @property
    def expansions_in_flight(self) -> int:
        return int(self.expanding.sum())

    def _column(self, column: _Column) -> Ints:
        view = self._data[column, : len(self.ids)]
        view.flags.writeable = False
        return view

    def index(self, agent: AgentId) -> int:
        return self._index[agent]

    def counts(self, agent: AgentId) -> Counts:
        """Own counts of one agent."""
        i = self._index[agent]
        return Counts(int(self.resolved[i]), int(self.unresolved[i]))

    def unused_tasks(self, index: int) -> tuple[TaskId, ...]:
        """Search tasks that the agent may still be evaluated on, in frozen order."""
        used = self._used[index]
        return tuple(task for i, task in enumerate(self.tasks) if i not in used)

    def best(self) -> AgentId:
        """The best-belief agent of this moment."""
        return self.ids[best_belief(self.resolved, self.unresolved, tasks=len(self.tasks))]

    def observe(self, row: Row) -> None:
        """Fold one row in. Rows come in the archive's order, each once."""
        match row:
            case Decision():
                self._decided(row)
            case Agent():
                self._born(row)
            case Expansion():
                self._spend(row.usage.cost_microusd, row.usage.calls)
                self._expanded(row)
            case Evaluation() if row.replaces is not None:
                self._regraded(row)
            case Evaluation():
                self._spend(row.usage.cost_microusd, row.usage.calls)
                self._evaluated(row)
            case _:
                pass

    def _spend(self, cost_microusd: int, calls: int) -> None:
        self.cost_microusd += cost_microusd
        self.calls += calls

    def _born(self, row: Agent) -> None:
        i = len(self.ids)
        if i == self._data.shape[1]:
            self._data = np.concatenate([self._data, np.zeros_like(self._data)], axis=1)
        parent = -1 if row.parent is None else self._index[row.parent]
        self._data[_Column.PARENT, i] = parent
        if parent >= 0:
            self._data[_Column.CHILDREN, parent] += 1
            self._data[_Column.DEPTH, i] = self._data[_Column.DEPTH, parent] + 1
        self._index[row.id] = i
        self.ids.append(row.id)
        self._used.append(set())

    def _decided(self, row: Decision) -> None:
        self.open[row.seq] = Open(decision=row)
        i = self._index[row.agent]
        if row.kind is DecisionKind.EXPAND:
            self._data[_Column.EXPANDING, i] += 1
            self.expansions_started += 1
        elif row.split is Split.SEARCH and row.task is not None:
            self._data[_Column.EVALUATING, i] += 1
            self.evaluations_started += 1
            self._used[i].add(self._task_index[row.task])
            self._data[_Column.USED, i] = len(self._used[i])

    def _close(self, seq: int, void: bool) -> bool:
        """Close the decision, unless its result is void and it may be tried again; True when closed."""
        found = self.open[seq]
        attempts = found.attempts + 1
        if void and attempts < MAX_ATTEMPTS:
            self.open[seq] = Open(decision=found.decision, attempts=attempts)
            return False
        del self.open[seq]
        return True

    def _expanded(self, row: Expansion) -> None:
        void = not row.outcome.counted
        if not self._close(row.decision, void):
            return
        i, data = self._index[row.parent], self._data
        data[_Column.EXPANDING, i] -= 1
        if void:
            self.expansions_started -= 1
            data[_Column.SET_ASIDE, i] += 1
            data[_Column.RESTS_UNTIL, i] = self.expansions_counted + data[_Column.SET_ASIDE, i]
        else:
            self.expansions_counted += 1
            data[_Column.SET_ASIDE, i] = data[_Column.RESTS_UNTIL, i] = 0

    def _evaluated(self, row: Evaluation) -> None:
        void = row.outcome is Outcome.VOID
        if not self._close(row.decision, void) or row.split is not Split.SEARCH:
            return
        i = self._index[row.agent]
        self._data[_Column.EVALUATING, i] -= 1
        if void:
            self.evaluations_started -= 1
            return
        success = row.outcome is Outcome.RESOLVED
        self._scored[row.decision] = success
        self._count(i, success, 1)

    def _regraded(self, row: Evaluation) -> None:
        """Move one count: the last grade of a decision's answer is the one that counts."""
        if row.decision not in self._scored or not row.outcome.counted:
            return
        i, before, after = self._index[row.agent], self._scored[row.decision], row.outcome is Outcome.RESOLVED
        self._scored[row.decision] = after
        self._count(i, before, -1)
        self._count(i, after, 1)

    def _count(self, i: int, success: bool, step: int) -> None:
        own = _Column.RESOLVED if success else _Column.UNRESOLVED
        clade = _Column.CLADE_RESOLVED if success else _Column.CLADE_UNRESOLVED
        data = self._data
        data[own, i] += step
        while i >= 0:
            data[clade, i] += step
            i = int(data[_Column.PARENT, i])
