"""A cost-aware bandit: which of a few arms to pull next, with which probability.

Thompson sampling over Beta beliefs (Chapelle & Li 2011), an arm's worth being its success per cost as in budgeted
Thompson sampling (Xia 2015, https://arxiv.org/abs/1505.00146). The probability that an arm's worth is the largest is
computed, not sampled, so that it can be written down beside the choice. Pulls in flight count as having ended at the
arm's mean, which narrows its belief and moves it nowhere (Desautels 2014, https://jmlr.org/papers/v15/desautels14a.html).
Old evidence fades where that is asked for (Raj & Kalyani 2017, https://arxiv.org/abs/1707.09727).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

POINTS = 256
"""Quantiles of a belief over which the probability of being best is averaged: right to about 1e-4."""

CHEAPEST = 0.05
"""Of the dearest arm's cost; no arm counts as cheaper, since what costs no money still takes time."""

DIGITS = 9
"""Of a probability, before it is drawn from: what differs beyond them between machines changes nothing."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What is known of one arm.

    `successes` and `failures` need not be whole. `cost` is the mean cost of a pull, None if it is not known.
    `in_flight` pulls have not ended yet. `weight` is how much likelier than another of weight 1 it is drawn on
    equal evidence.
    """

    successes: float = 0.0
    failures: float = 0.0
    cost: float | None = None
    in_flight: int = 0
    weight: float = 1.0

    @property
    def pulls(self) -> float:
        return self.successes + self.failures


@dataclass(frozen=True, kw_only=True)
class Bandit:
    """How arms are weighed.

    `shrinkage` pulls at the mean of all arms stand beside each arm's own, in success and in cost. An arm's worth is its
    success divided by its cost to the power of `frugality`: 1 is success per cost, 0 looks at success alone. `explore`
    is the share of the choices that no evidence touches.
    """

    shrinkage: float = 2.0
    frugality: float = 1.0
    explore: float = 0.05

    def __post_init__(self) -> None:
        if not self.shrinkage > 0:
            raise ValueError(f"shrinkage must be above 0, got {self.shrinkage}")
        if not self.frugality >= 0:
            raise ValueError(f"frugality must not be negative, got {self.frugality}")
        if not 0 <= self.explore <= 1:
            raise ValueError(f"explore must lie in [0, 1], got {self.explore}")

    def probabilities(self, arms: Mapping[str, Arm]) -> dict[str, float]:
        """How likely each arm is drawn: weight * ((1 - explore) * P(its worth is the largest) + explore / arms)."""
        if not arms:
            raise ValueError("a bandit needs at least one arm, got none")
        names = sorted(arms)
        known = [arms[name] for name in names]
        a, b = _beliefs(known, self.shrinkage)
        best = chances(a, b, _costs(known, self.shrinkage) ** self.frugality)
        weights = np.array([arm.weight for arm in known])
        shares = weights * ((1 - self.explore) * best + self.explore / len(known))
        return dict(zip(names, (shares / shares.sum()).round(DIGITS).tolist(), strict=True))

    def draw(self, arms: Mapping[str, Arm], generator: Generator) -> Drawn:
        """One arm; takes exactly one number from `generator`."""
        probabilities = self.probabilities(arms)
        names = list(probabilities)
        reached = np.cumsum([probabilities[name] for name in names])
        place = np.searchsorted(reached, generator.random() * reached[-1], side="right")
        return Drawn(name=names[min(int(place), len(names) - 1)], probabilities=probabilities)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The arm that was drawn, and how likely each was."""

    name: str
    probabilities: Mapping[str, float]

    @property
    def probability(self) -> float:
        return self.probabilities[self.name]


def fading(pulls: int, keep: float) -> NDArray[np.float64]:
    """How much each of so many pulls counts, the oldest first: each `keep` times as much as the one after it."""
    return np.asarray(keep ** np.arange(pulls)[::-1], dtype=np.float64)


def credited(
    arms: Mapping[str, Arm],
    pulled: Sequence[str],
    success: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    paid: NDArray[np.float64] | None = None,
    in_flight: Iterable[str] = (),
) -> dict[str, Arm]:
    """The arms as their pulls know them: which was pulled, its success in [0, 1], how much it counts, what it paid.

    All of them have shape (pulls,); `in_flight` names the arm of each pull that has not ended.
    """
    flying, found = list(in_flight), dict[str, Arm]()
    for name, arm in arms.items():
        own = counts * np.array([one == name for one in pulled], dtype=np.float64)
        total = float(own.sum())
        found[name] = replace(
            arm,
            successes=float(own @ success),
            failures=float(own @ (1 - success)),
            cost=None if paid is None or not total else float(own @ paid) / total,
            in_flight=flying.count(name),
        )
    return found


def chances(
    a: NDArray[np.float64], b: NDArray[np.float64], divisors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """For each arm the probability that Beta(a, b) / divisor is the largest, shape (arms,)."""
    levels = (np.arange(POINTS) + 0.5) / POINTS
    wins = np.empty(len(a))
    for i in range(len(a)):
        values = betaincinv(a[i], b[i], levels)
        below = np.array(
            [
                betainc(a[j], b[j], np.minimum(1.0, values * (divisors[j] / divisors[i])))
                for j in range(len(a))
                if j != i
            ]
        )
        wins[i] = below.prod(axis=0).mean() if len(below) else 1.0
    return np.asarray(wins / wins.sum(), dtype=np.float64)


def _beliefs(arms: list[Arm], shrinkage: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    successes, pulls = sum(arm.successes for arm in arms), sum(arm.pulls for arm in arms)
    pooled = (1 + successes) / (2 + pulls)
    a = np.array([shrinkage * pooled + arm.successes for arm in arms])
    b = np.array([shrinkage * (1 - pooled) + arm.failures for arm in arms])
    flying = np.array([arm.in_flight for arm in arms])
    sharper = 1 + flying / (a + b)
    return a * sharper, b * sharper


def _costs(arms: list[Arm], shrinkage: float) -> NDArray[np.float64]:
    """Relative to the dearest arm; 1 for all where none is known or none costs anything."""
    told = [(arm.cost, max(arm.pulls, shrinkage)) for arm in arms if arm.cost is not None]
    pooled = sum(cost * pulls for cost, pulls in told) / sum(pulls for _, pulls in told) if told else 0.0
    if pooled <= 0:
        return np.ones(len(arms))
    means = np.array(
        [
            pooled
            if arm.cost is None
            else (arm.pulls * arm.cost + shrinkage * pooled) / (arm.pulls + shrinkage)
            for arm in arms
        ]
    )
    return np.asarray(np.maximum(means / means.max(), CHEAPEST), dtype=np.float64)
