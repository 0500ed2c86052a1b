"""Draws from what a run says of its world: a Gibbs sampler over abilities, difficulties and the changes of children.

The model is that of `dgm.simulate.Rasch` with discriminations of 1. The seed's ability is 0, b_t ~ N(`hard`,
`difficulty_sd`^2). A child is broken with probability `broken` + `broken_per_level` (its parent's depth), as are then
all its descendants; otherwise its ability is its parent's plus

    N(drift - drag_per_level depth - thin lack, sd^2),    lack = max(0, 1 - results of the parent / RICH).

Whoever is chosen for having done well by luck is no trouble here: choices depend on results that the model has, so the
likelihood of all results is what it would be without them, and abilities are drawn, not taken from scores.

Outcomes are made Gaussian by Polya-Gamma variables (Polson 2013, https://arxiv.org/abs/1205.0310); abilities are
drawn along the whole tree at once; broken agents by their clade's likelihood. Moves that shift or stretch all changes
together let the few parameters travel although every agent was evaluated little. All chains go side by side: shapes are
(agents, chains), (results, chains), (tasks, chains), or (chains,) for a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from dgm.simulate.past import Floats, Ints, Past

Bools = NDArray[np.bool_]

HARD, HARD_SD = 1.0, 1.5
RICH = 10
POLYA_TERMS = 12
GROUPS: tuple[tuple[int, int | None], ...] = ((0, 2), (3, 4), (5, 9), (RICH, None))
"""Results of the parent, from and to, by which changes are told."""

COEFFICIENTS = ("drift", "drag_per_level", "thin")


@dataclass(frozen=True, kw_only=True)
class Priors:
    """What is held to be likely beforehand, in logits: normal about 0, `drift` about its mean.

    `broken_per_level` is never negative. Besides: `sd` ~ half normal(0.5), `difficulty_sd` ~ half normal(2.5), `hard` ~
    N(1, 1.5^2), `broken` ~ Beta(1, 9).
    """

    drift: tuple[float, float] = (-0.1, 0.3)
    drag_sd: float = 0.1
    thin_sd: float = 1.0
    broken_per_level_sd: float = 0.03


@dataclass
class _State:
    """Where the chains are."""

    ability: Floats
    difficulty: Floats
    broken: Bools
    walk: Floats  # (3, chains): COEFFICIENTS
    sd: Floats
    hard: Floats
    difficulty_sd: Floats
    broken_at: Floats
    broken_per_level: Floats


class Chains:
    """So many chains over one past; `run` yields the parameters after each sweep."""

    def __init__(self, past: Past, priors: Priors, chains: int, generator: Generator) -> None:
        self._past, self._priors, self._chains, self._random = past, priors, chains, generator
        self._levels = [np.flatnonzero(past.depths == d) for d in range(1, int(past.depths.max()) + 1)]
        self._won = past.resolved[:, None]
        self._of_agent = _adds(past.agent, len(past.parents))
        self._of_task = _adds(past.task, past.tasks)
        self._edges = np.flatnonzero(past.parents >= 0)
        self._parents = past.parents[self._edges]
        self._depth = past.depths[self._edges] - 1
        lack = np.maximum(0.0, 1 - past.parent_results[self._edges] / RICH)
        results = past.parent_results[self._edges][:, None]
        self._groups = [
            (results >= low) & (results <= (np.inf if high is None else high)) for low, high in GROUPS
        ]
        self._effects = np.stack([np.ones(len(self._edges)), -self._depth.astype(np.float64), -lack], axis=1)
        self._of_depth = _adds(self._depth, int(past.depths.max()))
        self._may_break = self._clade_failed()
        self._grid = _BrokenGrid(int(past.depths.max()), priors.broken_per_level_sd)
        self._steps = np.tile(np.array([[0.1], [0.02], [0.2], [0.2]]), (1, chains))
        self._state = self._start()

    def run(self, sweeps: int) -> Iterator[dict[str, Floats]]:
        for _ in range(sweeps):
            self._break()
            self._walk()
            self._abilities()
            self._difficulties()
            self._travel()
            yield self._told()

    def _told(self) -> dict[str, Floats]:
        now = self._state
        whole = ~now.broken
        change = self._changes()
        return {
            "difficulty_sd": now.difficulty_sd.copy(),
            "root": _sigmoid(-now.difficulty).mean(axis=0),
            "broken": now.broken_at.copy(),
            "broken_per_level": now.broken_per_level.copy(),
            **{name: now.walk[k].copy() for k, name in enumerate(COEFFICIENTS)},
            "sd": now.sd.copy(),
            "mean_change": _mean(change, whole[self._edges]),
            **{
                f"change_{n}": _mean(change, whole[self._edges] & inside)
                for n, inside in enumerate(self._groups)
            },
        }

    def _start(self) -> _State:
        past, chains, random = self._past, self._chains, self._random
        wins = np.bincount(past.task, weights=past.resolved, minlength=past.tasks)
        tries = np.bincount(past.task, minlength=past.tasks)
        share = (wins + 1) / (tries + 2)
        difficulty = -np.log(share / (1 - share))
        agents = len(past.parents)
        return _State(
            ability=np.zeros((agents, chains)),
            difficulty=difficulty[:, None] + random.normal(0, 0.5, (past.tasks, chains)),
            broken=np.zeros((agents, chains), dtype=np.bool_),
            walk=np.stack([random.normal(-0.1, 0.2, chains), np.zeros(chains), np.zeros(chains)]),
            sd=random.uniform(0.1, 0.6, chains),
            hard=np.full(chains, float(difficulty.mean())),
            difficulty_sd=random.uniform(1.0, 2.5, chains),
            broken_at=np.full(chains, 0.1),
            broken_per_level=np.zeros(chains),
        )

    # What is broken

    def _clade_failed(self) -> Bools:
        """Whether nobody in an agent's clade ever resolved anything; seeds are whole."""
        won = np.zeros(len(self._past.parents), dtype=np.bool_)
        won[self._past.agent[self._past.resolved]] = True
        for level in reversed(self._levels):
            np.logical_or.at(won, self._past.parents[level], won[level])
        return ~won & (self._past.parents >= 0)

    def _break(self) -> None:
        """Who is broken, by the likelihood of each whole clade; then how often that happens at which depth."""
        now, past, random = self._state, self._past, self._random
        chance = np.clip(now.broken_at + np.outer(past.depths - 1, now.broken_per_level), 1e-4, 0.95)
        whole = self._log_likelihood_by_agent()
        may = self._may_break[:, None]
        odds = np.zeros_like(whole)  # log P(broken) / P(whole), where the parent is whole
        for level in reversed(self._levels):
            p = chance[level]
            odds[level] = np.where(may[level], np.log(p / (1 - p)) - whole[level], -np.inf)
            told = np.log1p(-p) + whole[level] + np.logaddexp(0.0, odds[level])
            np.add.at(whole, past.parents[level], told)
        draw = random.logistic(size=whole.shape)
        now.broken[:] = False
        for level in self._levels:
            now.broken[level] = now.broken[past.parents[level]] | (draw[level] < odds[level])
        at_risk = ~now.broken[self._parents]
        fresh = now.broken[self._edges] & at_risk
        now.broken_at, now.broken_per_level = self._grid.draw(
            _plus(self._of_depth, fresh), _plus(self._of_depth, at_risk & ~fresh), random
        )

    # How children change

    def _changes(self) -> Floats:
        return self._state.ability[self._edges] - self._state.ability[self._parents]

    def _walk(self) -> None:
        """Mean and spread of the changes of whole children."""
        now, random, chains = self._state, self._random, self._chains
        change, moved = self._changes(), ~now.broken[self._edges]
        prior_mean, prior_precision = self._prior()
        for c in range(chains):
            x, y = self._effects[moved[:, c]], change[moved[:, c], c]
            precision = prior_precision + x.T @ x / now.sd[c] ** 2
            shift = prior_precision @ prior_mean + x.T @ y / now.sd[c] ** 2
            root = np.linalg.cholesky(precision)
            at = np.linalg.solve(precision, shift)
            now.walk[:, c] = at + np.linalg.solve(root.T, random.standard_normal(3))
        left = np.where(moved, change - self._effects @ now.walk, 0.0)
        now.sd = _draw_sd(moved.sum(axis=0), (left**2).sum(axis=0), SD_GRID, 0.5, random)

    def _prior(self) -> tuple[Floats, Floats]:
        mean, sd = self._priors.drift
        spreads = np.array([sd, self._priors.drag_sd, self._priors.thin_sd])
        return np.array([mean, 0.0, 0.0]), np.diag(spreads**-2.0)

    # Abilities and difficulties

    def _gap(self, ability: Floats) -> Floats:
        return ability[self._past.agent] - self._state.difficulty[self._past.task]

    def _log_likelihood_by_agent(self) -> Floats:
        gap = self._gap(self._state.ability)
        told = -np.logaddexp(0.0, np.where(self._won, -gap, gap))
        return _plus(self._of_agent, told)

    def _abilities(self) -> None:
        """All abilities at once: messages from the leaves to the seeds, then draws from the seeds down."""
        now, past, random = self._state, self._past, self._random
        self._omega = _polya_gamma(self._gap(now.ability), random)
        told = ~now.broken[past.agent]
        kappa = self._won - 0.5
        agents = len(past.parents)
        p = _plus(self._of_agent, self._omega * told)
        h = _plus(self._of_agent, (kappa + self._omega * now.difficulty[past.task]) * told)
        mean, variance = np.zeros((agents, self._chains)), np.ones((agents, self._chains))
        mean[self._edges] = self._effects @ now.walk
        variance[self._edges] = now.sd**2
        for level in reversed(self._levels):
            shrink = 1 / (1 + p[level] * variance[level])
            np.add.at(p, past.parents[level], p[level] * shrink)
            np.add.at(h, past.parents[level], (h[level] - mean[level] * p[level]) * shrink)
        noise = random.standard_normal((agents, self._chains))
        now.ability[past.parents < 0] = 0.0
        for level in self._levels:
            given = 1 / (1 / variance[level] + p[level])
            before = now.ability[past.parents[level]] + mean[level]
            now.ability[level] = given * (before / variance[level] + h[level]) + np.sqrt(given) * noise[level]

    def _difficulties(self) -> None:
        now, past, random = self._state, self._past, self._random
        told = ~now.broken[past.agent]
        p = _plus(self._of_task, self._omega * told)
        h = _plus(self._of_task, (self._omega * now.ability[past.agent] - (self._won - 0.5)) * told)
        variance = 1 / (p + now.difficulty_sd**-2)
        mean = variance * (h + now.hard * now.difficulty_sd**-2)
        now.difficulty = mean + np.sqrt(variance) * random.standard_normal(mean.shape)
        precision = past.tasks * now.difficulty_sd**-2 + HARD_SD**-2
        now.hard = (now.difficulty.sum(axis=0) * now.difficulty_sd**-2 + HARD * HARD_SD**-2) / precision
        now.hard = now.hard + precision**-0.5 * random.standard_normal(self._chains)
        squares = ((now.difficulty - now.hard) ** 2).sum(axis=0)
        counts = np.full(self._chains, past.tasks)
        now.difficulty_sd = _draw_sd(counts, squares, DIFFICULTY_GRID, 2.5, random)

    # Travelling

    def _travel(self) -> None:
        """Shift or stretch all changes at once, as far as the results let it: a Metropolis step for each parameter."""
        now, random = self._state, self._random
        likely = self._log_likelihood()
        for k in range(4):
            move = self._steps[k] * random.standard_normal(self._chains)
            walk, sd = now.walk.copy(), now.sd
            if k < 3:
                walk[k] += move
            else:
                sd = now.sd * np.exp(move)
            left = self._changes() - self._effects @ now.walk
            ability = self._added_up(self._effects @ walk + left * (sd / now.sd))
            then = self._log_likelihood(ability)
            gain = then - likely + self._log_prior(walk, sd) - self._log_prior(now.walk, now.sd)
            if k == 3:
                gain = gain + move
            taken = np.log(random.random(self._chains)) < gain
            now.ability[:, taken] = ability[:, taken]
            now.walk[:, taken], now.sd = walk[:, taken], np.where(taken, sd, now.sd)
            likely = np.where(taken, then, likely)
            self._steps[k] *= np.where(taken, 1.05, 0.97)  # about 4 of 10 taken

    def _added_up(self, change: Floats) -> Floats:
        ability = np.zeros_like(self._state.ability)
        ability[self._edges] = change
        for level in self._levels:
            ability[level] += ability[self._past.parents[level]]
        return ability

    def _log_likelihood(self, ability: Floats | None = None) -> Floats:
        gap = self._gap(self._state.ability if ability is None else ability)
        told = -np.logaddexp(0.0, np.where(self._won, -gap, gap))
        return np.asarray(np.where(self._state.broken[self._past.agent], 0.0, told).sum(axis=0))

    def _log_prior(self, walk: Floats, sd: Floats) -> Floats:
        mean, precision = self._prior()
        away = walk - mean[:, None]
        within = (sd >= SD_GRID[0]) & (sd <= SD_GRID[-1])
        value = -0.5 * (np.diag(precision)[:, None] * away**2).sum(axis=0) - 0.5 * (sd / 0.5) ** 2
        return np.asarray(np.where(within, value, -np.inf))


