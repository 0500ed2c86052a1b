"""Rows of the archive as events."""

from __future__ import annotations

import json
from collections.abc import Mapping

from archive import Agent, Change, Decision, Evaluation, Expansion, Row

Event = Mapping[str, object]


def row_event(row: Row) -> Event | None:
    """What a row says, with its kind under `event`; None for model calls, which come with their result."""
    match row:
        case Decision():
            return {
                "event": "decision",
                "seq": row.seq,
                "kind": row.kind.value,
                "agent": row.agent,
                "task": row.task,
                "split": None if row.split is None else row.split.value,
                "repeat": row.repeat,
            }
        case Agent():
            return {
                "event": "agent",
                "seq": row.seq,
                "agent": row.id,
                "parent": row.parent,
                "depth": row.depth,
            }
        case Expansion():
            own = {"kind": "expand", "agent": row.parent, "child": row.child, "seconds": row.seconds}
            return {**_result(row), **own}
        case Evaluation():
            return {
                **_result(row),
                "kind": "evaluate",
                "agent": row.agent,
                "task": row.task,
                "split": row.split.value,
                "score": row.score,
                "replaces": row.replaces,
                "seconds": row.solve_s + row.grade_s,
            }
        case Change():
            return {
                "event": "change",
                "seq": row.seq,
                "kind": row.kind,
                "before": _parsed(row.before),
                "after": _parsed(row.after),
            }
        case _:
            return None


def _result(row: Expansion | Evaluation) -> Event:
    return {
        "event": "result",
        "seq": row.seq,
        "decision": row.decision,
        "attempt": row.attempt,
        "outcome": row.outcome.value,
        "detail": row.detail,
        "flags": list(row.flags),
        "calls": row.usage.calls,
        "cost_microusd": row.usage.cost_microusd,
        "queued_s": row.queued_s,
    }


def _parsed(text: str) -> object:
    """JSON where a change has some; a text of another kind as it is, nothing as null."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
