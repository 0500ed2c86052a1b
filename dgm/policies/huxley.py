"""HGM by its paper (Wang 2025, https://arxiv.org/abs/2510.21614, section 3): Thompson sampling on clade counts."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from archive import Json, Row
from dgm.policies.base import Action, Evaluate, Expand, View, Wait
from dgm.policies.draws import leading
from dgm.policies.schedule import SEED, Step, schedule
from dgm.tree import Ints, Tree

RUNNERS_UP = 4


@dataclass(frozen=True, kw_only=True)
class Huxley:
    """Expand by draws of Beta(tau (1 + s), tau (1 + f)) on clade counts, evaluate by the same on own counts.

    tau = B / max(1, B - N), N counting started evaluations of the budget B, so draws sharpen as the budget ends
    (paper, "in all experiments"). `alpha` is the widening exponent of UCB-Air. Tasks are drawn uniformly from
    those that the agent has not used. The policy keeps no belief: the tree's counts are all it reads.

    The released program differs in two places that can be had here: without `cool_down` tau is 1, and with
    `needs_success` only agents that have resolved a task are parents.
    """

    alpha: float = 0.6
    cool_down: bool = True
    needs_success: bool = False
    name: str = "huxley"
    version: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1:
            raise ValueError(f"policy.alpha must lie in (0, 1], got {self.alpha}")

    def start(self) -> None:
        return None

    def observe(self, belief: None, row: Row) -> None:
        return None

    def decide(self, belief: None, view: View, generator: Generator) -> Action:
        now = schedule(view, self.alpha, self.needs_success)
        tree = view.tree
        tau = view.evaluations_budget / max(1.0, view.left) if self.cool_down else 1.0
        saw = {**situation(view), "tau": tau}
        match now.step:
            case Step.EXPAND_SEED:
                return Expand(parent=tree.ids[SEED], saw=saw)
            case Step.EXPAND:
                counts = tree.clade_resolved, tree.clade_unresolved
                parent, others = chosen(tree, now.parents, counts, tau, generator)
                return Expand(parent=tree.ids[parent], saw=saw, runners_up=others)
            case Step.EVALUATE:
                counts = tree.resolved, tree.unresolved
                agent, others = chosen(tree, now.agents, counts, tau, generator)
                tasks = tree.unused_tasks(agent)
                task = tasks[int(generator.integers(len(tasks)))]
                return Evaluate(agent=tree.ids[agent], task=task, saw=saw, runners_up=others)
            case Step.WAIT:
                return Wait()


def situation(view: View) -> dict[str, object]:
    """What every decision row says it saw."""
    return {
        "agents": len(view.tree),
        "slots": view.slots,
        "evaluations_started": view.evaluations_started,
        "expansions_started": view.expansions_started,
        "in_flight": sorted(view.tree.open),
    }


def chosen(
    tree: Tree, candidates: Ints, counts: tuple[Ints, Ints], tau: float, generator: Generator
) -> tuple[int, tuple[Json, ...]]:
    """Index of the candidate with the largest draw, and the best few (the chosen first) for the decision row."""
    resolved, unresolved = counts[0][candidates], counts[1][candidates]
    draws = leading(resolved, unresolved, tau, generator, 1 + RUNNERS_UP)
    rows = tuple(
        {
            "agent": tree.ids[int(candidates[i])],
            "value": value,
            "resolved": int(resolved[i]),
            "unresolved": int(unresolved[i]),
        }
        for i, value in draws
    )
    return int(candidates[draws[0][0]]), rows
