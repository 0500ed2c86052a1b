"""Made-up worlds in which policies are compared without models or sandboxes.

A world draws an *instance*: tasks with difficulties, and a seed agent. An agent is its ability theta; it resolves task
t with probability sigmoid(a_t (theta + delta_t - b_t)), a Rasch model with discrimination a_t, each independently. A
child's ability is its parent's plus a step that the world draws. Abilities are in logits, probabilities are shares.
The world of skills (`dgm.simulate.skills`) is another family.

b_t ~ N(0, difficulty_sd^2), shifted so that the seed resolves a share drawn from `root`; ln a_t ~ N(0,
discrimination_sd^2). What becomes of an expansion is common to all worlds: see `Children`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Made:
    """One made-up agent.

    `ability` is theta, `trait` what the world lets children inherit besides, `ceiling` the ability that steps shrink
    towards, `shift` delta_t of shape (tasks,), `skills` which skills it has where the world knows skills.
    A parent comes with its `depth`, levels below the seed, and with how many `results` of its own it had when its
    expansion began; both are set by the search.
    """

    ability: float = 0.0
    trait: float = 0.0
    ceiling: float = np.inf
    shift: Floats = field(default_factory=lambda: np.zeros(0))
    skills: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    broken: bool = False
    depth: int = 0
    results: int = 0


class TaskSet(Protocol):
    """The tasks of one search."""

    @property
    def count(self) -> int: ...

    def odds(self, agent: Made) -> Floats:
        """The probability with which `agent` resolves each task; shape (tasks,)."""


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """Tasks with difficulties b_t and discriminations a_t; both of shape (tasks,)."""

    difficulty: Floats
    discrimination: Floats

    @property
    def count(self) -> int:
        return len(self.difficulty)

    def odds(self, agent: Made) -> Floats:
        if agent.broken:
            return np.zeros_like(self.difficulty)
        return sigmoid(self.discrimination * (agent.ability + agent.shift - self.difficulty))


class World(Protocol):
    """Draws instances and children. Stateless: everything random comes from the generator."""

    @property
    def name(self) -> str: ...

    def instance(self, generator: Generator) -> tuple[TaskSet, Made]:
        """The tasks of one search, and its seed agent."""

    def child(self, parent: Made, generator: Generator) -> Made | None:
        """A child of `parent`; None when the expansion comes to nothing."""


@dataclass(frozen=True, kw_only=True)
class Children(ABC):
    """What becomes of an expansion in every world of ours; `changed` is each one's own.

    It comes to nothing with probability `no_child`. A child is broken with probability `broken` (it leaves no answer to
    any task, nor do its descendants), or else unchanged with probability `no_op`.

    Three stresses, none of them there by default: `broken` grows by `broken_per_level` for each level that the parent
    is below the seed; changes get worse by `drag_per_level` for each of these levels, and by `thin` (1 - results /
    `rich`) when the parent had fewer than `rich` results of its own to make a child from.
    """

    name: str
    tasks: int = 60
    root: tuple[float, float] = (0.25, 0.40)
    no_child: float = 0.10
    broken: float = 0.05
    no_op: float = 0.10
    broken_per_level: float = 0.0
    drag_per_level: float = 0.0
    thin: float = 0.0
    rich: int = 10

    def __post_init__(self) -> None:
        for key in ("tasks", "rich"):
            if getattr(self, key) < 1:
                raise ValueError(f"world.{key} must be at least 1, got {getattr(self, key)}")
        low, high = self.root
        if not 0 < low <= high < 1:
            raise ValueError(
                f"world.root must be two shares in (0, 1), the lower first, got {list(self.root)}"
            )
        check_shares(self, "no_child", "broken", "no_op")
        check_positive(self, "broken_per_level", "drag_per_level", "thin", zero=True)

    def child(self, parent: Made, generator: Generator) -> Made | None:
        lost, fate = generator.random(2)
        changed = self.changed(parent, generator)
        broken = self.broken + self.broken_per_level * parent.depth
        if lost < self.no_child:
            return None
        if parent.broken or fate < broken:
            return replace(parent, broken=True)
        return parent if fate < broken + self.no_op else changed

    @abstractmethod
    def changed(self, parent: Made, generator: Generator) -> Made:
        """A sound child of `parent` that differs from it."""

    def held_back(self, parent: Made) -> float:
        """How much worse changes of this parent are than those of the seed with all its results."""
        thin = 1 - min(parent.results, self.rich) / self.rich
        return self.drag_per_level * parent.depth + self.thin * thin


@dataclass(frozen=True, kw_only=True)
class Rasch(Children):
    """What the worlds share; `step` is each one's own. With `drift` and `sd` alone it is a plain random walk."""

    name: str = "walk"
    difficulty_sd: float = 2.0
    discrimination_sd: float = 0.3
    drift: float = -0.12
    sd: float = 0.35
    task_sd: float = 0.0
    student: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "difficulty_sd", "discrimination_sd", "sd", "task_sd", "student", zero=True)

    def instance(self, generator: Generator) -> tuple[TaskSet, Made]:
        difficulty = generator.normal(0.0, self.difficulty_sd, self.tasks)
        discrimination = np.exp(generator.normal(0.0, self.discrimination_sd, self.tasks))
        share = float(generator.uniform(*self.root))
        shift = _shift(difficulty, discrimination, share)
        tasks = Tasks(difficulty=difficulty + shift, discrimination=discrimination)
        return tasks, self.seed_agent()

    def seed_agent(self) -> Made:
        return Made(ability=0.0, shift=np.zeros(self.tasks))

    def changed(self, parent: Made, generator: Generator) -> Made:
        step, shift = self.step(parent, generator), parent.shift
        if self.task_sd:
            shift = shift + generator.normal(0.0, self.task_sd, self.tasks)
        return replace(step, ability=step.ability - self.held_back(parent), shift=shift)

    def step(self, parent: Made, generator: Generator) -> Made:
        """The parent changed as this world changes agents, but for what is common to all worlds."""
        return replace(parent, ability=parent.ability + self.drift + self.sd * self.noise(generator))

    def noise(self, generator: Generator) -> float:
        """One standard normal draw, or of Student's t with `student` degrees of freedom."""
        return float(generator.standard_t(self.student) if self.student else generator.standard_normal())


