"""`dgm simulate`: many searches in made-up worlds, told as a table or as one JSON document."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from dgm.config import Plain, build, compose_and_run
from dgm.errors import ConfigError
from dgm.simulate import Found, Setting, Simulation, Summary, compared, summary

Say = Callable[[str], None]

COLUMNS = (
    "true_accuracy",
    "seed_accuracy",
    "reachable",
    "agents",
    "evaluations",
    "depth",
    "makespan",
    "busy",
)
SHARES = ("true_accuracy", "seed_accuracy", "reachable")
"""Shares of tasks, told times 100."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One policy in one world under one budget: its summary, and every search behind it."""

    summary: Summary
    budget: Mapping[str, Any]
    found: tuple[Found, ...]


def simulate(arguments: Sequence[str], say: Say) -> int:
    """Compose every combination, search, and say what came of it. Raises ConfigError."""
    done: list[Compared] = []
    as_json = "--json" in arguments

    def one(config: Plain) -> int:
        done.append(searched(config))
        return 0

    given = [argument for argument in arguments if argument != "--json"]
    status = compose_and_run(given, one, command="simulate", name="simulate")
    if done:
        say(json.dumps(document(done)) if as_json else table(done))
    return status


def searched(config: Plain) -> Compared:
    """All searches of one combination, over as many processes as the configuration says."""
    seeds, processes = int(config["seeds"]), int(config["processes"])
    if seeds < 1:
        raise ConfigError(f"seeds must be at least 1, got {seeds}")
    if processes < 0:
        raise ConfigError(f"processes must not be negative, got {processes}")
    policy, world, setting = build(config, "policy"), build(config, "world"), build(config, "budget")
    if not isinstance(setting, Setting):
        raise ConfigError(f"budget must make a dgm.simulate.Setting, got {type(setting).__name__}")
    first = int(config["first_seed"])
    jobs = [(config, seed) for seed in range(first, first + seeds)]
    count = min(processes or len(os.sched_getaffinity(0)), seeds)
    if count == 1:
        found = tuple(_search(job) for job in jobs)
    else:
        with ProcessPoolExecutor(count) as pool:
            found = tuple(pool.map(_search, jobs, chunksize=max(1, seeds // (4 * count))))
    return Compared(
        summary=summary(policy.name, world.name, found), budget=dict(config["budget"]), found=found
    )


def _search(job: tuple[Plain, int]) -> Found:
    config, seed = job
    return Simulation(build(config, "policy"), build(config, "world"), seed, build(config, "budget")).run()


def document(done: Sequence[Compared]) -> dict[str, Any]:
    """Everything for programs: a result per combination, and paired differences between policies."""
    return {
        "results": [
            {
                "policy": one.summary.policy,
                "world": one.summary.world,
                "seeds": one.summary.seeds,
                "budget": {key: value for key, value in one.budget.items() if key != "_target_"},
                **{name: _told(one, name) for name in COLUMNS},
            }
            for one in done
        ],
        "paired": [
            {"world": one.summary.world, "policy": one.summary.policy, "against": other.summary.policy}
            | {"true_accuracy": asdict(compared(one.found, other.found))}
            for other, one in _pairs(done)
        ],
    }


def _told(one: Compared, name: str) -> dict[str, Any]:
    value = getattr(one.summary, name)
    return {"mean": value.mean, "interval": list(value.interval)}


def table(done: Sequence[Compared]) -> str:
    """The same for people: true accuracy times 100 with 95 % intervals, then paired differences."""
    lines = [f"{'world':6} {'policy':10} {'seeds':>5}  " + "  ".join(f"{name:>15}" for name in COLUMNS)]
    for one in done:
        cells = "  ".join(f"{_cell(one, name):>15}" for name in COLUMNS)
        lines.append(f"{one.summary.world:6} {one.summary.policy:10} {one.summary.seeds:>5}  {cells}")
    for other, one in _pairs(done):
        gain = compared(one.found, other.found)
        lines.append(
            f"{one.summary.world}: {one.summary.policy} - {other.summary.policy}"
            f" = {100 * gain.mean:+.1f} ± {100 * gain.half_width:.1f} of true accuracy, seed by seed"
        )
    return "\n".join(lines)


def _cell(one: Compared, name: str) -> str:
    value, scale = getattr(one.summary, name), 100 if name in SHARES else 1
    return f"{scale * value.mean:.1f} ± {scale * value.half_width:.1f}"


def _pairs(done: Sequence[Compared]) -> list[tuple[Compared, Compared]]:
    """Each later policy with the first of the same world, budget and number of seeds."""
    firsts: dict[tuple[str, str, int], Compared] = {}
    pairs = []
    for one in done:
        key = (one.summary.world, json.dumps(one.budget, sort_keys=True), one.summary.seeds)
        first = firsts.setdefault(key, one)
        if first is not one:
            pairs.append((first, one))
    return pairs
