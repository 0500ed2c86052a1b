"""Policies that follow one line: SICA's confidence rule, and always the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from archive import Row
from dgm.policies.base import Action, View
from dgm.policies.staged import Stages, act, flow, means
from dgm.tree import Tree

Z95 = 1.96


@dataclass(frozen=True, kw_only=True)
class Sica:
    """SICA (Robeyns 2025, https://arxiv.org/abs/2504.15228): the newest agent that is not clearly worse than the best.

    From the newest agent back, the first whose mean is at least the lower bound of the best one's,
    mean - z sd / sqrt(n) with the sd of n yes-or-no outcomes; otherwise the best. `z` = 1.96 is SICA's 95 % bound; with
    0 it is always the best, the newest of equals. `sizes` is the one fixed subset of tasks that every agent is
    evaluated on: SICA's program takes about 18, the comparison in HGM's paper 60. One child at a time.
    """

    sizes: tuple[int, ...] = (60,)
    z: float = Z95
    name: str = "sica"
    version: int = 1

    def __post_init__(self) -> None:
        Stages(sizes=tuple(self.sizes))
        if self.z < 0:
            raise ValueError(f"policy.z must not be negative, got {self.z}")

    def start(self) -> None:
        return None

    def observe(self, belief: None, row: Row) -> None:
        return None

    def decide(self, belief: None, view: View, generator: Generator) -> Action:
        now = flow(view, Stages(sizes=tuple(self.sizes)), np.ones(len(view.tree), dtype=bool), 1)
        return act(view, now, _only(now.parents, partial(improver, z=self.z), view.tree), generator)


@dataclass(frozen=True, kw_only=True)
class Greedy:
    """Always the complete agent with the largest share of resolved tasks, the oldest of equals (DGM, appendix A.3)."""

    sizes: tuple[int, ...] = (10, 60)
    gate: float = 0.4
    generation: int = 0
    name: str = "greedy"
    version: int = 1

    def __post_init__(self) -> None:
        if self.generation < 0:
            raise ValueError(f"policy.generation must not be negative, got {self.generation}")
        Stages(sizes=tuple(self.sizes), gate=self.gate)

    def start(self) -> None:
        return None

    def observe(self, belief: None, row: Row) -> None:
        return None

    def decide(self, belief: None, view: View, generator: Generator) -> Action:
        stages = Stages(sizes=tuple(self.sizes), gate=self.gate)
        now = flow(view, stages, np.ones(len(view.tree), dtype=bool), self.generation)
        return act(view, now, _only(now.parents, best, view.tree), generator)


def improver(tree: Tree, parents: NDArray[np.int64], *, z: float = Z95) -> int:
    """Which of `parents` (by age) SICA would improve next: an index into them."""
    scores = means(tree)[parents]
    counted = (tree.resolved + tree.unresolved)[parents]
    leader = int(np.argmax(scores))
    share = float(scores[leader])
    bound = share - z * float(np.sqrt(share * (1 - share) / counted[leader]))
    return int(np.flatnonzero(scores >= bound)[-1])


def best(tree: Tree, parents: NDArray[np.int64]) -> int:
    """The first of `parents` with the largest share of resolved tasks: an index into them."""
    return int(np.argmax(means(tree)[parents]))


def _only(
    parents: NDArray[np.int64], choose: Callable[[Tree, NDArray[np.int64]], int], tree: Tree
) -> NDArray[np.float64]:
    """Weights that leave no chance to any parent but the one that `choose` takes."""
    weights = np.zeros(len(parents))
    if len(parents):
        weights[choose(tree, parents)] = 1.0
    return weights
