"""HGM by its paper (Wang 2025, https://arxiv.org/abs/2510.21614, section 3): Thompson sampling on clade counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from archive import Json, Row
from dgm.policies.base import Action, Evaluate, Expand, View, Wait
from dgm.policies.schedule import SEED, Step, schedule
from dgm.tree import Tree

RUNNERS_UP = 4


@dataclass(frozen=True, kw_only=True)
class Huxley:
    """Expand by draws of Beta(tau (1 + s), tau (1 + f)) on clade counts, evaluate by the same on own counts.

    tau = B / max(1, B - N), N counting started evaluations of the budget B, so draws sharpen as the budget ends
    (paper, "in all experiments"). `alpha` is the widening exponent of UCB-Air. Tasks are drawn uniformly from
    those that the agent has not used. The policy keeps no belief: the tree's counts are all it reads.
    """

    alpha: float = 0.6
    name: str = "huxley"
    version: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1:
            raise ValueError(f"policy.alpha must lie in (0, 1], got {self.alpha}")

    def start(self) -> None:
        return None

    def observe(self, belief: None, row: Row) -> None:
        return None

    def decide(self, belief: None, view: View, generator: Generator) -> Action:
        now = schedule(view, self.alpha)
        tree = view.tree
        tau = view.evaluations_budget / max(1.0, view.left)
        saw = {**situation(view), "tau": tau}
        match now.step:
            case Step.EXPAND_SEED:
                return Expand(parent=tree.ids[SEED], saw=saw)
            case Step.EXPAND:
                counts = tree.clade_resolved[now.parents], tree.clade_unresolved[now.parents]
                drawn = thompson(*counts, tau, generator)
                chosen, others = ranked(tree, now.parents, drawn, *counts)
                return Expand(parent=tree.ids[chosen], saw=saw, runners_up=others)
            case Step.EVALUATE:
                counts = tree.resolved[now.agents], tree.unresolved[now.agents]
                drawn = thompson(*counts, tau, generator)
                chosen, others = ranked(tree, now.agents, drawn, *counts)
                tasks = tree.unused_tasks(chosen)
                task = tasks[int(generator.integers(len(tasks)))]
                return Evaluate(agent=tree.ids[chosen], task=task, saw=saw, runners_up=others)
            case Step.WAIT:
                return Wait()


def thompson(
    resolved: NDArray[np.int64], unresolved: NDArray[np.int64], tau: float, generator: Generator
) -> NDArray[np.float64]:
    """One draw of Beta(tau (1 + resolved), tau (1 + unresolved)) per candidate, shape (candidates,)."""
    return generator.beta(tau * (1 + resolved), tau * (1 + unresolved))


def situation(view: View) -> dict[str, object]:
    """What every decision row says it saw."""
    return {
        "agents": len(view.tree),
        "slots": view.slots,
        "evaluations_started": view.evaluations_started,
        "expansions_started": view.expansions_started,
        "in_flight": sorted(view.tree.open),
    }


def leaders(values: NDArray[np.float64], count: int) -> list[int]:
    """Indices of the largest values, largest first, the earlier of equals first; without sorting the others."""
    if len(values) > count:
        least = np.partition(values, -count)[-count]
        among = np.flatnonzero(values >= least)
    else:
        among = np.arange(len(values))
    order: list[int] = among[np.argsort(-values[among], kind="stable")][:count].tolist()
    return order


def ranked(
    tree: Tree,
    candidates: NDArray[np.int64],
    values: NDArray[np.float64],
    resolved: NDArray[np.int64],
    unresolved: NDArray[np.int64],
) -> tuple[int, tuple[Json, ...]]:
    """Index of the candidate with the largest value, and the best few (the chosen first) for the decision row."""
    order = leaders(values, 1 + RUNNERS_UP)
    rows = tuple(
        {
            "agent": tree.ids[int(candidates[i])],
            "value": float(values[i]),
            "resolved": int(resolved[i]),
            "unresolved": int(unresolved[i]),
        }
        for i in order
    )
    return int(candidates[order[0]]), rows