SD_GRID = np.geomspace(0.02, 2.0, 120)
DIFFICULTY_GRID = np.geomspace(0.05, 8.0, 120)


class _BrokenGrid:
    """P(broken) = at + per_level depth on a grid of both, drawn from exactly."""

    def __init__(self, deepest: int, per_level_sd: float) -> None:
        at, per_level = np.meshgrid(
            (np.arange(60) + 0.5) ** 2 / 60**2 * 0.8, np.linspace(0.0, 3.0, 31) * per_level_sd, indexing="ij"
        )
        self.at, self.per_level, self.depths = at.ravel(), per_level.ravel(), deepest
        chance = np.clip(self.at[:, None] + np.outer(self.per_level, np.arange(deepest)), 1e-4, 0.95)
        self._broken, self._whole = np.log(chance), np.log1p(-chance)
        width = np.log(np.sqrt(self.at))  # of a grid that is even in the square root
        self._prior = 8 * np.log1p(-self.at) + width - 0.5 * (self.per_level / per_level_sd) ** 2

    def draw(self, broken: Floats, whole: Floats, random: Generator) -> tuple[Floats, Floats]:
        log = self._prior[:, None] + self._broken @ broken + self._whole @ whole
        place = _pick(log, random)
        return self.at[place], self.per_level[place]


