"""When to expand and when to evaluate: UCB-Air as HGM has it (Wang 2025, https://arxiv.org/abs/2510.21614, 3.2).

Expand while N^alpha >= agents + expansions in flight, N counting started evaluations; a search starts with
min(5, slots) expansions of the seed, so that several lineages are alive before anything is known. From the first
decision to evaluate on that is over, even if more slots come later or the machine failed one of those expansions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dgm.policies.base import View

FIRST_EXPANSIONS = 5
SEED = 0


class Step(StrEnum):
    EXPAND_SEED = "expand_seed"
    EXPAND = "expand"
    EVALUATE = "evaluate"
    WAIT = "wait"


def _nobody() -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What may happen now. `agents` and, for an expansion, `parents` are indices into the tree of who may be chosen."""

    step: Step
    parents: NDArray[np.int64] = field(default_factory=_nobody)
    agents: NDArray[np.int64] = field(default_factory=_nobody)


def expandable(view: View, needs_success: bool = False) -> NDArray[np.int64]:
    """Indices of agents that may be parents; see `View`.

    The seed and everyone with a counted evaluation; with `needs_success` everyone with a resolved one, or the seed if
    there is nobody.
    """
    tree = view.tree
    able = tree.resolved > 0 if needs_success else (tree.resolved + tree.unresolved) > 0
    if len(tree) and not (needs_success and able.any()):
        able[SEED] = True
    return view.parents_among(able)


def evaluable(view: View) -> NDArray[np.int64]:
    """Indices of agents with a search task left."""
    return np.flatnonzero(view.tree.used < len(view.tree.tasks))


def schedule(view: View, alpha: float, needs_success: bool = False) -> Schedule:
    """The next step and its candidates.

    Once the evaluation budget is started nothing more is. When every agent has used every task, an expansion is made
    even if the widening rule would wait for more evaluations: nothing else could ever happen.
    """
    tree, may_expand = view.tree, view.may_expand
    if view.left < 1 or len(tree) == 0:
        return Schedule(step=Step.WAIT)
    if may_expand and view.expansions_started < min(FIRST_EXPANSIONS, view.slots) and view.at_start:
        return Schedule(step=Step.EXPAND_SEED)
    if may_expand and view.evaluations_started**alpha >= len(tree) + tree.expansions_in_flight:
        return Schedule(step=Step.EXPAND, parents=expandable(view, needs_success))
    agents = evaluable(view)
    if len(agents):
        return Schedule(step=Step.EVALUATE, agents=agents)
    if may_expand and tree.expansions_in_flight == 0:
        return Schedule(step=Step.EXPAND, parents=expandable(view, needs_success))
    return Schedule(step=Step.WAIT)
