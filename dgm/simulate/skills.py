"""A world of another family: agents have skills or have them not, and tasks need some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dgm.simulate.worlds import Children, Floats, Made, TaskSet, check_positive, check_shares

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Which skills each task needs, shape (tasks, skills).

    Each needed skill works with probability `sure` if the agent has it, with `guess` if not; all have to work.
    """

    needed: Bools
    sure: float
    guess: float

    @property
    def count(self) -> int:
        return len(self.needed)

    def odds(self, agent: Made) -> Floats:
        if agent.broken:
            return np.zeros(self.count)
        had = (self.needed & agent.skills).sum(axis=1)
        lacked = (self.needed & ~agent.skills).sum(axis=1)
        shares: Floats = self.sure**had * self.guess**lacked
        return shares


@dataclass(frozen=True, kw_only=True)
class Skills(Children):
    """E: a task is a noisy AND of one to three of `skills` binary skills; `meta` skills make children learn more.

    The seed has skills, in random order, until it resolves a share drawn from `root`, and no meta skill. A child loses
    every skill of its parent with probability `loss` and learns every other with probability
    `gain` (1 + `boost` (meta skills of the parent)); no task needs a meta skill.
    Where changes are held back (`Children`), it is by that share of the skills gained.
    """

    name: str = "E"
    skills: int = 40
    meta: int = 4
    needs: int = 3
    sure: float = 0.95
    guess: float = 0.15
    gain: float = 0.05
    loss: float = 0.05
    boost: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.meta < self.skills or self.needs < 1:
            raise ValueError(
                "world.needs must be at least 1 and world.meta less than world.skills, got "
                f"{self.needs}, {self.meta} of {self.skills}"
            )
        check_shares(self, "sure", "guess", "gain", "loss")
        check_positive(self, "boost", zero=True)

    def instance(self, generator: Generator) -> tuple[TaskSet, Made]:
        useful = self.skills - self.meta
        needed = np.zeros((self.tasks, self.skills), dtype=np.bool_)
        for row in needed:
            count = int(generator.integers(1, self.needs + 1))
            row[generator.choice(useful, min(count, useful), replace=False)] = True
        tasks = Needs(needed=needed, sure=self.sure, guess=self.guess)
        share, order = float(generator.uniform(*self.root)), generator.permutation(useful)
        seed = Made(skills=np.zeros(self.skills, dtype=np.bool_))
        for skill in order.tolist():
            more = seed.skills.copy()
            more[skill] = True
            better = replace(seed, skills=more)
            if float(tasks.odds(better).mean()) > share:
                break
            seed = better
        return tasks, seed

    def changed(self, parent: Made, generator: Generator) -> Made:
        changes = generator.random(self.skills)
        gain = self.gain * (1 + self.boost * int(parent.skills[self.skills - self.meta :].sum()))
        gain *= max(0.0, 1 - self.held_back(parent))
        skills = np.where(parent.skills, changes >= self.loss, changes < gain)
        return replace(parent, skills=skills)
