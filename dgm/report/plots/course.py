"""How a search went and what its money bought."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from archive import RunReader, Split
from archive.arrays import coded, integers
from dgm.errors import LookUpError
from dgm.report.plots.figures import FIRST, GOOD, INK, PALE, SECOND, Picture, picture
from dgm.report.progression import progression
from dgm.report.views import RunView


def progress(view: RunView) -> Picture:
    """Over counted search evaluations the belief in the best agent with its 95 % interval, the share of all evaluations
    that were resolved, where another agent became the best; below, what was spent."""
    found = progression(view)
    if not found:
        raise LookUpError("this run has no counted search evaluation yet")
    at = [one.evaluations for one in found]
    with picture(4.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        low, high = zip(*(one.interval for one in found), strict=True)
        upper.fill_between(at, low, high, step="post", color=FIRST, alpha=0.15, lw=0, label="95 % interval")
        upper.plot(
            at, [one.mean for one in found], color=FIRST, lw=1.8, drawstyle="steps-post", label="best agent"
        )
        upper.plot(
            at,
            [one.resolved / one.evaluations for one in found],
            color=PALE,
            lw=1.2,
            ls=(0, (4, 2)),
            label="all evaluations so far",
        )
        new = [b for a, b in pairwise(found) if a.best != b.best]
        upper.plot(
            [one.evaluations for one in new],
            [one.mean for one in new],
            "o",
            color=FIRST,
            mec="white",
            ms=6,
            label="another agent is the best",
        )
        upper.yaxis.set_major_formatter(PercentFormatter(1))
        upper.set_ylim(0, 1)
        upper.set_title("The best agent of the search, by its search tasks", loc="left")
        lower.plot(at, [one.cost_microusd / 1e6 for one in found], color=GOOD, lw=1.6, drawstyle="steps-post")
        lower.set_ylim(bottom=0)
        lower.set_title(_paid("Money spent, $", view), loc="left")
        lower.set_xlabel("counted search evaluations")
        for axis in (upper, lower):
            axis.grid(axis="y")
            axis.set_axisbelow(True)
        figure.legend(loc="outside upper left", ncols=4, frameon=False)
    return figure


def cost_per_gain(view: RunView) -> Picture:
    """To the left every expansion that made a child, by what it cost and by how much the child is above its parent;
    those without a child are ticks. To the right what the money of the whole run went to."""
    with picture(3.6) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
        _expansions(left, view)
        _uses(right, view)
        figure.legend(loc="outside lower left", ncols=3, frameon=False)
    return figure


def _expansions(axis: Axes, view: RunView) -> None:
    rows = view.run.gains().to_pylist()
    made = [row for row in rows if row["gain"] is not None]
    lost = [row for row in rows if row["gain"] is None]
    for wanted, colour, name in ((True, GOOD, "better than its parent"), (False, SECOND, "not better")):
        some = [row for row in made if (row["gain"] > 0) is wanted]
        axis.plot(
            [row["cost_microusd"] / 1e6 for row in some],
            [100 * row["gain"] for row in some],
            "o",
            color=colour,
            mec="white",
            ms=6,
            alpha=0.85,
            label=f"{name} ({len(some)})",
        )
    axis.plot(
        [row["cost_microusd"] / 1e6 for row in lost],
        np.full(len(lost), 0.02),
        "|",
        transform=axis.get_xaxis_transform(),
        color=INK,
        ms=9,
        label=f"no child ({len(lost)})",
    )
    axis.axhline(0, color=INK, lw=0.8)
    axis.set_title("Expansions: child against parent", loc="left")
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.set_xlabel(_paid("cost of the expansion, $", view))
    axis.set_ylabel("difference of beliefs, points")
    axis.grid(axis="y")
    axis.set_axisbelow(True)


def _uses(axis: Axes, view: RunView) -> None:
    uses = spent(view.run)
    for n, (name, microusd) in enumerate(uses.items()):
        axis.barh(n, microusd / 1e6, color=SECOND if "without" in name else FIRST, height=0.6)
        axis.text(microusd / 1e6, n, f"  {microusd / 1e6:.3f}", va="center", fontsize=8, color=INK)
    axis.set_yticks(range(len(uses)), list(uses))
    axis.set_ylim(len(uses) - 0.5, -0.5)
    axis.margins(x=0.2)
    axis.tick_params(axis="y", length=0)
    axis.set_title(_paid("Money by use, $", view), loc="left")


def spent(run: RunReader) -> dict[str, int]:
    """Micro-dollars by what they were spent on, void tries too."""
    tried = run.columns("expansions", "outcome", "cost_microusd")
    words, codes = coded(tried["outcome"])
    child = np.array([*(word == "child" for word in words), False])[codes]
    cost = integers(tried["cost_microusd"])
    found = {"expansions": int(cost[child].sum()), "expansions without a child": int(cost[~child].sum())}
    graded = run.columns("evaluations", "split", "cost_microusd")
    words, codes = coded(graded["split"])
    cost = integers(graded["cost_microusd"])
    for split in Split:
        of_split = np.array([*(word == split for word in words), False])[codes]
        found[f"evaluations: {split}"] = int(cost[of_split].sum())
    return found


def _paid(text: str, view: RunView) -> str:
    return f"{text} (made up)" if view.rehearsed else text
