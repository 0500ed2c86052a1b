"""Everything that a run recorded of one thing, as plain JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum

from archive import Evaluation, Expansion, GitStore, Row
from dgm.errors import LookUpError
from dgm.report.views import RunView
from dgm.results import latest


def show_data(view: RunView, what: str) -> dict[str, object]:
    """A decision or another entry by its number, or an agent, evaluation or expansion by the beginning of its id."""
    if what.isascii() and what.isdecimal() and len(what) < 10:
        number = int(what)
        rows = [row for row in view.rows_at([number, *_answers(view, number)]) if _is_about(row, number)]
        if not rows:
            raise LookUpError(f"this run has no entry {what}")
        return view.headed(entry=number, rows=[row_data(row) for row in rows])
    jobs = [seq for seq, id in _results(view, "id") if what and str(id).startswith(what)]
    if len(jobs) == 1:
        (job,) = (row for row in view.rows_at(jobs) if isinstance(row, Expansion | Evaluation))
        return view.headed(**row_data(job), **_grades(view, job))
    if len(jobs) > 1 and not any(agent.id.startswith(what) for agent in view.agents):
        raise LookUpError(f"{len(jobs)} results of this run begin with {what!r}; give more of the id")
    agent = view.agent(what)
    made = next((row for row in view.rows_at([agent.seq]) if isinstance(row, Expansion)), None)
    return view.headed(
        **row_data(agent),
        made_by=None if made is None else row_data(made),
        decision=None if made is None else row_data(view.run.decisions_at([made.decision])[0]),
        children=[child.id for child in view.agents if child.parent == agent.id],
        counts=asdict(view.tree().counts(agent.id)),
        evaluations=[
            {
                "id": row.id,
                "task": row.task,
                "split": row.split.value,
                "outcome": row.outcome.value,
                "detail": row.detail,
                "replaces": row.replaces,
            }
            for row in latest(view.run.evaluations_of(agent.id))
        ],
    )


def _is_about(row: Row, number: int) -> bool:
    return number in (row.seq, getattr(row, "decision", None))


def _answers(view: RunView, decision: int) -> list[int]:
    """The entries of all results of a decision, re-grades too."""
    return [seq for seq, of in _results(view, "decision") if of == decision]


def _results(view: RunView, column: str) -> Iterator[tuple[int, object]]:
    """Of each result its entry and one column."""
    for table in ("expansions", "evaluations"):
        for piece in view.run.pieces(table, "seq", column):
            yield from zip(piece["seq"].to_pylist(), piece[column].to_pylist(), strict=True)


def _grades(view: RunView, row: Expansion | Evaluation) -> dict[str, object]:
    """Every grade of an answer that was graded more than once, in their order; the last counts."""
    if isinstance(row, Expansion):
        return {}
    entries = view.rows_at(_answers(view, row.decision))
    results = [other for other in entries if isinstance(other, Evaluation)]
    if not any(other.replaces for other in results):
        return {}
    return {
        "grades": [
            {
                "id": other.id,
                "seq": other.seq,
                "outcome": other.outcome.value,
                "detail": other.detail,
                "tier": other.tier,
                "sandbox": other.sandbox,
                "replaces": other.replaces,
            }
            for other in results
            if other.outcome.counted
        ]
    }


def diff_data(view: RunView, code: GitStore, to: str, start: str | None) -> dict[str, object]:
    """The patch that leads to agent `to` from agent `start`, by default its parent.

    A seed has no parent; if it is the best-belief agent that was asked for, nothing has changed since.
    """
    agent = view.agent(to)
    before = agent.parent if start is None else view.agent(start).id
    if before is None and to == "best":
        before = agent.id
    if before is None:
        raise LookUpError(
            f"{agent.id[:10]} is the seed and has no parent: name another agent to compare with"
        )
    return view.headed(**{"from": before, "to": agent.id, "patch": code.patch(before, agent.id)})


def row_data(row: Row) -> dict[str, object]:
    """A row as plain JSON values, with its kind first."""
    return {"row": type(row).__name__.lower(), **{key: _plain(value) for key, value in asdict(row).items()}}


def _plain(value: object) -> object:
    match value:
        case StrEnum():
            return value.value
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case tuple() | list():
            return [_plain(inner) for inner in value]
        case _:
            return value
