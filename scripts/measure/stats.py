"""Medians with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from scripts.measure.report import Figure

RESAMPLES = 10_000


def figure(name: str, unit: str, samples: Sequence[float], *, note: str = "") -> Figure:
    """The median and the middle half of the samples."""
    low, median, high = np.quantile(samples, (0.25, 0.5, 0.75))
    return Figure(
        name=name,
        unit=unit,
        n=len(samples),
        median=float(median),
        low=float(low),
        high=float(high),
        note=note,
    )


def estimate(name: str, unit: str, samples: Sequence[float], *, note: str = "") -> Figure:
    """The median with its 95 % interval (bootstrap with a fixed seed)."""
    generator = np.random.default_rng(0)
    drawn = generator.choice(np.asarray(samples), (RESAMPLES, len(samples)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return Figure(
        name=name, unit=unit, n=len(samples), median=statistics.median(samples),
        low=float(low), high=float(high), range_is="95 % interval of the median", note=note,
    )  # fmt: skip
