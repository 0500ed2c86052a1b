"""How well what policies go by foretells what descendants come to, as HGM's Table 1 defines it.

HGM is Wang 2025, https://arxiv.org/abs/2510.21614. The *empirical CMP* of an agent is the largest mean score in its
clade without itself. A score-based policy foretells it by the agent's own mean. HGM foretells it by the pooled mean of
the clade, less what would make that a matter of course: the agent's own evaluations and the whole clade of that child
in which the largest mean was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgm.tree import Tree

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Signal:
    """Pairs of what was foretold and the empirical CMP, with the evaluations behind the former; shape (agents,)."""

    foretold: Floats
    empirical: Floats
    weights: Floats

    @property
    def unweighted(self) -> float:
        return correlation(self.foretold, self.empirical, np.ones_like(self.weights))

    @property
    def weighted(self) -> float:
        return correlation(self.foretold, self.empirical, self.weights)


def signals(tree: Tree, least: int = 1) -> tuple[Signal, Signal]:
    """Own scores and clade estimates; an empirical CMP is of means over at least `least` evaluations."""
    resolved, counted = tree.resolved, tree.resolved + tree.unresolved
    below, through = _best_below(tree, least)
    clade_resolved = tree.clade_resolved - resolved
    clade_counted = tree.clade_resolved + tree.clade_unresolved - counted
    known = np.flatnonzero((through >= 0) & (counted > 0))
    own = Signal(
        foretold=resolved[known] / counted[known],
        empirical=below[known],
        weights=counted[known].astype(np.float64),
    )
    some = np.flatnonzero(through >= 0)
    children = through[some]
    left_resolved = clade_resolved[some] - tree.clade_resolved[children]
    left = clade_counted[some] - (tree.clade_resolved + tree.clade_unresolved)[children]
    told = left > 0
    clade = Signal(
        foretold=left_resolved[told] / left[told],
        empirical=below[some][told],
        weights=left[told].astype(np.float64),
    )
    return own, clade


def _best_below(tree: Tree, least: int) -> tuple[Floats, NDArray[np.int64]]:
    """The largest mean below each agent, and the index of its child in whose clade that is (-1: none)."""
    counted, parents = tree.resolved + tree.unresolved, tree.parents
    highest = np.where(counted >= max(1, least), tree.resolved / np.maximum(1, counted), -1.0)
    below, through = np.full(len(tree), -1.0), np.full(len(tree), -1, dtype=np.int64)
    for i in range(len(tree) - 1, 0, -1):  # a child comes after its parent
        best, parent = max(float(highest[i]), float(below[i])), int(parents[i])
        if best > below[parent]:
            below[parent], through[parent] = best, i
    return below, through


def correlation(one: Floats, other: Floats, weights: Floats) -> float:
    """Pearson's, weighted; nan where it is not defined."""
    if len(one) < 2:
        return float("nan")
    a, b = one - np.average(one, weights=weights), other - np.average(other, weights=weights)
    spread = float(np.sqrt((weights * a**2).sum() * (weights * b**2).sum()))
    return float((weights * a * b).sum()) / spread if spread > 0 else float("nan")
