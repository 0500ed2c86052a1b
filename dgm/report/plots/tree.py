"""The tree of agents as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from archive import AgentId
from dgm.report.page.layout import tidy
from dgm.report.plots.figures import FAINT, INK, PALE, Picture, picture
from dgm.report.standings import Standing, standings
from dgm.report.views import RunView

COLOURS = {"cmp": "clade-metaproductivity", "mean": "belief in the agent"}
"""What agents can be coloured by, and how it is called."""

Floats = NDArray[np.float64]


def tree(view: RunView, colour: str = "cmp") -> Picture:
    """Every agent below its parent, larger with more evaluations of its own; the line to the winner is dark, expansions
    that made no child are ticks below their parent. `colour` is `cmp` or `mean`."""
    if colour not in COLOURS:
        raise ValueError(f"colour must be one of {', '.join(COLOURS)}, got {colour!r}")
    found = standings(view)
    place = {one.agent: n for n, one in enumerate(found)}
    parents = [-1 if one.parent is None else place[one.parent] for one in found]
    across, level = map(np.array, tidy(parents))
    line = _line(view, place)
    with picture(min(9.0, 1.7 + 0.6 * (1 + int(level.max())))) as figure:
        axis = figure.subplots()
        _edges(axis, parents, across, level, line)
        _ticks(axis, found, across, level)
        room = min(1.0, 30 / (1 + float(across.max())))
        most = max(20, *(one.evaluations for one in found))
        shown = axis.scatter(
            across,
            level,
            s=[room * (45 + 160 * one.evaluations / most) for one in found],
            c=[getattr(one, colour) for one in found],
            cmap="viridis",
            norm=Normalize(0, max(0.5, *(getattr(one, colour) for one in found))),
            edgecolors=[INK if n in line else "white" for n in range(len(found))],
            linewidths=[1.6 if n in line else 0.6 for n in range(len(found))],
            zorder=3,
        )
        _names(axis, found, across, level)
        axis.set_ylim(float(level.max()) + 0.5, -0.4)
        axis.margins(x=0.06)
        axis.set_axis_off()
        axis.set_title(f"{len(found)} agents, the line to the best one dark", loc="left")
        bar = figure.colorbar(shown, ax=axis, shrink=0.7, aspect=18, pad=0.01, format=PercentFormatter(1))
        bar.set_label(COLOURS[colour])
        for spine in bar.ax.spines.values():
            spine.set_visible(False)
    return figure


def _line(view: RunView, place: dict[AgentId, int]) -> set[int]:
    best = view.best()
    return {place[agent] for agent in (best, *view.run.lineage.ancestors(best))}


def _edges(axis: Axes, parents: Sequence[int], across: Floats, level: Floats, line: set[int]) -> None:
    children = [n for n, parent in enumerate(parents) if parent >= 0]
    ways = [[(across[parents[n]], level[parents[n]]), (across[n], level[n])] for n in children]
    axis.add_collection(
        LineCollection(
            ways,
            colors=[INK if n in line else "#C8C8C8" for n in children],
            linewidths=[2.0 if n in line else 0.9 for n in children],
            zorder=1,
        )
    )


def _ticks(axis: Axes, found: Sequence[Standing], across: Floats, level: Floats) -> None:
    """A tick for each expansion that made no child."""
    for n, one in enumerate(found):
        failed = sum(count for name, count in one.expansions.items() if name != "child")
        at = across[n] + 0.09 * (np.arange(failed) - (failed - 1) / 2)
        axis.vlines(at, level[n] + 0.2, level[n] + 0.32, colors="#B03A2E", linewidths=1.1, zorder=2)


def _names(axis: Axes, found: Sequence[Standing], across: Floats, level: Floats) -> None:
    for n, one in enumerate(found):
        titles = [
            *(["seed"] if one.parent is None else []),
            *(["winner"] if one.winner else ["best belief"] if one.best else []),
        ]
        if titles:
            axis.annotate(
                f"{', '.join(titles)}  {one.resolved}/{one.evaluations}",
                (across[n], level[n]),
                xytext=(9, 7),
                textcoords="offset points",
                fontsize=8,
                color=INK,
                bbox={"facecolor": "white", "edgecolor": FAINT, "pad": 1.5, "alpha": 0.9},
                zorder=4,
            )
    if len(found) == 1:
        axis.text(across[0], level[0] + 0.4, "no child yet", color=PALE, ha="center")