def _pick(log: Floats, random: Generator) -> Ints:
    """A row of each column by its weight exp(log)."""
    noise = random.gumbel(size=log.shape)
    return np.asarray((log + noise).argmax(axis=0))


def _draw_sd(count: Ints, squares: Floats, grid: Floats, scale: float, random: Generator) -> Floats:
    """A standard deviation given so many deviations and the sum of their squares; half normal(scale) beforehand."""
    g = grid[:, None]
    log = np.log(g) - count * np.log(g) - 0.5 * squares / g**2 - 0.5 * (g / scale) ** 2
    drawn: Floats = grid[_pick(log, random)]
    return drawn


def _polya_gamma(z: Floats, random: Generator) -> Floats:
    """PG(1, z): the first terms of its sum of exponentials, and the mean of the rest."""
    terms = np.zeros_like(z)
    known = np.zeros_like(z)
    c = (z / (2 * np.pi)) ** 2
    for k in range(POLYA_TERMS):
        weight = 1 / ((k + 0.5) ** 2 + c)
        terms += weight * random.standard_exponential(z.shape)
        known += weight
    half = np.maximum(np.abs(z) / 2, 1e-6)
    mean = np.tanh(half) / (4 * half)
    drawn: Floats = (terms - known) / (2 * np.pi**2) + mean
    return drawn


def _adds(to: Ints, count: int) -> csr_matrix:
    """The matrix that adds up rows by where they belong; shape (count, rows)."""
    rows = len(to)
    return csr_matrix((np.ones(rows), (to, np.arange(rows))), shape=(count, rows))


def _plus(adds: csr_matrix, rows: Floats | Bools) -> Floats:
    return np.asarray(adds @ rows, dtype=np.float64)


def _mean(values: Floats, chosen: Bools) -> Floats:
    return np.asarray(np.where(chosen, values, 0.0).sum(axis=0) / np.maximum(1, chosen.sum(axis=0)))


def _sigmoid(x: Floats) -> Floats:
    return np.array(1 / (1 + np.exp(-np.clip(x, -500, 500))))
