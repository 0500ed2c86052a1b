"""What the next action is worth: the expected gain of the final choice for what it costs (knowledge gradient).

Let b be the best agent of now, C the covariance of an ability with that of b, and l the mean of the T/2 largest
informations that a task can give. After n more results on an agent, its mean moves by a normal amount of standard
deviation sd; from a gap below b, that overtakes b by sd f(gap / sd) on average, f(x) = x Phi(x) + phi(x). Per cost of
n evaluations, for n of 1, 4 and 16, whichever is best:

- evaluate j: sd = |v_j - C_j| / sqrt(v_j + 1/(n l)), gap m_j - m_b, value P(j whole) sd f / n. For b itself, how far
  it may fall below the second best: |v_b - C_second| and gap -|m_second - m_b|.
- expand i: sd = (v_i - C_i + step) / sqrt(v_i + step + 1/(n l)), gap m_i + drift - m_b, value P(i whole) P(the child is
  whole) P(there is a child) sd f / (1.5 c + n), c what an expansion costs in evaluations.

(Our simulation study, section 9.) Shapes are (agents,) unless they say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from dgm.policies.pedigree.messages import Floats, Walk
from dgm.policies.pedigree.sites import TAU2, chance

AHEAD = np.array([[1.0], [4.0], [16.0]])
"""Results looked ahead, shape (3, 1)."""

CHILD = 0.9
"""P(an expansion makes a child)."""

EXPANSION_CHARGE = 1.5
"""An expansion counts for so many times its cost, since more than one result will be spent on its child."""

LEAST_SD = 1e-12
NEAR = 1e-9
"""Values that differ by less, relatively, are equal: what a machine rounds away must not decide."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Means, variances (with running evaluations counted), covariances with the best, P(whole), best and second."""

    mean: Floats
    variance: Floats
    covariance: Floats
    whole: Floats
    best: int
    second: int | None


def improvement(x: Floats) -> Floats:
    """f(x) = x Phi(x) + phi(x): how far a standard normal amount above -x exceeds 0 on average."""
    gain: Floats = x * ndtr(x) + np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    return np.maximum(gain, 0.0)


def informations(m: float, v: float, tm: Floats, tv: Floats) -> Floats:
    """What a result on each task would add to the precision of an agent at (m, v); shape (tasks,)."""
    w = chance(m - tm, v + tv).w
    return w / (1 + w * (tv + TAU2))


def typical(information: Floats) -> float:
    """l: the mean of the T/2 largest, at least one."""
    half = max(1, len(information) // 2)
    return float(np.sort(information)[-half:].sum()) / half


def of_evaluations(now: Standing, typical: float, left: float) -> Floats:
    """The value of evaluating each agent, whether or not it has tasks left; -inf for what `left` does not pay."""
    moves = np.abs(now.variance - now.covariance)
    gap = now.mean - now.mean[now.best]
    if now.second is None:
        moves[now.best] = 0.0
    else:
        moves[now.best] = abs(now.variance[now.best] - now.covariance[now.second])
        gap[now.best] = -abs(now.mean[now.second] - now.mean[now.best])
    gains = _gains(moves, now.variance, gap, typical) * now.whole / AHEAD
    return _best(gains, left)


def of_expansions(
    now: Standing, typical: float, walk: Walk, *, cost: float, penalty: Floats, sound: float, left: float
) -> Floats:
    """The value of expanding each agent; `penalty` (logits) is taken from the gap, `left` must pay n results."""
    moves = now.variance - now.covariance + walk.step
    gap = now.mean + walk.drift - penalty - now.mean[now.best]
    gains = _gains(moves, now.variance + walk.step, gap, typical)
    return _best(gains * now.whole * (sound * CHILD) / (EXPANSION_CHARGE * cost + AHEAD), left)


def _gains(moves: Floats, variance: Floats, gap: Floats, typical: float) -> Floats:
    """sd f(gap / sd) for each n; shape (3, agents)."""
    sd = np.maximum(moves / np.sqrt(variance + 1 / (AHEAD * typical)), LEAST_SD)
    gains: Floats = sd * improvement(gap / sd)
    return gains


def _best(values: Floats, left: float) -> Floats:
    paid = values[AHEAD[:, 0] <= left]
    best: Floats = paid.max(axis=0) if len(paid) else np.full(values.shape[1], -np.inf)
    return best


def first_of_largest(values: Floats) -> int:
    """Index of the first value that is as good as the largest."""
    largest = float(values.max())
    return int(np.argmax(values >= largest - NEAR * abs(largest)))


def masked(values: Floats, allowed: NDArray[np.bool_]) -> Floats:
    return np.where(allowed, values, -np.inf)
