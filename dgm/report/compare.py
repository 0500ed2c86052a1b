"""Several runs side by side: the gain of each run's winner over its seed, pooled over runs and tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive import TaskId
from dgm.cmp import Counts
from dgm.report.views import RunView
from dgm.results import score

RESAMPLES = 20_000


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The winner of one run beside the seed, on `test`: counts, and mean difference per task in [-1, 1]."""

    best: Counts
    seed: Counts
    differences: Mapping[TaskId, float]

    @property
    def gain(self) -> float:
        return float(np.mean(list(self.differences.values()))) if self.differences else 0.0


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """Mean gain over runs with a 95 % interval from a paired bootstrap over runs and tasks."""

    mean: float
    low: float
    high: float


def pair(view: RunView) -> Pair:
    """What the final test of one run says."""
    evaluations = view.evaluations
    best, seed = (score(evaluations, agent) for agent in (view.best(), view.tree().ids[0]))
    return Pair(
        best=best.counts,
        seed=seed.counts,
        differences={
            task: best.by_task[task] - seed.by_task[task]
            for task in sorted(best.by_task.keys() & seed.by_task.keys())
        },
    )


def pool(runs: Sequence[Mapping[TaskId, float]]) -> Pooled:
    """Of each run the differences per task: their mean, and what resampling says of it.

    Runs, then tasks, are drawn with replacement, each task for all runs alike; the stream is fixed. Raises ValueError
    when the runs were not tested on the same tasks.
    """
    tasks = sorted(runs[0]) if runs else []
    if not tasks or any(sorted(one) != tasks for one in runs):
        raise ValueError(
            "runs can be pooled when there is at least one and all were tested on the same tasks"
        )
    table: NDArray[np.float64] = np.array([[one[task] for task in tasks] for one in runs])
    generator = np.random.default_rng(0)
    chosen = generator.integers(len(runs), size=(RESAMPLES, len(runs)))
    picks = generator.integers(len(tasks), size=(RESAMPLES, len(tasks)))
    means = np.array([table[np.ix_(run, pick)].mean() for run, pick in zip(chosen, picks, strict=True)])
    low, high = np.quantile(means, [0.025, 0.975])
    return Pooled(mean=float(table.mean()), low=float(low), high=float(high))
