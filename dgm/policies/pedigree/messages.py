"""Gaussian beliefs along a lineage: messages from the leaves to the seed, and from the seed back to all.

The ability of a child is its parent's plus N(drift, step), the seed's is N(SEED_MEAN, SEED_VARIANCE). What is known of
one agent by its own results is a *site*: a factor exp(-p theta^2 / 2 + h theta), p its precision and h its shift. With
the messages of its children added it is what its clade says. Given the parent, the agent's ability then has variance
s = 1 / (1/step + p) and mean g (theta_parent + drift) + s h, with gain g = s / step. (Our simulation study, section 9;
as animal breeding estimates breeding values from a pedigree.)

Agents are numbered in the order in which they were made, so a parent comes before its children and the seed is 0. All
arrays are of shape (agents,).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEED_VARIANCE = 4.0
TASK_VARIANCE = 4.0
SEED_MEAN = -0.5 * (1 + TASK_VARIANCE * np.pi / 8) ** 0.5
"""What makes a seed that resolves about 38 % of tasks of difficulty N(0, TASK_VARIANCE)."""


@dataclass(frozen=True)
class Walk:
    """What a child's change is drawn from: mean `drift` and variance `step`, in logits."""

    drift: float = 0.0
    step: float = 0.20


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What each agent's clade says of it (`p`, `h`), and of its parent (`up_p`, `up_h`)."""

    p: Floats
    h: Floats
    up_p: Floats
    up_h: Floats


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Mean and variance of each ability, given everything. `gain` is how much of its parent's it follows."""

    mean: Floats
    variance: Floats
    gain: Floats


def collect(parents: list[int], own_p: Floats, own_h: Floats, walk: Walk) -> Collected:
    """All messages from the leaves to the seed: of its parent a clade (p, h) says (p, h - drift p) / (1 + p step)."""
    p, h = own_p.tolist(), own_h.tolist()
    up_p, up_h = [0.0] * len(p), [0.0] * len(p)
    drift, step = walk.drift, walk.step
    for i in range(len(p) - 1, 0, -1):
        shrink = 1 / (1 + p[i] * step)
        up_p[i], up_h[i] = p[i] * shrink, (h[i] - drift * p[i]) * shrink
        parent = parents[i]
        p[parent] += up_p[i]
        h[parent] += up_h[i]
    return Collected(p=np.array(p), h=np.array(h), up_p=np.array(up_p), up_h=np.array(up_h))


def jumps(parents: Ints, depth: int) -> tuple[Ints, ...]:
    """Each agent's ancestor 1, 2, 4, ... levels up, as far as `depth` levels need; the seed is its own."""
    up = np.maximum(parents, 0)
    found = []
    while depth > 0:
        found.append(up)
        up = up[up]
        depth >>= 1
    return tuple(found)


def down(ancestors: tuple[Ints, ...], gain: Floats, add: Floats) -> Floats:
    """The x with x_i = gain_i x_parent + add_i for all i; `gain` of the seed must be 0.

    Each step is composed with the parent's, then with that of two levels up, then four: log2(depth) rounds over all
    agents at once, however long the chains are.
    """
    for up in ancestors:
        add = gain * add[up] + add
        gain = gain * gain[up]
    return add


def variances(p: Floats, ancestors: tuple[Ints, ...], walk: Walk) -> tuple[Floats, Floats]:
    """Variance and gain of each agent: v = g^2 v_parent + s, the seed's 1 / (1/SEED_VARIANCE + p)."""
    given = 1 / (1 / walk.step + p)
    gain = given / walk.step
    gain[0], given[0] = 0.0, 1 / (1 / SEED_VARIANCE + p[0])
    return down(ancestors, gain * gain, given), gain


def means(p: Floats, h: Floats, ancestors: tuple[Ints, ...], walk: Walk) -> Floats:
    """Mean of each agent: m = g (m_parent + drift) + s h; the seed's is (SEED_MEAN/SEED_VARIANCE + h) / precision."""
    given = 1 / (1 / walk.step + p)
    gain = given / walk.step
    add = gain * walk.drift + given * h
    gain[0], add[0] = 0.0, (SEED_MEAN / SEED_VARIANCE + h[0]) / (1 / SEED_VARIANCE + p[0])
    return down(ancestors, gain, add)


def posterior(p: Floats, h: Floats, ancestors: tuple[Ints, ...], walk: Walk) -> Posterior:
    variance, gain = variances(p, ancestors, walk)
    return Posterior(mean=means(p, h, ancestors, walk), variance=variance, gain=gain)


def covariances(
    of: int, parents: list[int], ancestors: tuple[Ints, ...], variance: Floats, gain: Floats
) -> Floats:
    """Covariance of each ability with that of agent `of`.

    Up its path it is the ancestor's variance times the gains from `of` up to, not including, the ancestor; elsewhere
    the agent's gain times its parent's covariance.
    """
    add, gain = np.zeros_like(gain), gain.copy()
    product, i = 1.0, of
    while i >= 0:
        add[i] = product * variance[i]
        product *= gain[i]
        gain[i] = 0.0
        i = parents[i]
    return down(ancestors, gain, add)
