"""What many simulated searches came to, as a picture: true accuracy with intervals, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dgm.pictures import STYLE, marked
from dgm.simulate.summary import Mean
from dgm.simulate.told import Pair, Searched, pairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
"""Small pictures side by side where a budget is swept."""


@dataclass(frozen=True, kw_only=True)
class _Look:
    """How each policy is drawn, everywhere the same."""

    policies: tuple[str, ...]

    def of(self, policy: str) -> dict[str, Any]:
        return marked(self.policies, policy)

    def aside(self, policy: str, room: float) -> float:
        """How far beside its place a policy is drawn, so that none hides another."""
        count = len(self.policies)
        return room * (self.policies.index(policy) - (count - 1) / 2) / count


def draw(done: Sequence[Searched], path: Path) -> None:
    """Write the picture: by world, or over the values of the budget where a part of it was swept."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    look = _Look(policies=tuple(dict.fromkeys(one.summary.policy for one in done)))
    swept = _swept(done)
    with rc_context(STYLE):  # no pyplot: nothing global, and no display is looked for
        figure = Figure(layout="constrained")
        if swept is None:
            _by_world(figure, done, look)
        else:
            _over(figure, done, look, swept)
        figure.savefig(path, dpi=160)


def _swept(done: Sequence[Searched]) -> str | None:
    """The part of the budget with the most values, which becomes the horizontal axis."""
    values = {key: len({str(one.varied[key]) for one in done}) for key in done[0].varied}
    return max(values, key=lambda key: values[key]) if values else None


def _by_world(figure: Figure, done: Sequence[Searched], look: _Look) -> None:
    worlds = list(dict.fromkeys(one.summary.world for one in done))
    compared = pairs(done)
    height = 1.3 + len(worlds) * max(0.32, 0.17 * len(look.policies) + 0.08)
    figure.set_size_inches(10 if compared else 6.5, height)
    axes = figure.subplots(1, 2 if compared else 1, sharey=True, squeeze=False)[0]
    for one in done:
        place = worlds.index(one.summary.world) + look.aside(one.summary.policy, 0.8)
        _point(axes[0], one.summary.true_accuracy, place, look.of(one.summary.policy), across=True)
    for n, world in enumerate(worlds):
        seeds = [one.summary.seed_accuracy.mean for one in done if one.summary.world == world]
        axes[0].vlines(
            100 * sum(seeds) / len(seeds), n - 0.45, n + 0.45, colors="#999999", linestyles=(0, (2, 2)), lw=1
        )
    for pair in compared:
        policy = pair.one.summary.policy
        place = worlds.index(pair.one.summary.world) + look.aside(policy, 0.8)
        _point(axes[1], pair.gain, place, look.of(policy), across=True)
    for axis in axes:
        axis.set_yticks(range(len(worlds)), worlds)
        axis.set_ylim(len(worlds) - 0.5, -0.5)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.set_axisbelow(True)
        for n in range(1, len(worlds), 2):
            axis.axhspan(n - 0.5, n + 0.5, color="#F5F5F5", zorder=-1)
    axes[0].set_title("True accuracy of the agent that was chosen", loc="left")
    axes[0].set_xlabel("% of tasks, dashed: the seed")
    if compared:
        axes[1].axvline(0, color="#555555", lw=1)
        axes[1].set_title(f"Gain over {compared[0].other.summary.policy}, seed by seed", loc="left")
        axes[1].set_xlabel("percentage points")
    _legend(figure, axes[0], done)


