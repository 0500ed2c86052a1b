"""Agents beside each other: the leaderboard, their clades, and which tasks they resolve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap
from matplotlib.ticker import PercentFormatter

from archive import AgentId, Split
from dgm.report.plots.figures import FIRST, GOOD, INK, PALE, SECOND, Picture, picture
from dgm.report.safe import safe_line
from dgm.report.standings import Standing, standings
from dgm.report.views import RunView

NAME = 10
"""Characters of an agent's id that are shown."""
LABELLED = 70
"""So many agents or tasks have their names beside the matrix; of more there is no room for any."""


def leaderboard(view: RunView, split: Split = Split.SEARCH, top: int = 20) -> Picture:
    """The best agents by the mean of their belief on `split`, with 95 % intervals and counts; the seed always."""
    rows = [row for row in view.run.leaderboard(split).to_pylist() if row["resolved"] + row["unresolved"]]
    shown = [row for n, row in enumerate(rows) if n < top or row["parent"] is None]
    with picture(1.2 + 0.24 * len(shown)) as figure:
        axis = figure.subplots()
        for n, row in enumerate(shown):
            colour = PALE if row["parent"] is None else FIRST
            axis.hlines(n, row["low"], row["high"], colors=colour, linewidths=1.6)
            axis.plot(row["mean"], n, "o", color=colour, ms=5.5, mec="white", mew=0.7)
            axis.text(
                1.005,
                n,
                f"{row['resolved']}/{row['resolved'] + row['unresolved']}",
                transform=axis.get_yaxis_transform(),
                fontsize=8,
                va="center",
                color=INK,
            )
        titles = _titles(view)
        names = [_name(row["agent"], titles) for row in shown]
        _rows(axis, names)
        axis.set_title(f"The best of {len(rows)} agents that met {split} tasks, 95 % intervals", loc="left")
    return figure


def clades(view: RunView, top: int = 20) -> Picture:
    """Agents with children, those of the largest clades: own belief beside the clade's (CMP), with 95 % intervals."""
    parents = {one.parent for one in standings(view)}
    found = [one for one in standings(view) if one.agent in parents or one.parent is None]
    chosen = sorted(found, key=lambda one: -one.clade_evaluations)[:top]
    titles = _titles(view)
    with picture(1.5 + 0.3 * len(chosen)) as figure:
        axis = figure.subplots()
        for n, one in enumerate(chosen):
            _dumbbell(axis, n, one, labelled=n == 0)
            axis.text(
                1.005,
                n,
                f"{one.clade_resolved}/{one.clade_evaluations}",
                transform=axis.get_yaxis_transform(),
                fontsize=8,
                va="center",
                color=INK,
            )
        _rows(axis, [_name(one.agent, titles) for one in chosen])
        axis.set_title("Clades of agents with children: what their descendants come to", loc="left")
        figure.legend(loc="outside lower left", ncols=2, frameon=False)
    return figure


def _dumbbell(axis: Axes, n: int, one: Standing, *, labelled: bool) -> None:
    low, high = one.cmp_interval
    axis.hlines(n, low, high, colors=SECOND, linewidths=1.8)
    axis.plot(one.cmp, n, "o", color=SECOND, ms=6, mec="white", label="its clade (CMP)" if labelled else None)
    low, high = one.interval
    axis.hlines(n + 0.22, low, high, colors=FIRST, linewidths=0.9, alpha=0.6)
    axis.plot(
        one.mean,
        n + 0.22,
        "o",
        color="white",
        ms=4,
        mec=FIRST,
        label="the agent itself" if labelled else None,
    )


def matrix(view: RunView) -> Picture:
    """Agents in the order in which they were made by tasks, split by split: the share of evaluations resolved."""
    agents = {agent.id: n for n, agent in enumerate(view.agents)}
    tasks = [(split, task) for split, named in view.tasks.items() for task in named]
    column = {task: n for n, (_, task) in enumerate(tasks)}
    share = np.full((len(agents), max(1, len(tasks))), np.nan)
    for row in view.run.matrix().to_pylist():
        if row["task"] in column:
            share[agents[row["agent"]], column[row["task"]]] = row["resolved"] / row["evaluations"]
    tall = min(11.0, 0.17 * len(agents) if len(agents) <= LABELLED else 7.0)
    with picture(2.6 + tall) as figure:
        axis = figure.subplots()
        shades = ListedColormap(["#D9907E", "#E9D8A6", "#F1E7C4", "#A8CFA0", GOOD])
        axis.imshow(share, aspect="auto", interpolation="nearest", cmap=shades, vmin=0, vmax=1)
        titles = _titles(view)
        names = [_name(agent.id, titles) for agent in view.agents]
        _ends(axis.yaxis, names if len(names) <= LABELLED else [])
        _ends(axis.xaxis, [_short(task) for _, task in tasks] if len(tasks) <= LABELLED else [])
        axis.tick_params(axis="x", labelrotation=90)
        _splits(axis, [split for split, _ in tasks])
        for side in ("left", "bottom"):
            axis.spines[side].set_visible(False)
        axis.set_title("Green: resolved, red: not, between: sometimes, white: not met", loc="left", pad=20)
    return figure


def _splits(axis: Axes, splits: Sequence[Split]) -> None:
    """The name of each split above its tasks, and a line before the next."""
    for split in dict.fromkeys(splits):
        first, count = splits.index(split), splits.count(split)
        axis.text(first - 0.4, -0.8, str(split), fontsize=8.5, color=INK, fontweight="bold")
        axis.axvline(first + count - 0.5, color=INK, lw=0.8)


def _ends(axis: Axis, names: Sequence[str]) -> None:
    axis.set_ticks(range(len(names)), names, fontsize=7)
    axis.set_tick_params(length=0)


def _rows(axis: Axes, names: Sequence[str]) -> None:
    """A row per name, the first on top, over shares from 0 to 1."""
    axis.set_yticks(range(len(names)), names, fontsize=8, family="monospace")
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(0, 1)
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.grid(axis="x")
    axis.set_axisbelow(True)


def _titles(view: RunView) -> Mapping[AgentId, str]:
    """What those agents are that have a name of their own."""
    first, best = view.tree().ids[0], view.tree().best()
    winners = [one.agent for one in view.finalists()[:1]]
    named = [(first, "seed"), *((agent, "winner") for agent in winners)]
    if best not in winners:
        named.append((best, "best belief"))
    return {agent: ", ".join(title for one, title in named if one == agent) for agent, _ in named}


def _name(agent: AgentId, titles: Mapping[AgentId, str]) -> str:
    """By its beginning, after what it is."""
    return f"{titles.get(agent, '')} {agent[:NAME]}".strip()


def _short(task: str) -> str:
    """Without the benchmark, as far as there is room."""
    return safe_line(task.partition("/")[2] or task)[:28]
