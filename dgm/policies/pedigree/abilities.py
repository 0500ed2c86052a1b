"""The belief in all abilities of a lineage, kept up to date result by result at a cost of O(depth) each."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

import numpy as np

from dgm.policies.pedigree.messages import (
    SEED_MEAN,
    SEED_VARIANCE,
    Collected,
    Floats,
    Ints,
    Posterior,
    Walk,
    covariances,
    jumps,
    means,
    posterior,
    variances,
)


class Abilities:
    """Sites and messages of every agent; see `dgm.policies.pedigree.messages` for what they are."""

    def __init__(self) -> None:
        self.walk = Walk()
        self.parents: list[int] = []
        self._depths: list[int] = []
        self._deepest = 0
        self._ancestors: tuple[Ints, ...] | None = None
        self._own_p, self._own_h = array("d"), array("d")
        self._p, self._h = array("d"), array("d")
        self._up_p, self._up_h = array("d"), array("d")

    def __len__(self) -> int:
        return len(self.parents)

    def add(self, parent: int) -> int:
        """A new agent that nothing is known of yet (`parent` is -1 for the seed); its number."""
        self.parents.append(parent)
        self._depths.append(self._depths[parent] + 1 if parent >= 0 else 0)
        self._deepest = max(self._deepest, self._depths[-1])
        self._ancestors = None
        for column in (self._own_p, self._own_h, self._p, self._h, self._up_p, self._up_h):
            column.append(0.0)
        return len(self.parents) - 1

    def tell(self, i: int, p: float, h: float) -> None:
        """Add a site to agent `i` and pass the change up."""
        self._own_p[i] += p
        self._own_h[i] += h
        drift, step = self.walk.drift, self.walk.step
        all_p, all_h, up_p, up_h, parents = self._p, self._h, self._up_p, self._up_h, self.parents
        while True:
            all_p[i] += p
            all_h[i] += h
            if i == 0:
                return
            shrink = 1 / (1 + all_p[i] * step)
            new_p, new_h = all_p[i] * shrink, (all_h[i] - drift * all_p[i]) * shrink
            p, h = new_p - up_p[i], new_h - up_h[i]
            up_p[i], up_h[i] = new_p, new_h
            i = parents[i]

    def replace(self, own_p: Floats, own_h: Floats, found: Collected, walk: Walk) -> None:
        """Other sites for all agents, and another walk; `found` are the messages that follow from them."""
        self.walk = walk
        self._own_p, self._own_h = _column(own_p), _column(own_h)
        self._p, self._h = _column(found.p), _column(found.h)
        self._up_p, self._up_h = _column(found.up_p), _column(found.up_h)

    def at(self, i: int) -> tuple[float, float]:
        """Mean and variance of agent `i` alone."""
        path = []
        while i > 0:
            path.append(i)
            i = self.parents[i]
        all_p, all_h, drift, step = self._p, self._h, self.walk.drift, self.walk.step
        v = 1 / (1 / SEED_VARIANCE + all_p[0])
        m = v * (SEED_MEAN / SEED_VARIANCE + all_h[0])
        for child in reversed(path):
            s = 1 / (1 / step + all_p[child])
            g = s / step
            m = g * (m + drift) + s * all_h[child]
            v = g * g * v + s
        return m, v

    def means(self) -> Floats:
        return means(np.array(self._p), np.array(self._h), self.ancestors, self.walk)

    def all(self) -> Posterior:
        return posterior(np.array(self._p), np.array(self._h), self.ancestors, self.walk)

    def with_running(self, running: Mapping[int, float]) -> tuple[Floats, Floats]:
        """Variances and gains as if sites of these precisions had come in; agent -> precision."""
        changed: dict[int, float] = {}
        for agent, precision in running.items():
            i, more = agent, precision
            while True:
                before = changed.get(i, self._p[i])
                changed[i] = before + more
                if i == 0:
                    break
                step = self.walk.step
                more = changed[i] / (1 + changed[i] * step) - before / (1 + before * step)
                i = self.parents[i]
        p = np.array(self._p)
        for i, value in changed.items():
            p[i] = value
        return variances(p, self.ancestors, self.walk)

    def covariances(self, of: int, variance: Floats, gain: Floats) -> Floats:
        return covariances(of, self.parents, self.ancestors, variance, gain)

    @property
    def ancestors(self) -> tuple[Ints, ...]:
        if self._ancestors is None:
            self._ancestors = jumps(np.array(self.parents, dtype=np.int64), self._deepest)
        return self._ancestors

    @property
    def own(self) -> tuple[Floats, Floats]:
        """The sites of all agents."""
        return np.array(self._own_p), np.array(self._own_h)


def _column(values: Floats) -> array[float]:
    return array("d", values.tobytes())
