"""A comparison for people, as a Markdown table, and for programs, as one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dgm.report.compare import Comparison, Line, Pooled, Scores


def compared_text(found: Comparison) -> str:
    """A line per group: shares of test tasks in percent, differences in points, money and work of one run on
    average."""
    heads = [
        "group",
        "seeds",
        "winner on test, %",
        "seed agent, %",
        "gain",
        f"against {found.lines[0].name}",
        "paid, $",
        "calls",
        "evaluations",
    ]
    rows = [
        [
            line.name,
            str(len(line.best)),
            _percent(mean_score(line.best)),
            _percent(mean_score(line.seed)),
            pooled_text(line.gain),
            "" if line is found.lines[0] else pooled_text(line.against),
            f"{line.cost_microusd / 1e6:.3f}",
            f"{line.calls:.0f}",
            f"{line.evaluations:.0f}",
        ]
        for line in found.lines
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    ruled = [heads, ["-" * width for width in widths], *rows]
    table = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in ruled
    ]
    return "\n".join([*table, *([""] if found.notes else []), *found.notes])


def compared_data(found: Comparison) -> dict[str, Any]:
    return {
        "groups": [
            {
                "name": name,
                "runs": [
                    {
                        "run": one.name,
                        "seed": one.seed,
                        "ended": one.ended,
                        "winner": one.finals.best.agent,
                        "evaluations": one.searched,
                        "cost_microusd": one.costs.search.cost_microusd + one.costs.test.cost_microusd,
                    }
                    for one in runs
                ],
            }
            for name, runs in found.groups.items()
        ],
        "lines": [_line_data(line) for line in found.lines],
        "notes": list(found.notes),
    }


def _line_data(line: Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "seeds": sorted(line.best),
        "best": mean_score(line.best),
        "seed": mean_score(line.seed),
        "gain": None if line.gain is None else asdict(line.gain),
        "against": None if line.against is None else {**asdict(line.against), "seeds": line.paired},
        "cost_microusd": line.cost_microusd,
        "calls": line.calls,
        "evaluations": line.evaluations,
    }


def mean_score(runs: Mapping[int, Scores]) -> float | None:
    """The mean over runs of the share of tasks resolved; None without a run that was tested."""
    means = [sum(one.values()) / len(one) for one in runs.values() if one]
    return sum(means) / len(means) if means else None


def pooled_text(one: Pooled | None) -> str:
    """A difference in points with its interval."""
    return "-" if one is None else f"{100 * one.mean:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
