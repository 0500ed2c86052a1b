"""What one result says of an agent and of a task: the site of a yes-or-no outcome under a Rasch model.

P(resolved) = sigmoid(theta - b) for ability theta ~ N(m, v) and difficulty b ~ N(tm, tv), with further variance TAU2
for what one number cannot say of a task. Averaged over both, with V = v + tv + TAU2 and k = (1 + pi V / 8)^-1/2:
p = sigmoid(k (m - tm)). A Newton step at this point gives information w = k^2 p (1 - p) and pseudo-observation
z = (m - tm) + k (y - p) / w of theta - b. (Our simulation study, section 9.) Everything takes numbers or arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Generic, TypeVar

import numpy as np

from dgm.policies.pedigree.messages import Floats

TAU2 = 0.5
LEAST = 1e-4

X = TypeVar("X", float, Floats)


@dataclass(frozen=True)
class Chance(Generic[X]):
    """Probability `p` of resolving, flattened by `k`; `w` is the information in the outcome about theta - b."""

    k: X
    p: X

    @property
    def w(self) -> X:
        return self.k * self.k * self.p * (1 - self.p)


@dataclass(frozen=True)
class Site(Generic[X]):
    """Precision and shift that a result adds to its agent (`p`, `h`) and to its task (`task_p`, `task_h`)."""

    p: X
    h: X
    task_p: X
    task_h: X


def chance(gap: X, variance: X) -> Chance[X]:
    """The chance with m - tm the `gap` and v + tv the `variance`."""
    k = (1 + np.pi / 8 * (variance + TAU2)) ** -0.5
    return Chance(k=k, p=_sigmoid(k * gap))


def _sigmoid(x: X) -> X:
    """sigmoid(x), kept LEAST away from 0 and 1; a number takes a tenth of the time that an array of one does."""
    if isinstance(x, float):
        return min(max(1 / (1 + exp(-x)), LEAST), 1 - LEAST)
    return np.minimum(np.maximum(1 / (1 + np.exp(-x)), LEAST), 1 - LEAST)


def site(m: X, v: X, tm: X, tv: X, y: X, whole: X, at: Chance[X]) -> Site[X]:
    """The site of outcome `y` (1: resolved) at belief (m, v, tm, tv); `whole` is P(not broken), its weight."""
    w = at.w
    z = m - tm + at.k * (y - at.p) / w
    p, task_p = whole / (1 / w + tv + TAU2), whole / (1 / w + v + TAU2)
    return Site(p=p, h=p * (tm + z), task_p=task_p, task_h=task_p * (m - z))


def precision(w: X, tv: X) -> X:
    """What an outcome with information `w` on a task of variance `tv` will add to what is known of its agent."""
    return 1 / (1 / w + tv + TAU2)
