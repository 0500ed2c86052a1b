"""Which of a role's models a rollout gets, where that is learned: a bandit whose state is a fold over the run's rows.

One model is drawn for a whole rollout, with its decision, which says so: `saw` has under `model` the name, its
probability and those of the others. So a later try, a resumed run and a replay get the same. What counts (void never):

- `solve`: 1 for a search evaluation that resolved its task, else 0; of a re-graded one by the last grade.
- `improve`: 0 for an expansion without a child, else the probability that the child's success rate is above its
  parent's: by normal approximation, the parent's belief being Beta(1 + r, 1 + u) and the child's shrunk to the
  parent's mean by `NEAR` evaluations. So a child that nobody has evaluated counts a half, whoever its parent is.

An older pull counts `KEEP` times as much as the one after it, since agents and briefs change as the search goes on. The
cost of a pull is what all tries of its decision paid. Confirmation and final test draw by the weights alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray
from scipy.special import ndtr

from archive import AgentId, Decision, DecisionKind, Evaluation, Expansion, Json, Outcome, Row, Split
from dgm.bandit import Arm, Bandit
from dgm.tree import Tree

KEEP = 0.995
"""The last 200 pulls or so carry the weight."""

NEAR = 4.0
"""Evaluations' worth of belief that a child is as good as its parent."""

SAW = "model"
"""In what a decision saw: which model its rollout gets, and how likely each was."""

ROLE_OF = {DecisionKind.EVALUATE: "solve", DecisionKind.EXPAND: "improve"}


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The roles whose models are learned, with the weights of each, and how the arms are weighed."""

    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    bandit: Bandit = field(default_factory=Bandit)


NO_CHOICES = Choices()


def model_of(decision: Decision) -> str | None:
    """The model that a decision drew for its rollout; None where the weights say."""
    told = decision.saw.get(SAW)
    return str(told["name"]) if isinstance(told, Mapping) else None


@dataclass
class _Pull:
    """A decision whose result counted. `child` of an expansion without one is None."""

    role: str
    model: str
    success: float
    microusd: int
    parent: AgentId | None = None
    child: AgentId | None = None


class Chooser:
    """Folds a run's rows into what is known of each model; draws the model of a decision."""

    def __init__(self, choices: Choices = NO_CHOICES) -> None:
        self._choices = choices
        self._drawn: dict[int, tuple[str, str]] = {}
        self._paid: dict[int, int] = {}
        self._pulls: dict[int, _Pull] = {}

    @property
    def learns(self) -> bool:
        return bool(self._choices.weights)

    def observe(self, row: Row) -> None:
        """Fold one row in. Rows come in the archive's order, each once."""
        if not self.learns:
            return
        if isinstance(row, Decision) and (model := model_of(row)) is not None:
            self._drawn[row.seq] = ROLE_OF[row.kind], model
        elif isinstance(row, Evaluation | Expansion) and row.decision in self._drawn:
            self._paid[row.decision] = self._paid.get(row.decision, 0) + row.usage.cost_microusd
            if row.outcome.counted:
                self._count(row)
        elif isinstance(row, Evaluation) and row.outcome.counted and row.decision in self._pulls:
            self._pulls[row.decision].success = float(row.outcome is Outcome.RESOLVED)

    def _count(self, row: Evaluation | Expansion) -> None:
        role, model = self._drawn.pop(row.decision)
        microusd = self._paid.pop(row.decision)
        if isinstance(row, Evaluation):
            success = float(row.outcome is Outcome.RESOLVED)
            self._pulls[row.decision] = _Pull(role, model, success, microusd)
        else:
            self._pulls[row.decision] = _Pull(role, model, 0.0, microusd, row.parent, row.child)

    def draw(self, kind: DecisionKind, split: Split | None, tree: Tree, stream: SeedSequence) -> Json:
        """What the decision says of its model; nothing where the weights say."""
        role = ROLE_OF[kind]
        if role not in self._choices.weights or split not in (None, Split.SEARCH):
            return {}
        drawn = self._choices.bandit.draw(self.arms(role, tree), default_rng(stream))
        chances = dict(drawn.probabilities)
        return {SAW: {"role": role, "name": drawn.name, "probability": drawn.probability, "chances": chances}}

    def arms(self, role: str, tree: Tree) -> Mapping[str, Arm]:
        """What is known of a role's models now."""
        pulls = [pull for pull in self._pulls.values() if pull.role == role]
        success = _successes(pulls, tree)
        count = KEEP ** np.arange(len(pulls))[::-1]
        paid = np.array([pull.microusd for pull in pulls], dtype=np.float64)
        found = {}
        for model, weight in self._choices.weights[role].items():
            counts = count * np.array([pull.model == model for pull in pulls], dtype=np.float64)
            total = float(counts.sum())
            found[model] = Arm(
                successes=float(counts @ success),
                failures=float(counts @ (1 - success)),
                cost=float(counts @ paid) / total if total else None,
                in_flight=sum(self._drawn.get(seq) == (role, model) for seq in tree.open),
                weight=weight,
            )
        return found


def _successes(pulls: list[_Pull], tree: Tree) -> NDArray[np.float64]:
    """What each pull counts, in [0, 1]."""
    success = np.array([pull.success for pull in pulls], dtype=np.float64)
    made = [
        (i, tree.index(pull.child), tree.index(pull.parent))
        for i, pull in enumerate(pulls)
        if pull.child is not None and pull.parent is not None
    ]
    if made:
        places, children, parents = np.array(made).T
        success[places] = improved(
            tree.resolved[children],
            tree.unresolved[children],
            tree.resolved[parents],
            tree.unresolved[parents],
        )
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