@dataclass(frozen=True, kw_only=True)
class Inherited(Rasch):
    """A: agents differ in how good their children are; the trait fades by `keeps` and wanders by `trait_sd`."""

    name: str = "A"
    broken: float = 0.10
    drift: float = -0.22
    sd: float = 0.28
    keeps: float = 0.95
    trait_sd: float = 0.16

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "trait_sd", zero=True)

    def step(self, parent: Made, generator: Generator) -> Made:
        stepped = super().step(parent, generator)
        trait = self.keeps * parent.trait + self.trait_sd * self.noise(generator)
        return replace(stepped, ability=stepped.ability + parent.trait, trait=trait)


@dataclass(frozen=True, kw_only=True)
class Sparse(Rasch):
    """C: few big wins, much harm, otherwise next to nothing; `drift` is added to all of them."""

    name: str = "C"
    broken: float = 0.30
    no_op: float = 0.25
    win: float = 0.07
    harm: float = 0.30
    win_step: tuple[float, float] = (0.7, 0.3)
    harm_step: tuple[float, float] = (-0.8, 0.5)
    drift: float = 0.0
    sd: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self, "win", "harm")

    def step(self, parent: Made, generator: Generator) -> Made:
        kind, noise = generator.random(), self.noise(generator)
        mean, sd = 0.0, self.sd
        if kind < self.win:
            mean, sd = self.win_step
        elif kind < self.win + self.harm:
            mean, sd = self.harm_step
        return replace(parent, ability=parent.ability + (self.drift + mean) + sd * noise)


@dataclass(frozen=True, kw_only=True)
class Plateaus(Rasch):
    """D: gains shrink once less than `room` is left below a ceiling, which a few children raise."""

    name: str = "D"
    drift: float = -0.05
    sd: float = 0.42
    room: float = 0.9
    raised: float = 0.08
    raise_by: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self, "raised")
        check_positive(self, "room")

    def seed_agent(self) -> Made:
        return replace(super().seed_agent(), ceiling=self.room)

    def step(self, parent: Made, generator: Generator) -> Made:
        raises, change = generator.random(), self.drift + self.sd * self.noise(generator)
        if change > 0:
            change *= min(1.0, max(0.0, (parent.ceiling - parent.ability) / self.room))
        ceiling = parent.ceiling + (self.raise_by if raises < self.raised else 0.0)
        return replace(parent, ability=parent.ability + change, ceiling=ceiling)


def check_shares(world: object, *keys: str) -> None:
    """Raises ValueError unless the values of `keys` are shares or probabilities."""
    for key in keys:
        if not 0 <= getattr(world, key) <= 1:
            raise ValueError(f"world.{key} must lie in [0, 1], got {getattr(world, key)}")


def check_positive(world: object, *keys: str, zero: bool = False) -> None:
    """Raises ValueError unless the values of `keys` are finite and above 0, or with `zero` at least 0."""
    for key in keys:
        value = getattr(world, key)
        if not (0 < value < np.inf or (zero and value == 0)):
            raise ValueError(f"world.{key} must be {'at least' if zero else 'above'} 0, got {value}")


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def _shift(difficulty: Floats, discrimination: Floats, share: float) -> float:
    """How much harder the tasks must be for an agent of ability 0 to resolve `share` of them on average."""
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        if float(sigmoid(-discrimination * (difficulty + middle)).mean()) > share:
            low = middle
        else:
            high = middle
    return (low + high) / 2
