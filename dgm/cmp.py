"""Statistics that steer: counts, beliefs, clade-metaproductivity (CMP), the best-belief agent.

Pure functions of a lineage and its evaluations. HGM is Wang 2025, https://arxiv.org/abs/2510.21614.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from archive import AgentId, Lineage

BELIEF_QUANTILE = 0.05
"""Level of the quantile by which the best-belief agent is chosen."""

BELIEF_EVALUATIONS = 10
"""Evaluations that an agent needs before it may be the best-belief agent (fewer when there are fewer tasks)."""


@dataclass(frozen=True, order=True)
class Counts:
    """Counted evaluations: how many were resolved, how many were not."""

    resolved: int = 0
    unresolved: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.resolved + other.resolved, self.unresolved + other.unresolved)

    @property
    def total(self) -> int:
        return self.resolved + self.unresolved


@dataclass(frozen=True)
class Beta:
    """A Beta belief about a probability of resolving."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    def quantile(self, level: float) -> float:
        """The value below which the belief puts `level` of its mass."""
        return float(betaincinv(self.a, self.b, level))

    def interval(self, mass: float = 0.95) -> tuple[float, float]:
        """Central interval that holds `mass`."""
        return self.quantile((1 - mass) / 2), self.quantile((1 + mass) / 2)


def posterior(counts: Counts) -> Beta:
    """Belief after `counts` from the uniform prior: Beta(1 + resolved, 1 + unresolved)."""
    return Beta(1 + counts.resolved, 1 + counts.unresolved)


def clade_counts(lineage: Lineage, counts: Mapping[AgentId, Counts], root: AgentId) -> Counts:
    """Every counted evaluation in the clade of `root`, the root included, once each (HGM, section 3)."""
    total = Counts()
    for agent in lineage.clade(root):
        total += counts.get(agent, Counts())
    return total


def clade_posterior(lineage: Lineage, counts: Mapping[AgentId, Counts], root: AgentId) -> Beta:
    """Belief in the clade-metaproductivity of `root` (CMP; HGM, section 3): Beta over its clade's pooled counts."""
    return posterior(clade_counts(lineage, counts, root))


def best_beliefs(
    resolved: NDArray[np.int64],
    unresolved: NDArray[np.int64],
    *,
    tasks: int,
    count: int,
    level: float = BELIEF_QUANTILE,
) -> list[int]:
    """Indices of the `count` best-belief agents, best first (HGM, section 3.3, read as a quantile).

    `resolved` and `unresolved` are own counts, shape (agents,), index 0 the seed. Largest `level` quantile of
    Beta(1 + resolved, 1 + unresolved) among agents with at least min(10, `tasks`) evaluations; the seed always
    competes, so there may be fewer than `count` but never none. Ties go to the higher mean, then to the older agent.
    """
    enough = (resolved + unresolved) >= min(BELIEF_EVALUATIONS, tasks)
    enough[0] = True
    quantiles = np.where(enough, betaincinv(1.0 + resolved, 1.0 + unresolved, level), -1.0)
    means = (1.0 + resolved) / (2.0 + resolved + unresolved)
    order = np.lexsort((np.arange(len(resolved)), -means, -quantiles))
    best: list[int] = order[: min(count, int(enough.sum()))].tolist()
    return best


def best_belief(resolved: NDArray[np.int64], unresolved: NDArray[np.int64], *, tasks: int) -> int:
    """Index of the best-belief agent: the first of `best_beliefs`."""
    return best_beliefs(resolved, unresolved, tasks=tasks, count=1)[0]