def _over(figure: Figure, done: Sequence[Searched], look: _Look, swept: str) -> None:
    """A column of two pictures for each world (and each value of whatever else was swept)."""
    values = sorted({one.varied[swept] for one in done})
    facets = list(dict.fromkeys(_facet(one, swept) for one in done))
    compared = pairs(done)
    rows = 2 if compared else 1
    across = min(COLUMNS, len(facets))
    bands = -(-len(facets) // across)
    figure.set_size_inches(max(5.0, 1.0 + 2.9 * across), 0.8 + 2.4 * rows * bands)
    axes = figure.subplots(rows * bands, across, squeeze=False)
    for n in range(bands * across):
        upper = axes[rows * (n // across)][n % across]
        lower = axes[rows * (n // across) + rows - 1][n % across]
        if n >= len(facets):
            upper.set_visible(False)
            lower.set_visible(False)
            continue
        mine = [one for one in done if _facet(one, swept) == facets[n]]
        _lines(upper, mine, values, swept, look)
        if compared:
            _gains(lower, [pair for pair in compared if pair.one in mine], values, swept, look)
        upper.set_title(facets[n], loc="left")
        lower.set_xlabel(f"budget.{swept}")
        if n % across == 0:
            upper.set_ylabel("true accuracy, %")
            if compared:
                lower.set_ylabel(f"gain over {compared[0].other.summary.policy}, points")
    _legend(figure, axes[0][0], done)


def _facet(one: Searched, swept: str) -> str:
    others = (f"{key}={value}" for key, value in one.varied.items() if key != swept)
    return ", ".join([one.summary.world, *others])


def _lines(axis: Axes, mine: Sequence[Searched], values: list[Any], swept: str, look: _Look) -> None:
    for policy in dict.fromkeys(one.summary.policy for one in mine):
        points = [
            (one.varied[swept], one.summary.true_accuracy) for one in mine if one.summary.policy == policy
        ]
        _line(axis, points, values, policy, look)
    seeds = [one.summary.seed_accuracy.mean for one in mine]
    axis.axhline(100 * sum(seeds) / len(seeds), color="#999999", ls=(0, (2, 2)), lw=1)
    _categories(axis, values)


def _gains(axis: Axes, mine: Sequence[Pair], values: list[Any], swept: str, look: _Look) -> None:
    for policy in dict.fromkeys(pair.one.summary.policy for pair in mine):
        points = [(pair.one.varied[swept], pair.gain) for pair in mine if pair.one.summary.policy == policy]
        _line(axis, points, values, policy, look)
    axis.axhline(0, color="#555555", lw=1)
    _categories(axis, values)


def _line(axis: Axes, points: list[tuple[Any, Mean]], values: list[Any], policy: str, look: _Look) -> None:
    at = [values.index(value) + look.aside(policy, 0.3) for value, _ in points]
    axis.plot(at, [100 * mean.mean for _, mean in points], color=look.of(policy)["color"], lw=1, alpha=0.6)
    for place, (_, mean) in zip(at, points, strict=True):
        _point(axis, mean, place, look.of(policy), across=False)


def _point(axis: Axes, mean: Mean, place: float, style: dict[str, Any], *, across: bool) -> None:
    value, error = 100 * mean.mean, 100 * mean.half_width
    if across:
        axis.errorbar(value, place, xerr=error, **style)
    else:
        axis.errorbar(place, value, yerr=error, **style)


def _categories(axis: Axes, values: list[Any]) -> None:
    axis.set_xticks(range(len(values)), [str(value) for value in values])
    axis.set_xlim(-0.5, len(values) - 0.5)
    axis.tick_params(axis="x", length=0)
    axis.grid(axis="y")
    axis.set_axisbelow(True)


def _legend(figure: Figure, axis: Axes, done: Sequence[Searched]) -> None:
    handles, labels = axis.get_legend_handles_labels()
    first = dict(reversed(list(zip(labels, handles, strict=True))))
    order = [label for label in dict.fromkeys(one.summary.policy for one in done) if label in first]
    seeds = sorted({one.summary.seeds for one in done})
    figure.legend(
        [first[label] for label in order],
        order,
        loc="outside upper left",
        ncols=max(1, int(figure.get_figwidth() / (0.4 + 0.08 * max(map(len, order))))),
        frameon=False,
        handletextpad=0.2,
    )
    told = f"{seeds[0]} seeds" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    figure.supxlabel(f"{told}, 95 % intervals", fontsize=8, color="#777777", ha="right", x=0.99)
