"""The control: Huxley's schedule with every choice drawn uniformly."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from archive import Row
from dgm.policies.base import Action, Evaluate, Expand, View, Wait
from dgm.policies.huxley import situation
from dgm.policies.schedule import SEED, Step, schedule


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """Parents, agents and tasks uniformly at random; when to expand and when to evaluate as `Huxley` does.

    With `needs_success` only agents that have resolved a task are parents.
    """

    alpha: float = 0.6
    needs_success: bool = False
    name: str = "uniform"
    version: int = 2

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
        saw = situation(view)
        match now.step:
            case Step.EXPAND_SEED:
                return Expand(parent=tree.ids[SEED], saw=saw)
            case Step.EXPAND:
                return Expand(parent=tree.ids[int(generator.choice(now.parents))], saw=saw)
            case Step.EVALUATE:
                chosen = int(generator.choice(now.agents))
                tasks = tree.unused_tasks(chosen)
                return Evaluate(
                    agent=tree.ids[chosen], task=tasks[int(generator.integers(len(tasks)))], saw=saw
                )
            case Step.WAIT:
                return Wait()
