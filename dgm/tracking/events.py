"""What trackers make of events; their programs share it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

MEASURED = (
    "evaluations",
    "expansions",
    "agents",
    "best_resolved",
    "best_evaluations",
    "running",
    "waiting",
    "cost_microusd",
)
"""Fields of a status that are curves."""

TOLD = ("id", "name", "policy", "llm", "made_up", "sandbox", "slots", "width")
"""Fields of a start that describe the run."""


def told() -> Iterator[Mapping[str, Any]]:
    """The events on standard input."""
    for line in sys.stdin:
        yield json.loads(line)


def options() -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def described(started: Mapping[str, Any]) -> dict[str, Any]:
    """What the run is, with its budget under dotted keys."""
    budget = {f"budget.{key}": value for key, value in started["budget"].items() if key != "rollout"}
    return {**{key: started[key] for key in TOLD}, **budget}


def measured(status: Mapping[str, Any]) -> dict[str, float]:
    """A status as numbers, results by outcome among them."""
    numbers = {key: status[key] for key in MEASURED if status[key] is not None}
    return {**numbers, **{f"results.{outcome}": n for outcome, n in status["results"].items()}}


def finals(ended: Mapping[str, Any]) -> dict[str, float]:
    """What the final test found, if the run finished."""
    test = (ended["best"] or {}).get("test", {})
    return {f"test.{who}": one["mean"] for who, one in test.items() if one["mean"] is not None}
