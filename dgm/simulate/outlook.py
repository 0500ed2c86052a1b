"""What a run tells of its world and of the next run, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from dgm.simulate.advice import Advice, Answer, Option, Tried
from dgm.simulate.fitting import BEFOREHAND, SETTLED, Estimate, Fit
from dgm.simulate.search import Found
from dgm.simulate.summary import Mean, mean
from dgm.simulate.thin import ThinLogs

MEANINGS: Mapping[str, str] = {
    "root": "share of the tasks that the seed resolves",
    "difficulty_sd": "spread of the tasks' difficulties, logits",
    "no_change": "expansions that changed nothing",
    "no_child": "expansions without a child, these among them",
    "broken": "broken children of the seed",
    "broken_per_level": "more of them with each level",
    "drift": "mean change of a child, logits",
    "sd": "their spread, logits",
    "drag_per_level": "changes are worse by, each level",
    "thin": "worse by, of a parent without results",
    "expansion_cost": "an expansion costs, in evaluations",
    "expansion_time": "an expansion takes, in evaluations",
    "spread": "spread of durations (sigma of ln)",
}
WEAK = 0.5
"""Less than this told by the run: what was held beforehand says more."""


def fit_lines(fit: Fit, name: str) -> list[str]:
    """The fitted world, and how weak the fit is."""
    lines = [
        f"World fitted to {name}: {fit.agents} agents, {fit.children} of them children, {fit.results} results on "
        f"{fit.tasks} tasks of the search split",
        f"  {'':<56} {'mean':>7}  {'95 % interval':<18} told by the run",
    ]
    for key, meaning in MEANINGS.items():
        found = fit.estimate(key)
        told = "" if found.told is None else f"{100 * found.told:.0f} %"
        span = f"[{found.low:.2f}, {found.high:.2f}]"
        lines.append(f"  {f'{key}: {meaning}':<56} {found.mean:>7.2f}  {span:<18} {told}")
    return [*lines, *_doubts(fit)]


def _doubts(fit: Fit) -> list[str]:
    weak = [key for key in BEFOREHAND if (fit.estimate(key).told or 0.0) < WEAK]
    lines = []
    if weak:
        lines.append(
            f"  weak: of {', '.join(weak)} this run tells less than half; the rest is what was assumed beforehand"
        )
    if fit.r_hat > SETTLED:
        lines.append(
            f"  not settled: chains of draws differ (R-hat {fit.r_hat:.2f}, at most {SETTLED} is well); intervals are "
            "too short"
        )
    if fit.cost_basis == "assumed":
        lines.append("  costs are assumed: the run measured neither money nor tokens nor time")
    else:
        lines.append(f"  costs are by {fit.cost_basis}")
    if not fit.timed:
        lines.append("  durations are assumed: the run measured none")
    return lines


def advice_lines(advice: Advice, cost: float, depth: int) -> list[str]:
    """What was tried, the answers, and what to expect; `depth` is how deep the run went that this comes from."""
    seeds = len(advice.chosen.found)
    rows = [
        [
            "policy",
            "floor",
            "workers",
            "confirm",
            "quality",
            "to in use",
            "agents",
            "depth",
            "paid",
            "makespan",
        ]
    ]
    rows += [_row(one, advice, cost) for one in advice.tried]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"Next run, {seeds} searches with each option in worlds drawn from these doubts; quality is true accuracy x "
        f"100 of the winner, paid counts an expansion as {cost:.1f}, makespan is in evaluations"
    ]
    lines += [
        "  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows
    ]
    lines += [_answer(one) for one in advice.answers]
    low, high = advice.range
    chosen, used = advice.chosen, advice.used
    lines += [
        f"Choice: {_named(chosen.option)}",
        f"  to expect, on fresh draws: {_points(chosen.quality)}; 95 % of runs end between {100 * low:.0f} and "
        f"{100 * high:.0f}; the seed: {_points(mean([one.seed_accuracy for one in chosen.found]))}",
    ]
    if chosen.option == used.option:
        lines.append("  that is what is in use: nothing else was better beyond noise")
    else:
        sure = "" if advice.gain.interval[0] > 0 else ": no difference beyond noise"
        lines.append(
            f"  against what is in use ({_named(used.option)}): {_difference(advice.gain)}{sure}; ends higher in "
            f"{100 * advice.better:.0f} of 100 pairs of runs"
        )
    deep = float(np.mean([one.depth for one in chosen.found]))
    if deep > depth:
        lines.append(
            f"  extrapolated: these searches go {deep:.0f} levels deep, the run went {depth}; a ceiling beyond would "
            "not be known, so take this for the most that may be hoped for"
        )
    return lines


def _row(one: Tried, advice: Advice, cost: float) -> list[str]:
    option, found = one.option, one.found

    def over(name: str) -> str:
        return f"{np.mean([getattr(each, name) for each in found]):.0f}"

    return [
        option.policy,
        "own" if option.floor is None else str(option.floor),
        str(option.workers),
        str(option.confirm),
        _points(one.quality),
        "in use" if one.option == advice.used.option else _difference(advice.against_used(one)),
        over("agents"),
        over("depth"),
        f"{paid(found, cost):.0f}",
        over("makespan"),
    ]


def paid(found: Sequence[Found], cost: float) -> float:
    """What a search costs on average, in evaluations."""
    return float(np.mean([one.evaluations + cost * one.expansions for one in found]))


def _answer(one: Answer) -> str:
    if one.taken == one.against:
        return f"{one.question}: {_named(one.taken)}"
    sure = "" if one.sure or one.gain.interval[1] < 0 else ", no difference beyond noise"
    return f"{one.question}: {_named(one.taken)}; {_difference(one.gain)} against {_named(one.against)}{sure}"


def _named(option: Option) -> str:
    floor = "" if option.floor is None else f" policy.floor={option.floor}"
    return f"policy={option.policy}{floor} workers.width={option.workers} budget.confirm={option.confirm}"


def _points(value: Mean) -> str:
    return f"{100 * value.mean:.1f} ± {100 * value.half_width:.1f}"


def _difference(value: Mean) -> str:
    return f"{100 * value.mean:+.1f} ± {100 * value.half_width:.1f}"


def world_line(world: Mapping[str, Any]) -> str:
    """The overrides that make a world of `dgm simulate` this one."""
    return " ".join(f"world.{key}={_plain(value)}" for key, value in world.items() if not key.startswith("_"))


def _plain(value: object) -> str:
    return "[" + ",".join(map(str, value)) + "]" if isinstance(value, list) else str(value)


def world_file(world: Mapping[str, Any], source: str) -> str:
    """The same as a file that `world=` takes."""
    lines = [
        f"# Fitted to {source} by `dgm simulate --from`.",
        "defaults:",
        "  - rasch_schema",
        "  - _self_",
        "",
    ]
    lines += [f"{key}: {_plain(value)}" for key, value in world.items() if not key.startswith("_")]
    return "\n".join(lines) + "\n"


def document(fit: Fit, thin: ThinLogs, advice: Advice, cost: float) -> dict[str, Any]:
    """Everything for programs."""
    return {
        "fit": {
            "agents": fit.agents,
            "children": fit.children,
            "results": fit.results,
            "tasks": fit.tasks,
            "depth": fit.depth,
            "r_hat": fit.r_hat,
            "costs_by": fit.cost_basis,
            "timed": fit.timed,
            "parameters": {key: asdict(fit.estimate(key)) for key in MEANINGS},
        },
        "thin_logs": {
            "children": thin.children,
            "missing": thin.missing,
            "effect": _estimate(thin.effect),
            "groups": [asdict(group) for group in thin.groups],
        },
        "tried": [
            {**_tried(one, cost), "to_in_use": _mean(advice.against_used(one))} for one in advice.tried
        ],
        "answers": [
            {
                "question": one.question,
                "taken": asdict(one.taken),
                "against": asdict(one.against),
                "gain": _mean(one.gain),
                "beyond_noise": one.sure,
            }
            for one in advice.answers
        ],
        "chosen": {**_tried(advice.chosen, cost), "range": list(advice.range)},
        "in_use": _tried(advice.used, cost),
        "gain": {**_mean(advice.gain), "ends_higher": advice.better},
    }


def _tried(one: Tried, cost: float) -> dict[str, Any]:
    return {
        **asdict(one.option),
        "searches": len(one.found),
        "true_accuracy": _mean(one.quality),
        "seed_accuracy": _mean(mean([each.seed_accuracy for each in one.found])),
        "paid": paid(one.found, cost),
        "agents": float(np.mean([each.agents for each in one.found])),
        "depth": float(np.mean([each.depth for each in one.found])),
        "makespan": float(np.mean([each.makespan for each in one.found])),
    }


def _mean(value: Mean) -> dict[str, Any]:
    return {"mean": value.mean, "interval": list(value.interval)}


def _estimate(value: Estimate) -> dict[str, Any]:
    return {"mean": value.mean, "low": value.low, "high": value.high}
