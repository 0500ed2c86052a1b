"""Many simulated searches told together: means over seeds, and paired differences between policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dgm.means import half_width
from dgm.simulate.search import Found


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over seeds and the half width of its 95 % interval (Student's t; 0 for one seed)."""

    mean: float
    half_width: float

    @property
    def interval(self) -> tuple[float, float]:
        return self.mean - self.half_width, self.mean + self.half_width


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a policy came to in a world, over `seeds` searches."""

    policy: str
    world: str
    seeds: int
    true_accuracy: Mean
    seed_accuracy: Mean
    reachable: Mean
    agents: Mean
    evaluations: Mean
    depth: Mean
    makespan: Mean
    busy: Mean


def summary(policy: str, world: str, found: Sequence[Found]) -> Summary:
    def over(name: str) -> Mean:
        return mean([float(getattr(one, name)) for one in found])

    return Summary(
        policy=policy,
        world=world,
        seeds=len(found),
        true_accuracy=over("accuracy"),
        seed_accuracy=over("seed_accuracy"),
        reachable=over("reachable"),
        agents=over("agents"),
        evaluations=over("evaluations"),
        depth=over("depth"),
        makespan=over("makespan"),
        busy=over("busy"),
    )


def compared(one: Sequence[Found], other: Sequence[Found]) -> Mean:
    """By how much `one` is truly more accurate than `other`, seed by seed. Both must be of the same seeds."""
    if len(one) != len(other):
        raise ValueError(f"paired searches must be of the same seeds, got {len(one)} and {len(other)}")
    return mean([a.accuracy - b.accuracy for a, b in zip(one, other, strict=True)])


def mean(values: Sequence[float]) -> Mean:
    if not values:
        raise ValueError("a mean needs at least one value")
    found = np.array(values, dtype=np.float64)
    return Mean(mean=float(found.mean()), half_width=float(half_width(found)))
