"""What `pedigree` believes: the fold of every row over abilities, difficulties, broken agents and prices.

A belief is changed in place, so that a result costs O(depth) whatever the size of the run: whoever folds goes on with
what `observe` returned and lets go of what it was given.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np

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
    Usage,
)
from dgm.policies.pedigree.abilities import Abilities
from dgm.policies.pedigree.messages import TASK_VARIANCE, Floats, Ints
from dgm.policies.pedigree.refit import Evidence, refitted
from dgm.policies.pedigree.sites import chance, precision, site
from dgm.tree import MAX_ATTEMPTS

BROKEN = 0.10
"""P(a child of a sound parent is broken: resolves nothing, nor do its descendants)."""

REFIT_DECISIONS = 20
REFIT_SHARE = 0.04


@dataclass
class Prices:
    """What counted jobs have cost, in the run's money and in tokens."""

    jobs: int = 0
    cost_microusd: int = 0
    tokens: int = 0

    def add(self, usage: Usage) -> None:
        self.jobs += 1
        self.cost_microusd += usage.cost_microusd
        self.tokens += usage.input_tokens + usage.output_tokens


@dataclass
class Results:
    """Every counted result: whose, on which task, resolved or not, how likely that was, and its site."""

    agent: array[int] = field(default_factory=lambda: array("q"))
    task: array[int] = field(default_factory=lambda: array("q"))
    resolved: array[float] = field(default_factory=lambda: array("d"))
    p: array[float] = field(default_factory=lambda: array("d"))
    h: array[float] = field(default_factory=lambda: array("d"))
    task_p: array[float] = field(default_factory=lambda: array("d"))
    task_h: array[float] = field(default_factory=lambda: array("d"))
    missed: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.agent)


