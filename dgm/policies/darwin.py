"""DGM (Zhang 2025, https://arxiv.org/abs/2505.22954, appendix C.2): parents by performance and novelty."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from archive import Row
from dgm.policies.base import Action, View
from dgm.policies.staged import SEED, Stages, act, flow, means
from dgm.tree import Tree


class Keep(StrEnum):
    """Who joins the archive of parents: every working agent, or only one that is not much worse than the seed."""

    ALL = "all"
    BETTER = "better"


@dataclass(frozen=True, kw_only=True)
class Darwin:
    """p_i in proportion to sigmoid(steepness (a_i - midpoint)) / (1 + n_i), drawn with replacement.

    a_i is the share of resolved tasks among those that agent i was evaluated on, n_i the number of its children that
    joined the archive. Who never left an answer does not join (the paper's basic functionality), nor, with
    `keep=better`, who scores below the seed by more than `noise`. An agent that resolves everything has nothing left to
    learn from and is no parent (paper; the released program crashes there). `generation` is the number of children
    made together (paper: 2 or 4); 0 is asynchronous.
    """

    sizes: tuple[int, ...] = (10, 60, 200)
    gate: float = 0.4
    top: int = 2
    steepness: float = 10.0
    midpoint: float = 0.5
    keep: str = "all"
    noise: float = 0.1
    generation: int = 0
    name: str = "darwin"
    version: int = 1

    def __post_init__(self) -> None:
        if self.keep not in list(Keep):
            raise ValueError(f"policy.keep must be {' or '.join(Keep)}, got {self.keep!r}")
        if self.generation < 0:
            raise ValueError(f"policy.generation must not be negative, got {self.generation}")
        self.stages()

    def stages(self) -> Stages:
        return Stages(sizes=tuple(self.sizes), gate=self.gate, top=self.top)

    def start(self) -> None:
        return None

    def observe(self, belief: None, row: Row) -> None:
        return None

    def decide(self, belief: None, view: View, generator: Generator) -> Action:
        tree = view.tree
        member = self._members(tree)
        scores = means(tree)
        perfect = (tree.unresolved == 0) & (tree.resolved > 0)
        now = flow(view, self.stages(), member & ~perfect, self.generation)
        children = children_among(tree, member)
        return act(view, now, self.weights(scores[now.parents], children[now.parents]), generator)

    def weights(self, scores: NDArray[np.float64], children: NDArray[np.int64]) -> NDArray[np.float64]:
        """What each parent's chance is in proportion to; shapes (parents,)."""
        return sigmoid(self.steepness * (scores - self.midpoint)) / (1 + children)

    def _members(self, tree: Tree) -> NDArray[np.bool_]:
        """Who is in the archive of parents; the seed always is."""
        member = tree.answered
        scores = means(tree)
        if self.keep == Keep.BETTER and len(tree):
            member &= scores >= scores[SEED] - self.noise
        member[:1] = True
        return member


def children_among(tree: Tree, member: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many children of each agent are members; shape (agents,)."""
    parents = tree.parents[member]
    return np.bincount(parents[parents >= 0], minlength=len(tree)).astype(np.int64)


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))
