"""Thompson sampling over many candidates: a draw from the Beta belief in each, of which only the largest are told."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import betainccinv

Draw = tuple[int, float]
"""Index of a candidate, and what was drawn for it."""

FEW = 4096
"""Below so many candidates the draws cost less than to find out which of them are alike."""

ALIKE = 16
"""From so many candidates of equal counts on, the largest of their draws costs less than all of them."""

SMALL = 256
"""Only counts below this are looked at for equals: larger ones are as good as never equal."""


def thompson(
    resolved: NDArray[np.int64], unresolved: NDArray[np.int64], tau: float, generator: Generator
) -> NDArray[np.float64]:
    """One draw of Beta(tau (1 + resolved), tau (1 + unresolved)) per candidate, shape (candidates,)."""
    return generator.beta(tau * (1 + resolved), tau * (1 + unresolved))


def leading(
    resolved: NDArray[np.int64],
    unresolved: NDArray[np.int64],
    tau: float,
    generator: Generator,
    count: int,
    *,
    few: int = FEW,
) -> list[Draw]:
    """The `count` largest of `thompson`'s draws, largest first; from `few` candidates on without drawing them all."""
    if len(resolved) < few:
        drawn = thompson(resolved, unresolved, tau, generator)
        return [(i, float(drawn[i])) for i in leaders(drawn, count)]
    small = (resolved < SMALL) & (unresolved < SMALL)
    kinds = np.where(small, resolved * SMALL + unresolved, SMALL * SMALL)
    sizes = np.bincount(kinds, minlength=SMALL * SMALL + 1)
    sizes[SMALL * SMALL] = 0
    alone = np.flatnonzero(sizes[kinds] < max(ALIKE, count))
    drawn = thompson(resolved[alone], unresolved[alone], tau, generator)
    found = [(int(alone[i]), float(drawn[i])) for i in leaders(drawn, count)]
    found += _of_kinds(kinds, sizes, tau, generator, count)
    return sorted(found, key=lambda draw: -draw[1])[:count]


def _of_kinds(
    kinds: NDArray[np.int64], sizes: NDArray[np.int64], tau: float, generator: Generator, count: int
) -> list[Draw]:
    """What can be among the `count` largest draws of candidates that share their counts with many.

    A draw is the quantile of a uniform number. The largest of k uniform numbers is exp(-E / k) with E exponential, the
    next one below it the largest of k - 1 shrunk by as much (Rényi 1953); whose they are is drawn uniformly. Only a
    kind whose largest draw is among the largest of all kinds can have others there.
    """
    shared = np.flatnonzero(sizes >= max(ALIKE, count))
    left = sizes[shared]
    a, b = tau * (1 + shared // SMALL), tau * (1 + shared % SMALL)
    largest = generator.standard_exponential(len(shared)) / left
    highest: NDArray[np.float64] = betainccinv(a, b, -np.expm1(-largest)).astype(np.float64)
    found: list[Draw] = []
    for kind in leaders(highest, count):
        falls = generator.standard_exponential(count) / (left[kind] - np.arange(count))
        falls[0] = largest[kind]
        values = betainccinv(a[kind], b[kind], -np.expm1(-np.cumsum(falls)))
        owners = generator.choice(np.flatnonzero(kinds == shared[kind]), count, replace=False)
        found += zip(owners.tolist(), values.tolist(), strict=True)
    return found


def leaders(values: NDArray[np.float64], count: int) -> list[int]:
    """Indices of the largest values, largest first, the earlier of equals first; without sorting the others."""
    left, order = values.copy(), list[int]()
    for _ in range(min(count, len(values))):
        order.append(int(left.argmax()))
        left[order[-1]] = -np.inf
    return order
