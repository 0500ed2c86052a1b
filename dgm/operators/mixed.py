"""Several operators in one run: which one asks is drawn with each decision; see `dgm.asking`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from numpy.random import Generator

from archive import Decision, Evaluation, TaskId
from dgm.asking import MANY, NO_MIX, SINGLE, TWO, Mix
from dgm.bandit import Bandit
from dgm.benchmarks import Task
from dgm.operators.base import Brief, Operator
from dgm.operators.same_agent_many_tasks import SameAgentManyTasks
from dgm.operators.single_failure import SingleFailure
from dgm.operators.two_lineages_one_task import TwoLineagesOneTask

NAMES = (SINGLE, MANY, TWO)


@dataclass(frozen=True)
class Mixed:
    """`weights` of operators that may ask; with `bandit` they are learned, `explore` and `shrinkage` as in `Bandit`."""

    weights: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(NAMES, 1.0))
    bandit: bool = False
    explore: float = 0.1
    shrinkage: float = 4.0
    name: str = "mixed"

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if name not in NAMES:
                raise ValueError(f"weights are of {', '.join(NAMES)}, got {name!r}")
            if not 0 <= weight < math.inf:
                raise ValueError(f"weights.{name} must be finite and not negative, got {weight}")
        if not any(self.weights.values()):
            raise ValueError("weights must not all be 0: which operator is to ask?")
        _ = self.mix

    @property
    def mix(self) -> Mix:
        """How an operator is drawn."""
        bandit = Bandit(shrinkage=self.shrinkage, frugality=0.0, explore=self.explore)
        return Mix(weights=self.weights, learned=self.bandit, bandit=bandit)

    def of(self, decision: Decision) -> Operator:
        """The operator that this decision drew."""
        match decision.operator:
            case "same_agent_many_tasks":
                return SameAgentManyTasks()
            case "two_lineages_one_task":
                return TwoLineagesOneTask(decision.agent)
            case _:
                return SingleFailure()

    def brief(
        self, evaluations: tuple[Evaluation, ...], tasks: Mapping[TaskId, Task], generator: Generator
    ) -> Brief:
        """Without a decision, what needs nothing."""
        return SingleFailure().brief(evaluations, tasks, generator)


def mix_of(operator: Operator) -> Mix:
    """What is drawn from in a run with this operator."""
    return operator.mix if isinstance(operator, Mixed) else NO_MIX


def drawn_by(operator: Operator, decision: Decision) -> Operator:
    """The operator that a decision of such a run is asked by."""
    return operator.of(decision) if isinstance(operator, Mixed) else operator
