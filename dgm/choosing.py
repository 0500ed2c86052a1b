"""Which of a role's models a rollout gets, where that is learned: a bandit whose state is a fold over the run's rows.

One model is drawn for a whole rollout, with its decision, which says so: `saw` has under `model` the name, its
probability and those of the others. So a later try, a resumed run and a replay get the same. What counts (void never):

- `solve`: 1 for a search evaluation that resolved its task, else 0; of a re-graded one by the last grade.
- `improve`: 0 for an expansion without a child, else the probability that the child's success rate is above its
  parent's: by normal approximation, the parent's belief being Beta(1 + r, 1 + u) and the child's shrunk to the
  parent's mean by `NEAR` evaluations. So a child that nobody has evaluated counts a half, whoever its parent is.

The roles beside `improve` have models of their own: a decision says under `beside` the same for each, and a pull of
theirs counts what the expansion counts, at the whole expansion's cost.

An older pull counts `KEEP` times as much as the one after it, since agents and briefs change as the search goes on. The
cost of a pull is what all tries of its decision paid. Confirmation and final test draw by the weights alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray
from scipy.special import ndtr

from archive import AgentId, Decision, DecisionKind, Evaluation, Expansion, Json, Outcome, Row, Split
from dgm.bandit import Arm, Bandit, credited, fading
from dgm.tree import Tree

KEEP = 0.995
"""The last 200 pulls or so carry the weight."""

NEAR = 4.0
"""Evaluations' worth of belief that a child is as good as its parent."""

SAW = "model"
"""In what a decision saw: which model its rollout gets, and how likely each was."""

SAW_BESIDE = "beside"
"""The same for each role that the rollout may ask besides its own."""

ROLE_OF = {DecisionKind.EVALUATE: "solve", DecisionKind.EXPAND: "improve"}


Family = tuple[AgentId, AgentId | None]
"""A parent and its child; None where an expansion made none."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The roles whose models are learned, with the weights of each, and how the arms are weighed."""

    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    bandit: Bandit = field(default_factory=Bandit)


NO_CHOICES = Choices()


def model_of(decision: Decision) -> str | None:
    """The model that a decision drew for its rollout; None where the weights say."""
    return _drawn(decision).get(ROLE_OF[decision.kind])


def beside_of(decision: Decision, roles: Iterable[str]) -> Mapping[str, str | None]:
    """The models that a decision drew for `roles` beside its rollout's own; None where the weights say."""
    drawn = _drawn(decision)
    return {role: drawn.get(role) for role in roles}


def _drawn(decision: Decision) -> Mapping[str, str]:
    own, beside = decision.saw.get(SAW), decision.saw.get(SAW_BESIDE)
    told = {**(beside if isinstance(beside, Mapping) else {}), ROLE_OF[decision.kind]: own}
    return {role: str(one["name"]) for role, one in told.items() if isinstance(one, Mapping)}


@dataclass
class _Pull:
    """A decision whose result counted: a solve with its success, an expansion with its family."""

    role: str
    model: str
    microusd: int
    success: float = 0.0
    family: Family | None = None


class Chooser:
    """Folds a run's rows into what is known of each model; draws the model of a decision."""

    def __init__(self, choices: Choices = NO_CHOICES) -> None:
        self._choices = choices
        self._drawn: dict[int, Mapping[str, str]] = {}
        self._paid: dict[int, int] = {}
        self._pulls: dict[int, tuple[_Pull, ...]] = {}

    @property
    def learns(self) -> bool:
        return bool(self._choices.weights)

    def observe(self, row: Row) -> None:
        """Fold one row in. Rows come in the archive's order, each once."""
        if not self.learns:
            return
        if isinstance(row, Decision) and (drawn := _drawn(row)):
            self._drawn[row.seq] = drawn
        elif isinstance(row, Evaluation | Expansion) and row.decision in self._drawn:
            self._paid[row.decision] = self._paid.get(row.decision, 0) + row.usage.cost_microusd
            if row.outcome.counted:
                self._count(row)
        elif isinstance(row, Evaluation) and row.outcome.counted and row.decision in self._pulls:
            for pull in self._pulls[row.decision]:
                pull.success = float(row.outcome is Outcome.RESOLVED)

    def _count(self, row: Evaluation | Expansion) -> None:
        microusd = self._paid.pop(row.decision)
        success = float(row.outcome is Outcome.RESOLVED)
        family = (row.parent, row.child) if isinstance(row, Expansion) else None
        self._pulls[row.decision] = tuple(
            _Pull(role, model, microusd, success, family)
            for role, model in self._drawn.pop(row.decision).items()
        )

    def draw(self, kind: DecisionKind, split: Split | None, tree: Tree, stream: SeedSequence) -> Json:
        """What the decision says of its model; nothing where the weights say."""
        if split not in (None, Split.SEARCH):
            return {}
        generator, learned = default_rng(stream), self._choices.weights
        told: dict[str, Any] = {}
        if (own := ROLE_OF[kind]) in learned:
            told[SAW] = self._draw(own, tree, generator)
        beside = sorted(learned.keys() - ROLE_OF.values()) if kind is DecisionKind.EXPAND else []
        if beside:
            told[SAW_BESIDE] = {role: self._draw(role, tree, generator) for role in beside}
        return told

    def _draw(self, role: str, tree: Tree, generator: np.random.Generator) -> Json:
        drawn = self._choices.bandit.draw(self.arms(role, tree), generator)
        chances = dict(drawn.probabilities)
        return {"role": role, "name": drawn.name, "probability": drawn.probability, "chances": chances}

    def arms(self, role: str, tree: Tree) -> Mapping[str, Arm]:
        """What is known of a role's models now."""
        pulls = [pull for made in self._pulls.values() for pull in made if pull.role == role]
        families = [pull.family for pull in pulls if pull.family is not None]
        solved = np.array([pull.success for pull in pulls], dtype=np.float64)
        flying = [self._drawn.get(seq, {}).get(role) for seq in tree.open]
        return credited(
            {model: Arm(weight=weight) for model, weight in self._choices.weights[role].items()},
            [pull.model for pull in pulls],
            improvements(families, tree) if families else solved,
            fading(len(pulls), KEEP),
            paid=np.array([pull.microusd for pull in pulls], dtype=np.float64),
            in_flight=[model for model in flying if model is not None],
        )


def improvements(families: Sequence[Family], tree: Tree) -> NDArray[np.float64]:
    """What each expansion counts, as `tree` knows parent and child now: 0 without a child, else see `improved`."""
    success = np.zeros(len(families))
    made = [
        (place, tree.index(child), tree.index(parent))
        for place, (parent, child) in enumerate(families)
        if child is not None
    ]
    if made:
        places, children, parents = np.array(made).T
        counts = (tree.resolved[children], tree.unresolved[children])
        success[places] = improved(*counts, tree.resolved[parents], tree.unresolved[parents])
    return success


def improved(
    resolved: NDArray[np.int64],
    unresolved: NDArray[np.int64],
    parent_resolved: NDArray[np.int64],
    parent_unresolved: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Probability that each child's success rate is above its parent's, from the counts of both."""
    mean, spread = _moments(1.0 + parent_resolved, 1.0 + parent_unresolved)
    child, around = _moments(NEAR * mean + resolved, NEAR * (1 - mean) + unresolved)
    return np.asarray(ndtr((child - mean) / np.sqrt(spread + around)), dtype=np.float64)


def _moments(
    a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Mean and variance of Beta(a, b)."""
    mean = a / (a + b)
    return mean, mean * (1 - mean) / (a + b + 1)
