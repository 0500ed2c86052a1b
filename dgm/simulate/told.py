"""What many simulated searches came to, for people and for programs: every combination of the configuration by the
keys in which it differs from the others, and policies compared seed by seed where all else is the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dgm.simulate.search import Found
from dgm.simulate.summary import Mean, Summary, compared, summary

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

Config = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One combination that is to be searched, and what its policy and its world call themselves."""

    config: Config
    policy: str
    world: str


@dataclass(frozen=True, kw_only=True)
class Searched:
    """One combination and every search of it. `summary` names policy and world, with what tells them from others of
    the same name; `varied` are the values of the budget that differ between combinations."""

    config: Config
    summary: Summary
    varied: Mapping[str, Any]
    found: tuple[Found, ...]

    @property
    def place(self) -> str:
        """Where and for how much it searched: the same for two combinations exactly when they may be compared."""
        rest = {key: value for key, value in self.config.items() if key not in ("policy", "processes")}
        return json.dumps(rest, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """By how much `one` is truly more accurate than `other`, the first policy of the same world and budget."""

    one: Searched
    other: Searched
    gain: Mean


def searched(planned: Sequence[Planned], found: Sequence[tuple[Found, ...]]) -> list[Searched]:
    """Each combination with the names that tell it from the others."""
    policies = _labels([one.policy for one in planned], [one.config["policy"] for one in planned])
    worlds = _labels([one.world for one in planned], [one.config["world"] for one in planned])
    budgets = [one.config["budget"] for one in planned]
    varied = _varied(budgets)
    return [
        Searched(
            config=one.config,
            summary=summary(policy, world, mine),
            varied={key: budget[key] for key in varied},
            found=mine,
        )
        for one, policy, world, budget, mine in zip(planned, policies, worlds, budgets, found, strict=True)
    ]


def _labels(names: Sequence[str], values: Sequence[Config]) -> list[str]:
    """Each name, with the keys in which those of one name differ."""
    keys = {
        name: _varied([value for value, other in zip(values, names, strict=True) if other == name])
        for name in names
    }
    return [
        " ".join([name, *(f"{key}={value.get(key)}" for key in keys[name])])
        for name, value in zip(names, values, strict=True)
    ]


def _varied(values: Sequence[Config]) -> list[str]:
    """Keys whose values are not the same everywhere."""
    keys = dict.fromkeys(key for value in values for key in value)
    return [key for key in keys if any(value.get(key) != values[0].get(key) for value in values)]


def pairs(done: Iterable[Searched]) -> list[Pair]:
    """Each later policy with the first where all but the policy is the same."""
    firsts: dict[str, Searched] = {}
    found = []
    for one in done:
        first = firsts.setdefault(one.place, one)
        if first is not one:
            found.append(Pair(one=one, other=first, gain=compared(one.found, first.found)))
    return found


def document(done: Sequence[Searched]) -> dict[str, Any]:
    """Everything for programs: a result per combination, and paired differences between policies."""
    return {
        "results": [
            {
                "policy": one.summary.policy,
                "world": one.summary.world,
                "seeds": one.summary.seeds,
                "budget": {key: value for key, value in one.config["budget"].items() if key != "_target_"},
                **{name: _told(getattr(one.summary, name)) for name in COLUMNS},
            }
            for one in done
        ],
        "paired": [
            {
                "world": pair.one.summary.world,
                "policy": pair.one.summary.policy,
                "against": pair.other.summary.policy,
                "budget": dict(pair.one.varied),
                "true_accuracy": asdict(pair.gain) | _told(pair.gain),
            }
            for pair in pairs(done)
        ],
    }


def _told(value: Mean) -> dict[str, Any]:
    return {"mean": value.mean, "interval": list(value.interval)}


def table(done: Sequence[Searched]) -> str:
    """The same for people: true accuracy times 100 with 95 % intervals, then paired differences."""
    varied = list(done[0].varied)
    places = list(dict.fromkeys(one.place for one in done))
    done = sorted(done, key=lambda one: places.index(one.place))
    rows = [["world", *varied, "policy", "seeds", *COLUMNS]]
    rows += [
        [
            one.summary.world,
            *(str(one.varied[key]) for key in varied),
            one.summary.policy,
            str(one.summary.seeds),
            *(_cell(one, name) for name in COLUMNS),
        ]
        for one in done
    ]
    return "\n".join([*_aligned(rows, left=1 + len(varied) + 1), *map(_difference, pairs(done))])


def _cell(one: Searched, name: str) -> str:
    value, scale = getattr(one.summary, name), 100 if name in SHARES else 1
    return f"{scale * value.mean:.1f} ± {scale * value.half_width:.1f}"


def _aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:<{width}}" if place < left else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _difference(pair: Pair) -> str:
    where = " ".join([pair.one.summary.world, *(f"{key}={value}" for key, value in pair.one.varied.items())])
    return (
        f"{where}: {pair.one.summary.policy} - {pair.other.summary.policy}"
        f" = {100 * pair.gain.mean:+.1f} ± {100 * pair.gain.half_width:.1f} of true accuracy, seed by seed"
    )
