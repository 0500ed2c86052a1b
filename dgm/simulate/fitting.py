"""A made-up world fitted to the search of a run: draws of everything that a world needs, from what its rows tell.

Abilities, difficulties and changes come from the posterior of `dgm.simulate.chains`: one tree is one tree, so there is
nothing to resample, but a posterior says how much of it could be otherwise. The shares of expansions that changed
nothing, and that made no child for other reasons, are drawn from a Dirichlet distribution; costs and durations by the
Bayesian bootstrap over jobs. All is a function of the rows and the seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng

from archive import ExpansionOutcome
from dgm.simulate.chains import Chains, Priors
from dgm.simulate.past import Floats, Past, Spent

CHAINS, SWEEPS, LEFT_OUT = 8, 400, 100
"""Chains side by side, sweeps of each, and how many of them come before what is kept."""

RESULTS_AT_ONCE = 3_000_000
"""Results times sweeps beyond which sweeps are fewer, so that a large run takes minutes and not hours."""

LEAST_SWEEPS = 60
SETTLED = 1.2
"""Chains agree when their means spread by no more than this over what each of them spreads (R-hat)."""

TARGET = "dgm.simulate.Rasch"
SKEPTICAL = Priors(drag_sd=0.01, thin_sd=0.15, broken_per_level_sd=0.005)
"""For worlds to search in: what the run cannot show about depth and thin logs stays near none."""

ASSUMED_COST = ASSUMED_TIME = 3.0
ASSUMED_SPREAD = 0.5

BEFOREHAND: Mapping[str, float] = {
    "difficulty_sd": 1.51,
    "root": 0.22,
    "no_child": 0.29,
    "broken": 0.09,
    "drift": 0.30,
    "sd": 0.30,
}
"""The standard deviation that each has before any result, for telling how much the run has said."""


NEVER_NEGATIVE = ("broken_per_level",)
UNCHANGED = (ExpansionOutcome.NO_CHANGE, ExpansionOutcome.DUPLICATE)


class UnfitError(ValueError):
    """The run tells nothing that a world could be fitted to."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean and the middle 95 % of the draws; `told` is which share of the doubt beforehand the run took away."""

    mean: float
    low: float
    high: float
    told: float | None = None


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What was drawn: name -> shape (draws,).

    `depth` is how deep the run went, `cost_basis` says what costs were taken from, `timed` whether jobs took time,
    `r_hat` is the largest of the parameters'.
    """

    agents: int
    children: int
    results: int
    tasks: int
    depth: int
    draws: Mapping[str, Floats]
    r_hat: float
    cost_basis: str
    timed: bool

    def estimate(self, name: str) -> Estimate:
        draws = self.draws[name]
        low, high = shortest(draws) if name in NEVER_NEGATIVE else np.quantile(draws, [0.025, 0.975])
        before = BEFOREHAND.get(name)
        told = None if before is None else max(0.0, 1 - float(draws.std()) / before)
        return Estimate(mean=float(draws.mean()), low=float(low), high=float(high), told=told)

    def world(self, at: int | None = None, tasks: int | None = None) -> dict[str, Any]:
        """A world as a configuration has it, with so many tasks: of draw number `at`, or of the means."""

        def value(name: str) -> float:
            draws = self.draws[name]
            return float(f"{float(draws.mean() if at is None else draws[at]):.6g}")

        root = min(max(value("root"), 0.01), 0.99)
        return {
            "_target_": TARGET,
            "name": "fitted",
            "tasks": self.tasks if tasks is None else tasks,
            "difficulty_sd": value("difficulty_sd"),
            "discrimination_sd": 0.0,
            "root": [root, root],
            "no_op": 0.0,
            **{name: value(name) for name in ("no_child", "broken", "drift", "sd")},
            **{name: max(0.0, value(name)) for name in ("broken_per_level", "drag_per_level", "thin")},
        }


def shortest(draws: Floats, mass: float = 0.95) -> tuple[float, float]:
    """The shortest interval with so much of the draws: from 0 where nothing speaks against 0."""
    ordered = np.sort(draws)
    inside = ceil(mass * len(ordered)) - 1
    start = int((ordered[inside:] - ordered[: len(ordered) - inside]).argmin())
    return float(ordered[start]), float(ordered[start + inside])


def fit(past: Past, seed: int, priors: Priors = SKEPTICAL, sweeps: int = SWEEPS) -> Fit:
    """Draws of everything. Raises UnfitError for a run that tells nothing."""
    check(past)
    chains, jobs = (default_rng(stream) for stream in SeedSequence(seed).spawn(2))
    count = max(LEAST_SWEEPS, min(sweeps, RESULTS_AT_ONCE // max(1, len(past.agent))))
    left_out = count * LEFT_OUT // SWEEPS
    told = list(Chains(past, priors, CHAINS, chains).run(count))[left_out:]
    kept = {name: np.stack([one[name] for one in told]) for name in told[0]}
    draws = {name: values.ravel() for name, values in kept.items()}
    number = len(draws["sd"])
    draws["no_change"], draws["no_child"] = _fates(past, number, jobs)
    basis, draws["expansion_cost"] = _costs(past, number, jobs)
    timed, draws["expansion_time"], draws["spread"] = _times(past, number, jobs)
    return Fit(
        agents=len(past.parents),
        children=past.children,
        results=len(past.agent),
        tasks=past.tasks,
        depth=int(past.depths.max()),
        draws=draws,
        r_hat=max(map(r_hat, kept.values())),
        cost_basis=basis,
        timed=timed,
    )


def check(past: Past) -> None:
    """Raises UnfitError unless something can be said of how children differ from parents."""
    if not past.children:
        raise UnfitError(
            "no world can be fitted to a run without children: "
            f"{sum(past.outcomes.values())} expansions counted, none made a child; let the search go on, or take a "
            "made-up world: world=B"
        )
    if not len(past.agent):
        raise UnfitError(
            "no world can be fitted to a run without counted evaluations of its search split: there are none, or all "
            "are void"
        )


def _fates(past: Past, count: int, random: Generator) -> tuple[Floats, Floats]:
    """Shares of expansions that changed nothing, and of all that made no child."""
    made = past.outcomes.get(ExpansionOutcome.CHILD, 0)
    same = sum(past.outcomes.get(one, 0) for one in UNCHANGED)
    lost = sum(past.outcomes.values()) - made - same
    shares = random.dirichlet([1 + made, 0.5 + same, 0.5 + lost], count)
    return shares[:, 1], 1 - shares[:, 0]


def r_hat(draws: Floats) -> float:
    """How much wider all chains together are than each alone; shape (sweeps, chains)."""
    within = float(draws.var(axis=0, ddof=1).mean())
    between = float(draws.mean(axis=0).var(ddof=1))
    return float(np.sqrt((within + between) / within)) if within > 0 else 1.0


def _costs(past: Past, count: int, random: Generator) -> tuple[str, Floats]:
    """What an expansion costs in evaluations, by money, else tokens, else seconds."""
    for basis in ("microusd", "tokens", "seconds"):
        spent, on = getattr(past.expansions, basis), getattr(past.evaluations, basis)
        if spent.sum() > 0 and on.sum() > 0:
            return basis, _resampled(spent, count, random) / _resampled(on, count, random)
    return "assumed", np.full(count, ASSUMED_COST)


def _times(past: Past, count: int, random: Generator) -> tuple[bool, Floats, Floats]:
    """How many evaluations' time an expansion takes, and the sigma of all durations on a log scale."""
    if not (_timed(past.expansions) and _timed(past.evaluations)):
        return False, np.full(count, ASSUMED_TIME), np.full(count, ASSUMED_SPREAD)
    both = (past.expansions.seconds, past.evaluations.seconds)
    ratio = _resampled(both[0], count, random) / _resampled(both[1], count, random)
    away = [np.log(np.maximum(one, 1e-3)) for one in both]
    squares = np.concatenate([(one - one.mean()) ** 2 for one in away])
    return True, ratio, np.sqrt(_resampled(squares, count, random))


def _timed(spent: Spent) -> bool:
    return bool(spent.seconds.sum() > 0)


def _resampled(values: Floats, count: int, random: Generator) -> Floats:
    """Means under random weights of the values: the Bayesian bootstrap."""
    means = np.empty(count)
    for n in range(count):
        weights = random.standard_exponential(len(values))
        means[n] = weights @ values / weights.sum()
    return means
