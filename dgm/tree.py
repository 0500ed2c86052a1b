"""The run as policies see it: one incremental fold over the archive's rows, kept in arrays.

Agents have indices in the order in which they were made (0 is the seed), search tasks in the order of the frozen split.
A result costs O(depth): own counts of its agent and clade counts of its ancestors. Only the search split counts;
`void` outcomes never do. Policies read, the driver alone calls `observe`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import compress

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
    RunReader,
    Split,
    TaskId,
)
from dgm.cmp import Counts, best_beliefs
from dgm.columns import (
    ANSWERED,
    Agents,
    Decisions,
    Results,
    agents_of,
    decisions_of,
    evaluations_of,
    expansions_of,
)

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
    ANSWERED = 12
    CRASHED = 13


def _grade(success: bool) -> int:
    """How the grade of a decision's answer is kept; 0 stands for none."""
    return 2 if success else 1


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
        self._keep(np.zeros((len(_Column), 16), dtype=np.int64))
        self._used = np.zeros((16, len(tasks)), dtype=np.bool_)
        self._grades = np.zeros(16, dtype=np.int8)

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
    def answered(self) -> NDArray[np.bool_]:
        """Agents that ever left an answer to a search task, right or wrong; shape (agents,)."""
        return self._column(_Column.ANSWERED) > 0

    @property
    def crashed(self) -> NDArray[np.bool_]:
        """Agents whose own `improve` ever crashed; shape (agents,)."""
        return self._column(_Column.CRASHED) > 0

    @property
    def expansions_in_flight(self) -> int:
        return int(self.expanding.sum())

    def _keep(self, data: Ints) -> None:
        """Let the columns be rows of `data`; readers see the same numbers and cannot write them."""
        self._data = data
        self._read_only = data.view()
        self._read_only.flags.writeable = False

    def _column(self, column: _Column) -> Ints:
        return self._read_only[column, : len(self.ids)]

    def index(self, agent: AgentId) -> int:
        return self._index[agent]

    def counts(self, agent: AgentId) -> Counts:
        """Own counts of one agent."""
        i = self._index[agent]
        return Counts(int(self.resolved[i]), int(self.unresolved[i]))

    def unused_tasks(self, index: int) -> tuple[TaskId, ...]:
        """Search tasks that the agent may still be evaluated on, in frozen order."""
        return tuple(compress(self.tasks, (~self._used[index]).tolist()))

    def unused(self, index: int) -> NDArray[np.bool_]:
        """Which search tasks, in frozen order, the agent may still be evaluated on; shape (tasks,)."""
        left: NDArray[np.bool_] = ~self._used[index]
        return left

    def is_unused(self, index: int, task: TaskId) -> bool:
        """Whether this is a search task that the agent may still be evaluated on."""
        place = self._task_index.get(task)
        return place is not None and not self._used[index, place]

    def best(self) -> AgentId:
        """The best-belief agent of this moment."""
        return self.leaders(1)[0]

    def leaders(self, count: int) -> list[AgentId]:
        """The `count` best-belief agents of this moment, best first; fewer where fewer are known well enough."""
        found = best_beliefs(self.resolved, self.unresolved, tasks=len(self.tasks), count=count)
        return [self.ids[i] for i in found]

    def fold(self, run: RunReader) -> None:
        """Fold all rows of `run` into this tree, which has seen none: the same as observing them one by one, at a
        fraction of the cost."""
        if self.ids:
            raise ValueError("a tree that has seen rows cannot fold a whole run in")
        agents = agents_of(run)
        expansions, evaluations = expansions_of(run, agents), evaluations_of(run, agents, self.tasks)
        decisions = decisions_of(run, agents, self.tasks, expansions, evaluations)
        self.cost_microusd = expansions.cost_microusd + evaluations.cost_microusd
        self.calls = expansions.calls + evaluations.calls
        self._fold_agents(agents)
        self._fold_decisions(decisions)
        self._fold_expansions(decisions, expansions)
        self._fold_evaluations(decisions, evaluations)
        self._fold_open(run, decisions, expansions, evaluations)

    def _fold_agents(self, agents: Agents) -> None:
        count = len(agents.ids)
        self.ids = agents.ids
        self._index = {id: i for i, id in enumerate(agents.ids)}
        self._keep(np.zeros((len(_Column), max(16, count)), dtype=np.int64))
        self._used = np.zeros((max(16, count), len(self.tasks)), dtype=np.bool_)
        born = agents.parents[agents.parents >= 0]
        self._set(_Column.PARENT, agents.parents)
        self._set(_Column.CHILDREN, np.bincount(born, minlength=count))
        depths = [0] * count
        for i, parent in enumerate(agents.parents.tolist()):
            depths[i] = depths[parent] + 1 if parent >= 0 else 0
        self._set(_Column.DEPTH, np.array(depths, dtype=np.int64))

    def _fold_decisions(self, decisions: Decisions) -> None:
        searches = np.flatnonzero(decisions.searches)
        self.expansions_started = int(decisions.expands.sum())
        self.evaluations_started = len(searches)
        self._used[decisions.agent[searches], decisions.task[searches]] = True
        self._set(_Column.USED, self._used[: len(self.ids)].sum(axis=1))

    def _fold_expansions(self, decisions: Decisions, results: Results) -> None:
        """In order, since how long an agent rests depends on what came before."""
        self._data[_Column.CRASHED, results.agent[results.remembered]] = 1
        attempts: dict[int, int] = {}
        of, parents = results.decision.tolist(), decisions.agent[results.decision].tolist()
        for decision, i, counted in zip(of, parents, results.counted.tolist(), strict=True):
            attempts[decision] = attempts.get(decision, 0) + 1
            if counted or attempts[decision] == MAX_ATTEMPTS:
                self._tried(i, void=not counted)

    def _fold_evaluations(self, decisions: Decisions, results: Results) -> None:
        self._data[_Column.ANSWERED, results.agent[results.remembered]] = 1
        self._grades = np.zeros(max(16, len(decisions.agent)), dtype=np.int8)
        scored = results.counted & ~results.regrade & decisions.searches[results.decision]
        grades = np.where(results.resolved, _grade(True), _grade(False)).astype(np.int8)
        self._grades[results.decision[scored]] = grades[scored]
        again = results.counted & results.regrade & (self._grades[results.decision] > 0)
        self._grades[results.decision[again]] = grades[again]  # of several the last one stays
        parents = self.parents.tolist()
        for own, clade, success in (
            (_Column.RESOLVED, _Column.CLADE_RESOLVED, True),
            (_Column.UNRESOLVED, _Column.CLADE_UNRESOLVED, False),
        ):
            graded = np.flatnonzero(self._grades == _grade(success))
            counts = np.bincount(decisions.agent[graded], minlength=len(self.ids))
            self._set(own, counts)
            sums = counts.tolist()
            for i in range(len(sums) - 1, 0, -1):  # a child comes after its parent
                if parents[i] >= 0:
                    sums[parents[i]] += sums[i]
            self._set(clade, np.array(sums, dtype=np.int64))

    def _fold_open(
        self, run: RunReader, decisions: Decisions, expansions: Results, evaluations: Results
    ) -> None:
        """What has no counted result and was not given up."""
        count = len(decisions.agent)
        voids, done = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
        for results in (expansions, evaluations):
            first = ~results.regrade
            voids += np.bincount(results.decision[first & ~results.counted], minlength=count)
            done[results.decision[first & results.counted]] = True
        given_up = ~done & (voids >= MAX_ATTEMPTS) & decisions.searches
        self.evaluations_started -= int(given_up.sum())
        left = np.flatnonzero((decisions.agent >= 0) & ~done & (voids < MAX_ATTEMPTS))
        for decision in run.decisions_at(left.tolist()):
            self.open[decision.seq] = Open(decision=decision, attempts=int(voids[decision.seq]))
        for column, kind in (
            (_Column.EXPANDING, decisions.expands),
            (_Column.EVALUATING, decisions.searches),
        ):
            self._set(column, np.bincount(decisions.agent[left[kind[left]]], minlength=len(self.ids)))

    def _set(self, column: _Column, values: Ints) -> None:
        self._data[column, : len(self.ids)] = values

    def observe(self, row: Row) -> None:
        """Fold one row in. Rows come in the archive's order, each once."""
        match row:
            case Decision():
                self._decided(row)
            case Agent():
                self._born(row)
            case Expansion():
                self._spend(row.usage.cost_microusd, row.usage.calls)
                self._data[_Column.CRASHED, self._index[row.parent]] |= (
                    row.outcome is ExpansionOutcome.CRASHED
                )
                self._expanded(row)
            case Evaluation():
                answered = row.outcome in ANSWERED and row.split is Split.SEARCH
                self._data[_Column.ANSWERED, self._index[row.agent]] |= answered
                if row.replaces is not None:
                    self._regraded(row)
                else:
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
            self._keep(np.concatenate([self._data, np.zeros_like(self._data)], axis=1))
            self._used = np.concatenate([self._used, np.zeros_like(self._used)])
        parent = -1 if row.parent is None else self._index[row.parent]
        self._data[_Column.PARENT, i] = parent
        if parent >= 0:
            self._data[_Column.CHILDREN, parent] += 1
            self._data[_Column.DEPTH, i] = self._data[_Column.DEPTH, parent] + 1
        self._index[row.id] = i
        self.ids.append(row.id)

    def _decided(self, row: Decision) -> None:
        self.open[row.seq] = Open(decision=row)
        i = self._index[row.agent]
        if row.kind is DecisionKind.EXPAND:
            self._data[_Column.EXPANDING, i] += 1
            self.expansions_started += 1
        elif row.split is Split.SEARCH and row.task is not None:
            self._data[_Column.EVALUATING, i] += 1
            self.evaluations_started += 1
            task = self._task_index[row.task]
            self._data[_Column.USED, i] += not self._used[i, task]
            self._used[i, task] = True

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
        i = self._index[row.parent]
        self._data[_Column.EXPANDING, i] -= 1
        self._tried(i, void=void)

    def _tried(self, i: int, *, void: bool) -> None:
        """Take note of an expansion of agent number `i` that is closed; `void`: set aside."""
        data = self._data
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
        while row.decision >= len(self._grades):
            self._grades = np.concatenate([self._grades, np.zeros_like(self._grades)])
        self._grades[row.decision] = _grade(success)
        self._count(i, success, 1)

    def _regraded(self, row: Evaluation) -> None:
        """Move one count: the last grade of a decision's answer is the one that counts."""
        known = row.decision < len(self._grades) and self._grades[row.decision]
        if not known or not row.outcome.counted:
            return
        i, before, after = (
            self._index[row.agent],
            bool(known == _grade(True)),
            row.outcome is Outcome.RESOLVED,
        )
        self._grades[row.decision] = _grade(after)
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
