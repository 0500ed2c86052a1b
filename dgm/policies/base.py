"""What a policy is: three functions of values.

`start` makes the belief of an empty run, `observe` folds one row into it, `decide` chooses the next action. The belief
is always the fold of `observe` over the archive's rows, so resume, replay and simulation need nothing else. A belief
that starts as None stays None: all that such a policy goes by is in the view, and no row is shown to it. `observe` may
change the belief that it is given: who folds goes on with what it returned. `decide` changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from archive import AgentId, Json, Row, TaskId
from dgm.tree import Tree


@dataclass(frozen=True, kw_only=True)
class Expand:
    """Make a child of `parent`. `saw` and `runners_up` go into the decision row."""

    parent: AgentId
    context_parents: tuple[AgentId, ...] = ()
    saw: Json = field(default_factory=dict)
    runners_up: tuple[Json, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Run `agent` on `task` (of the search split)."""

    agent: AgentId
    task: TaskId
    saw: Json = field(default_factory=dict)
    runners_up: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Wait:
    """Nothing now: ask again after the next result. No row, no sequence number."""

    reason: str = ""


Action = Expand | Evaluate | Wait


class Parents(StrEnum):
    """Which agents the archive lets be parents: all, of those who may be one only the newest (DGM's control without
    open-endedness), or only the seed (no evolution: every child is one step from the start)."""

    ALL = "all"
    LATEST = "latest"
    SEED = "seed"


@dataclass(frozen=True, kw_only=True)
class View:
    """What a policy sees when it decides. Never the store.

    `tree` holds agents, own and clade counts, tasks and what is in flight; budgets count *started* jobs, void ones
    not counted. `slots` is how many jobs of this search may run at once. `parents` says which agents the archive lets
    be parents. `known` evaluations of the seed were there before the search began: they are in the tree like any other,
    and in no budget.
    """

    tree: Tree
    slots: int
    evaluations_budget: int
    evaluations_started: int
    expansions_budget: int
    expansions_started: int
    expansion_cost: float = 0.0
    parents: Parents = Parents.ALL
    known: int = 0

    def parents_among(self, able: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Indices of those of the `able` agents, shape (agents,), whom the archive lets be parents and who do not rest.

        If all of them rest, the machine fails for everyone: then none is passed over; it is for the driver to pause.
        """
        allowed = able & (np.arange(len(able)) == 0) if self.parents is Parents.SEED else able
        awake = allowed & ~self.tree.resting
        found = np.flatnonzero(awake if awake.any() else allowed)
        return found[-1:] if self.parents is Parents.LATEST else found

    @property
    def spent(self) -> float:
        """What is started, in evaluations: `expansion_cost` is what an expansion counts for."""
        return self.evaluations_started + self.expansion_cost * self.expansions_started

    @property
    def left(self) -> float:
        """What is left of the budget, in evaluations; never below 0."""
        return max(0.0, self.evaluations_budget - self.spent)

    @property
    def at_start(self) -> bool:
        """Whether nothing but what was known beforehand has been evaluated yet."""
        return int(self.tree.used.sum()) == self.known

    @property
    def may_expand(self) -> bool:
        """Whether the budget has room for one more expansion."""
        return self.expansions_started < self.expansions_budget and self.left >= self.expansion_cost


Belief = TypeVar("Belief")


class Policy(Protocol[Belief]):
    """`name` and `version` stand in every decision row; a change of behaviour raises the version."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    def start(self) -> Belief: ...

    def observe(self, belief: Belief, row: Row) -> Belief: ...

    def decide(self, belief: Belief, view: View, generator: Generator) -> Action: ...


Held = TypeVar("Held", contravariant=True)


@runtime_checkable
class Ranks(Protocol[Held]):
    """A policy that says itself how good each agent is in the end; for others it is `dgm.cmp.best_belief`."""

    def merit(self, belief: Held, tree: Tree) -> NDArray[np.float64]:
        """The larger the better, shape (agents,); of equals the oldest is best."""
