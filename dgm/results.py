"""What a run found, as pure functions of its rows: the best-belief agent, its score on `test` against the seed's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archive import AgentId, Evaluation, Outcome, Row, Split, TaskId
from dgm.cmp import Beta, Counts, posterior

RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class Score:
    """One agent on the test split: `counts` over all repeats, `by_task` the mean per task in [0, 1]."""

    agent: AgentId
    counts: Counts
    by_task: Mapping[TaskId, float]

    @property
    def belief(self) -> Beta:
        return posterior(self.counts)

    @property
    def mean(self) -> float:
        """Mean over the tasks of the mean over each task's repeats; 0 without a counted evaluation."""
        return float(np.mean(list(self.by_task.values()))) if self.by_task else 0.0


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much better one agent is than another on the tasks that both met: mean difference and 95 % interval."""

    mean: float
    low: float
    high: float
    tasks: int


def latest(rows: Iterable[Row]) -> list[Evaluation]:
    """Counted evaluations, each as its last counted grading says, in the order of the first gradings.

    A decision has one counted evaluation and any number of re-grades of it.
    """
    by_decision: dict[int, Evaluation] = {}
    for row in rows:
        if isinstance(row, Evaluation) and row.outcome.counted:
            by_decision[row.decision] = row
    return list(by_decision.values())


@dataclass(frozen=True, kw_only=True)
class Regrade:
    """A re-grade beside the grade that it took the place of."""

    before: Evaluation
    after: Evaluation

    @property
    def changed(self) -> bool:
        """Whether the verdict is another: an incident, not noise."""
        return self.before.outcome is not self.after.outcome


def regrades(rows: Iterable[Row]) -> list[Regrade]:
    """Every re-grade of these rows, in their order."""
    by_id: dict[str, Evaluation] = {}
    found: list[Regrade] = []
    for row in rows:
        if isinstance(row, Evaluation):
            by_id[row.id] = row
            if row.replaces is not None:
                found.append(Regrade(before=by_id[row.replaces], after=row))
    return found


def score(evaluations: Sequence[Evaluation], agent: AgentId, split: Split = Split.TEST) -> Score:
    """The score of `agent` on `split`."""
    outcomes: dict[TaskId, list[bool]] = defaultdict(list)
    for row in evaluations:
        if row.agent == agent and row.split is split:
            outcomes[row.task].append(row.outcome is Outcome.RESOLVED)
    flat = [value for values in outcomes.values() for value in values]
    return Score(
        agent=agent,
        counts=Counts(sum(flat), len(flat) - sum(flat)),
        by_task={task: float(np.mean(values)) for task, values in sorted(outcomes.items())},
    )


def gain(better: Score, base: Score) -> Gain:
    """Paired difference over common tasks; the interval is a percentile bootstrap over tasks with a fixed stream."""
    tasks = sorted(better.by_task.keys() & base.by_task.keys())
    if not tasks:
        return Gain(mean=0.0, low=0.0, high=0.0, tasks=0)
    differences = np.array([better.by_task[task] - base.by_task[task] for task in tasks])
    picks = np.random.default_rng(0).integers(len(tasks), size=(RESAMPLES, len(tasks)))
    low, high = np.quantile(differences[picks].mean(axis=1), [0.025, 0.975])
    return Gain(mean=float(differences.mean()), low=float(low), high=float(high), tasks=len(tasks))


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """What `k` attempts of one agent at each task come to: shares of tasks resolved.

    `single` by one attempt, `frequent` by the answer that most of them gave (which a user can see), `any` by at least
    one of them (pass@k: a choice by the hidden tests, which no user has).
    """

    k: int
    single: Score
    frequent: Score
    any: Score


def attempts(evaluations: Sequence[Evaluation], agent: AgentId, split: Split = Split.TEST) -> Attempts:
    """The attempts of `agent` on `split`; k is what the task with the fewest has, of the others the first k count.

    An attempt whose answer was not graded (a timeout, nothing written) is seen to have failed, and never chosen.
    """
    by_task: dict[TaskId, list[Evaluation]] = defaultdict(list)
    for row in evaluations:
        if row.agent == agent and row.split is split:
            by_task[row.task].append(row)
    k = min(map(len, by_task.values()), default=0)
    first = {task: rows[:k] for task, rows in sorted(by_task.items())}
    return Attempts(
        k=k,
        single=score([row for rows in first.values() for row in rows], agent, split),
        frequent=_score_of({task: _most_frequent(rows) for task, rows in first.items()}, agent),
        any=_score_of(
            {task: any(row.outcome is Outcome.RESOLVED for row in rows) for task, rows in first.items()},
            agent,
        ),
    )


def _most_frequent(rows: Sequence[Evaluation]) -> bool:
    """Whether the answer that was given most often is right; of those given equally often, the earliest."""
    given: dict[str, list[Evaluation]] = defaultdict(list)
    for row in rows:
        if row.tier:
            given[row.digests.get("submission") or row.answer or row.id].append(row)
    if not given:
        return False
    return max(given.values(), key=len)[0].outcome is Outcome.RESOLVED


def _score_of(resolved: Mapping[TaskId, bool], agent: AgentId) -> Score:
    won = sum(resolved.values())
    return Score(
        agent=agent,
        counts=Counts(won, len(resolved) - won),
        by_task={task: float(value) for task, value in resolved.items()},
    )
