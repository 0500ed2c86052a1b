"""Groups of runs side by side: how their searches went on average, and what their winners gained on the test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from dgm.means import half_width
from dgm.pictures import COLOURS, marked
from dgm.report.compare import Comparison, Line, Pooled, Side
from dgm.report.compared import mean_score
from dgm.report.plots.figures import INK, PALE, Picture, picture

Floats = NDArray[np.float64]

PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
"""Behind a name, so that no line goes through it."""

SHORT = 64
"""Characters of a name above its line."""


def comparison(found: Comparison) -> Picture:
    """To the left the belief in each search's best agent over evaluations, the mean over seeds with a 95 % interval;
    to the right the gain on test with intervals, each run a dot."""
    names = list(found.groups)
    searched = {name: [one for one in runs if one.progression] for name, runs in found.groups.items()}
    with picture(max(3.4, 1.6 + 0.5 * len(found.lines))) as figure:
        left, right = figure.subplots(1, 2)
        for name, runs in searched.items():
            if runs:
                _band(left, runs, COLOURS[names.index(name) % len(COLOURS)], name)
        left.set_title("Best agent of the search, by its search tasks", loc="left")
        left.set_xlabel("counted search evaluations")
        left.yaxis.set_major_formatter(PercentFormatter(1))
        left.grid(axis="y")
        left.set_axisbelow(True)
        _gains(right, found)
        figure.legend(
            *left.get_legend_handles_labels(),
            loc="outside upper left",
            ncols=max(1, 110 // (8 + max(map(len, names)))),
            frameon=False,
        )
        seeds = sorted({len(runs) for runs in found.groups.values()})
        told = f"{seeds[0]} seeds" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
        figure.supxlabel(f"{told}, 95 % intervals", fontsize=8, color=PALE, ha="right", x=0.99)
    return figure


def draw_comparison(found: Comparison, path: Path) -> None:
    comparison(found).save(path)


def _band(axis: Axes, runs: Sequence[Side], colour: str, name: str) -> None:
    """As far as every run of the group has come."""
    last = min(run.progression[-1].evaluations for run in runs)
    first = max(run.progression[0].evaluations for run in runs)
    at = np.unique(np.linspace(first, last, 200).round())
    values = np.array([_believed(run, at) for run in runs])
    mean = values.mean(axis=0)
    axis.plot(at, mean, color=colour, lw=1.8, label=name, drawstyle="steps-post")
    if len(runs) > 1:
        half = half_width(values)
        low, high = np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1)
        axis.fill_between(at, low, high, step="post", color=colour, alpha=0.13, lw=0)


def _believed(run: Side, at: Floats) -> Floats:
    """The mean of the belief in the best agent after each of these numbers of evaluations."""
    known = np.array([moment.evaluations for moment in run.progression])
    means = np.array([moment.mean for moment in run.progression])
    found: Floats = means[np.searchsorted(known, at, side="right") - 1]
    return found


def _gains(axis: Axes, found: Comparison) -> None:
    for place, line in enumerate(found.lines):
        style = marked(list(found.groups), line.group)
        runs = [100 * _gain(line, seed) for seed in line.best]
        aside = np.linspace(-0.12, 0.12, len(runs)) if len(runs) > 1 else np.zeros(len(runs))
        axis.plot(runs, place + aside, "o", ms=3.5, color=style["color"], alpha=0.3, mew=0)
        if line.gain is not None:
            axis.errorbar(100 * line.gain.mean, place, xerr=_errors(line.gain), **style)
        axis.text(
            0.01,
            place - 0.22,
            _label(line.name),
            transform=axis.get_yaxis_transform(),
            color=INK,
            fontsize=8,
            bbox=PAPER,
        )
    axis.axvline(0, color=INK, lw=0.8)
    axis.set_yticks([])
    axis.set_ylim(len(found.lines) - 0.6, -0.6)
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.set_title("Gain over the seed agent on the test", loc="left")
    axis.set_xlabel("percentage points")


def _gain(line: Line, seed: int) -> float:
    best, base = (mean_score({seed: runs[seed]}) for runs in (line.best, line.seed))
    return (best or 0.0) - (base or 0.0)


def _errors(one: Pooled) -> list[list[float]]:
    return [[100 * (one.mean - one.low)], [100 * (one.high - one.mean)]]


def _label(name: str) -> str:
    """A name above its line, as far as there is room."""
    return name if len(name) <= SHORT else name[: SHORT - 1] + "…"