class Belief:
    """See the module. `broken` is P(broken) of each agent; `running` holds (agent, precision) of what is in flight."""

    def __init__(self) -> None:
        self.abilities = Abilities()
        self.numbers: dict[AgentId, int] = {}
        self.patches: list[int] = []
        self.broken = array("d")
        self._born_broken = array("d")
        self.tasks: dict[TaskId, int] = {}
        self.task_p = array("d")
        self.task_h = array("d")
        self.results = Results()
        self.running: dict[int, tuple[int, float]] = {}
        self.evaluations, self.expansions = Prices(), Prices()
        self._result_of: dict[int, int] = {}
        self._decisions = 0

    def observe(self, row: Row) -> None:
        match row:
            case Agent():
                self._born(row)
            case Decision():
                self._decided(row)
            case Expansion():
                if row.outcome.counted:
                    self.expansions.add(row.usage)
                self._refit_when_due()
            case Evaluation() if row.split is Split.SEARCH:
                self._evaluated(row)
            case _:
                pass

    def _born(self, row: Agent) -> None:
        """A child is broken with probability 1 - (1 - BROKEN)(1 - P(its parent is))."""
        parent = -1 if row.parent is None else self.numbers[row.parent]
        self.numbers[row.id] = self.abilities.add(parent)
        broken = 0.0 if parent < 0 else 1 - (1 - BROKEN) * (1 - self.broken[parent])
        self.broken.append(broken)
        self._born_broken.append(broken)
        self.patches.append(row.patch_bytes + (self.patches[parent] if parent >= 0 else 0))

    def _decided(self, row: Decision) -> None:
        """A running evaluation holds the precision that its result will bring: it is one that need not be bought."""
        self._decisions += 1
        if row.kind is not DecisionKind.EVALUATE or row.split is not Split.SEARCH or row.task is None:
            return
        agent = self.numbers[row.agent]
        (m, v), (tm, tv) = self.abilities.at(agent), self.difficulty(self._task(row.task))
        w = chance(m - tm, v + tv).w
        self.running[row.seq] = agent, precision(w, tv)

    def _evaluated(self, row: Evaluation) -> None:
        if row.replaces is not None:
            self._regraded(row)
            return
        if row.outcome.counted:
            self.evaluations.add(row.usage)
            self._result_of[row.decision] = len(self.results)
            self._learn(self.numbers[row.agent], self._task(row.task), float(row.outcome is Outcome.RESOLVED))
        if row.outcome.counted or row.attempt >= MAX_ATTEMPTS:
            self.running.pop(row.decision, None)
        self._refit_when_due()

    def _learn(self, agent: int, task: int, resolved: float) -> None:
        """Who resolves something is not broken; else P(broken) grows by Bayes' rule, and what it says weighs less."""
        (m, v), (tm, tv) = self.abilities.at(agent), self.difficulty(task)
        at = chance(m - tm, v + tv)
        missed = 1 - at.p
        self.broken[agent] = _after(self.broken[agent], resolved, missed)
        found = site(m, v, tm, tv, resolved, 1 - self.broken[agent], at)
        results = self.results
        results.agent.append(agent)
        results.task.append(task)
        results.resolved.append(resolved)
        results.missed.append(missed)
        results.p.append(found.p)
        results.h.append(found.h)
        results.task_p.append(found.task_p)
        results.task_h.append(found.task_h)
        self._tell(agent, task, len(results) - 1, 1.0)

    def _tell(self, agent: int, task: int, result: int, sign: float) -> None:
        """Add the site of a result, or take it away."""
        results = self.results
        self.abilities.tell(agent, sign * results.p[result], sign * results.h[result])
        self.task_p[task] += sign * results.task_p[result]
        self.task_h[task] += sign * results.task_h[result]

    def _regraded(self, row: Evaluation) -> None:
        """The last grade counts: take the old result away and learn the new one, P(broken) from all that is left."""
        result = self._result_of.get(row.decision)
        if result is None or not row.outcome.counted:
            return
        results, resolved = self.results, float(row.outcome is Outcome.RESOLVED)
        if results.resolved[result] == resolved:
            return
        agent, task = results.agent[result], results.task[result]
        self._tell(agent, task, result, -1.0)
        results.resolved[result] = resolved
        broken = self._born_broken[agent]
        for own in np.flatnonzero(np.array(results.agent) == agent).tolist():
            broken = _after(broken, results.resolved[own], results.missed[own])
        self.broken[agent] = broken
        (m, v), (tm, tv) = self.abilities.at(agent), self.difficulty(task)
        found = site(m, v, tm, tv, resolved, 1 - broken, chance(m - tm, v + tv))
        results.p[result], results.h[result] = found.p, found.h
        results.task_p[result], results.task_h[result] = found.task_p, found.task_h
        self._tell(agent, task, result, 1.0)

    def _task(self, name: TaskId) -> int:
        number = self.tasks.setdefault(name, len(self.tasks))
        if number == len(self.task_p):
            self.task_p.append(1 / TASK_VARIANCE)
            self.task_h.append(0.0)
        return number

    def difficulty(self, task: int) -> tuple[float, float]:
        """Mean and variance of a task's difficulty."""
        tv = 1 / self.task_p[task]
        return tv * self.task_h[task], tv

    def difficulties(self, names: tuple[TaskId, ...]) -> tuple[Floats, Floats]:
        """The same for many; what was never tried has the prior. Shapes (names,)."""
        numbers = np.array(list(map(self.tasks.get, names, repeat(-1))), dtype=np.int64)
        p, h = np.append(np.array(self.task_p), 1 / TASK_VARIANCE), np.append(np.array(self.task_h), 0.0)
        tv: Floats = 1 / p[numbers]
        return tv * h[numbers], tv

    def whole(self) -> Floats:
        """P(not broken) of each agent, shape (agents,)."""
        return 1 - np.array(self.broken)

    def running_by_agent(self) -> dict[int, float]:
        """The precision that the running evaluations of each agent hold together."""
        held: dict[int, float] = {}
        for agent, held_precision in self.running.values():
            held[agent] = held.get(agent, 0.0) + held_precision
        return held

    def evidence(self) -> Evidence:
        """All that a refit reads."""
        results = self.results
        return Evidence(
            parents=self.abilities.parents,
            ancestors=self.abilities.ancestors,
            whole=self.whole(),
            tasks=len(self.task_p),
            agent=_ints(results.agent),
            task=_ints(results.task),
            resolved=np.array(results.resolved),
        )

    def sites(self) -> Floats:
        """The site of each result; shape (4, results): p, h, task_p, task_h."""
        results = self.results
        return np.array([results.p, results.h, results.task_p, results.task_h])

    def _refit_when_due(self) -> None:
        """Every 20 decisions, and from 500 on every 4 % of all results and agents: so refits together cost O(both)."""
        due = max(REFIT_DECISIONS, REFIT_SHARE * (len(self.results) + len(self.abilities)))
        if self._decisions < due or not len(self.results):
            return
        self._decisions = 0
        fitted = refitted(self.evidence(), self.sites(), self.abilities.walk)
        results = self.results
        results.p, results.h, results.task_p, results.task_h = (
            array("d", row.tobytes()) for row in fitted.sites
        )
        self.task_p, self.task_h = array("d", fitted.task_p.tobytes()), array("d", fitted.task_h.tobytes())
        self.abilities.replace(fitted.own_p, fitted.own_h, fitted.collected, fitted.walk)


def _after(broken: float, resolved: float, missed: float) -> float:
    """P(broken) after a result that a sound agent would have missed with probability `missed`."""
    return 0.0 if resolved else broken / (broken + (1 - broken) * missed)


def _ints(values: array[int]) -> Ints:
    return np.array(values, dtype=np.int64)
