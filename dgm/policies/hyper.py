"""Hyperagents (https://arxiv.org/abs/2603.19461): DGM's rule, with a moving midpoint and a cubic penalty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from archive import Row
from dgm.policies.base import Action, View
from dgm.policies.darwin import sigmoid
from dgm.policies.staged import Stages, act, flow

LEADERS = 3
PATIENCE = 8


@dataclass(frozen=True, kw_only=True)
class Hyper:
    """Weight sigmoid(steepness (s_i - m)) exp(-(c_i / 8)^3) with m the mean of the three best scores.

    s_i counts the tasks that a gate withheld as not resolved, c_i all children of agent i. Children join whatever they
    score; a parent whose own `improve` crashed is none any more. One child at a time (`generation=1`) as published; 0
    is asynchronous.
    """

    sizes: tuple[int, ...] = (10, 60)
    gate: float = 0.4
    steepness: float = 10.0
    generation: int = 1
    name: str = "hyper"
    version: int = 1

    def __post_init__(self) -> None:
        if self.generation < 0:
            raise ValueError(f"policy.generation must not be negative, got {self.generation}")
        self.stages()

    def stages(self) -> Stages:
        return Stages(sizes=tuple(self.sizes), gate=self.gate)

    def start(self) -> None:
        return None

    def observe(self, belief: None, row: Row) -> None:
        return None

    def decide(self, belief: None, view: View, generator: Generator) -> Action:
        tree = view.tree
        stages = self.stages()
        now = flow(view, stages, ~tree.crashed, self.generation)
        scores = tree.resolved / max(1, stages.of(tree)[-1])
        return act(view, now, self.weights(scores, tree.children, now.parents), generator)

    def weights(
        self, scores: NDArray[np.float64], children: NDArray[np.int64], parents: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What each parent's chance is in proportion to; shape (parents,). The midpoint looks at all agents."""
        midpoint = float(np.sort(scores)[-LEADERS:].mean()) if len(scores) else 0.0
        novelty = np.exp(-((children[parents] / PATIENCE) ** 3))
        return sigmoid(self.steepness * (scores[parents] - midpoint)) * novelty
