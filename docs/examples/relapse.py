"""A world of one's own for `dgm simulate`: most children are a little better, some fall back to where the seed was.

PYTHONPATH=docs/examples dgm simulate --config-dir docs/examples -m world=relapse policy=huxley,uniform seeds=50
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from dgm.simulate import Made, Tasks


@dataclass(frozen=True, kw_only=True)
class Relapse:
    """Its parameters can be set and swept like any others: `world.relapse=0.1,0.4`."""

    name: str = "relapse"
    tasks: int = 40
    relapse: float = 0.2

    def instance(self, generator: Generator) -> tuple[Tasks, Made]:
        """The tasks of one search and its seed agent, which resolves one by chance sigmoid(ability - difficulty)."""
        difficulty = generator.normal(1.0, 2.0, self.tasks)
        tasks = Tasks(difficulty=difficulty, discrimination=np.ones(self.tasks))
        return tasks, Made(ability=0.0, shift=np.zeros(self.tasks))

    def child(self, parent: Made, generator: Generator) -> Made | None:
        """A child of `parent`, or None when the expansion comes to nothing. Everything random is the generator's."""
        fate, gain = generator.random(), abs(generator.normal(0.0, 0.3))
        return replace(parent, ability=0.0 if fate < self.relapse else parent.ability + gain)
