"""Staged evaluation and the flow around it, as DGM has them (Zhang 2025, https://arxiv.org/abs/2505.22954, 4.1, C.2).

Every agent is evaluated on the first few search tasks, in their frozen order; who passes a gate is evaluated on more.
Whoever has no stage left to do is *complete*, and only complete agents are parents. The seed needs no gate before the
last stage: the reference program starts from a seed that was evaluated beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from archive import Json
from dgm.policies.base import Action, Evaluate, Expand, View, Wait
from dgm.policies.huxley import RUNNERS_UP, situation
from dgm.tree import Tree

SEED = 0


@dataclass(frozen=True, kw_only=True)
class Stages:
    """`sizes` are tasks in all after each stage, cut down to the tasks that there are.

    A stage is passed with a share of at least `gate` resolved; to enter the third, an agent must also be among the best
    `top` of those that finished the second (the paper: above 40 % and in the top two).
    """

    sizes: tuple[int, ...] = (10, 60, 200)
    gate: float = 0.4
    top: int = 2

    def __post_init__(self) -> None:
        if (
            not self.sizes
            or any(size < 1 for size in self.sizes)
            or list(self.sizes) != sorted(set(self.sizes))
        ):
            raise ValueError(
                f"policy.sizes must be growing numbers of tasks from 1 on, got {list(self.sizes)}"
            )
        if not 0 <= self.gate <= 1:
            raise ValueError(f"policy.gate must lie in [0, 1], got {self.gate}")
        if self.top < 1:
            raise ValueError(f"policy.top must be at least 1, got {self.top}")

    def of(self, tree: Tree) -> tuple[int, ...]:
        """The sizes for the tasks of this run, each once."""
        return tuple(dict.fromkeys(min(size, len(tree.tasks)) for size in self.sizes))

    def targets(self, tree: Tree) -> NDArray[np.int64]:
        """How many tasks each agent is to be evaluated on, as far as is known now; shape (agents,).

        Asking twice changes nothing: what an agent has used tells which gates it has passed.
        """
        sizes = self.of(tree)
        idle, scores = tree.evaluating == 0, means(tree)
        target = np.full(len(tree), sizes[0], dtype=np.int64)
        for stage, size in enumerate(sizes[1:], start=1):
            before = sizes[stage - 1]
            passed = (tree.used == before) & idle & (scores >= self.gate)
            if stage == 1:
                passed[:1] |= (tree.used[:1] == before) & idle[:1]
            if stage >= 2:
                passed &= _among_best(scores, (tree.used >= before) & idle, self.top)
            target[passed | (tree.used > before)] = size
        return target


def means(tree: Tree) -> NDArray[np.float64]:
    """Own share of resolved search evaluations, 0 without any; shape (agents,)."""
    shares: NDArray[np.float64] = tree.resolved / np.maximum(1, tree.resolved + tree.unresolved)
    return shares


def _among_best(scores: NDArray[np.float64], finished: NDArray[np.bool_], top: int) -> NDArray[np.bool_]:
    ranked = np.sort(scores[finished])[::-1]
    if not len(ranked):
        return finished
    best: NDArray[np.bool_] = finished & (scores >= ranked[min(top, len(ranked)) - 1])
    return best


@dataclass(frozen=True, kw_only=True)
class Now:
    """What is to be done: evaluate `agent` on its next task, expand one of `parents`, or (neither) wait."""

    agent: int | None = None
    parents: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def flow(view: View, stages: Stages, eligible: NDArray[np.bool_], generation: int) -> Now:
    """Evaluations that are due come first, the oldest agent's before others', then expansions.

    `eligible` says who else than by being complete may be a parent. With a `generation` of k > 0, k expansions are made
    together and nothing new begins before their children are complete; with 0 every free slot expands.
    """
    tree = view.tree
    if not len(tree) or view.left < 1:
        return Now()
    targets = stages.targets(tree)
    due = np.flatnonzero(tree.used < targets)
    complete = (tree.used >= targets) & (tree.evaluating == 0) & (tree.resolved + tree.unresolved > 0)
    parents = view.parents_among(complete & eligible)
    may_expand = view.may_expand and len(parents) > 0
    amid = generation > 0 and view.expansions_started % generation != 0
    if may_expand and amid:
        return Now(parents=parents)
    if len(due):
        return Now(agent=int(due[0]))
    if may_expand and not (generation and tree.open):
        return Now(parents=parents)
    return Now()


def act(view: View, now: Now, weights: NDArray[np.float64], generator: Generator) -> Action:
    """The action, its parent drawn in proportion to `weights` (one per parent; uniformly when all are 0)."""
    tree, saw = view.tree, situation(view)
    if now.agent is not None:
        return Evaluate(agent=tree.ids[now.agent], task=tree.unused_tasks(now.agent)[0], saw=saw)
    if not len(now.parents):
        return Wait()
    total = float(weights.sum())
    shares = weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
    chosen = int(generator.choice(len(shares), p=shares))
    return Expand(
        parent=tree.ids[int(now.parents[chosen])],
        saw=saw,
        runners_up=_told(tree, now.parents, shares, chosen),
    )


def _told(
    tree: Tree, parents: NDArray[np.int64], shares: NDArray[np.float64], chosen: int
) -> tuple[Json, ...]:
    """The chosen parent, then the likeliest others, with the probability that each had."""
    order = [chosen, *(int(i) for i in np.argsort(-shares, kind="stable") if int(i) != chosen)]
    return tuple(
        {
            "agent": tree.ids[int(parents[i])],
            "value": float(shares[i]),
            "resolved": int(tree.resolved[parents[i]]),
            "unresolved": int(tree.unresolved[parents[i]]),
        }
        for i in order[: 1 + RUNNERS_UP]
    )
