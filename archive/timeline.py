"""When the jobs of a run ran: a row per try, from what results say of their beginning and of how long they took."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .answers import answer
from .records import DecisionKind

Ints = NDArray[np.int64]

EXPANSION = ("id", "seq", "decision", "attempt", "parent", "outcome", "started", "queued_s", "seconds")
EVALUATION = (
    *(
        "id",
        "seq",
        "decision",
        "attempt",
        "agent",
        "task",
        "outcome",
        "started",
        "queued_s",
        "solve_s",
        "grade_s",
    ),
    "replaces",
)
"""The columns that `timeline` needs."""


def timeline(decisions: pa.Table, expansions: pa.Table, evaluations: pa.Table) -> pa.Table:
    """One row per try of a job, voids too, in the order in which they began. Re-grades are none."""
    jobs = [*_jobs(expansions, DecisionKind.EXPAND), *_jobs(evaluations, DecisionKind.EVALUATE)]
    jobs.sort(key=lambda job: (job["started"], job["seq"]))
    begun = np.array([job["started"] for job in jobs], dtype=np.int64)
    ended = np.array([job["finished"] for job in jobs], dtype=np.int64)
    seq = np.array([job["seq"] for job in jobs], dtype=np.int64)
    decided = decisions["seq"].to_numpy().astype(np.int64)
    same = ("id", "seq", "decision", "attempt", "kind", "agent", "task", "outcome", "queued_s")
    return answer(
        "timeline",
        **{name: [job[name] for job in jobs] for name in same},
        lane=_lanes(begun, ended),
        started=begun,
        finished=ended,
        running=_running(begun, ended),
        in_flight=_in_flight(decided, np.array([job["decision"] for job in jobs], dtype=np.int64), seq),
    )


def _jobs(results: pa.Table, kind: DecisionKind) -> list[dict[str, Any]]:
    agent, spent = (
        ("parent", ("seconds",)) if kind is DecisionKind.EXPAND else ("agent", ("solve_s", "grade_s"))
    )
    found = []
    for row in results.set_column(
        results.column_names.index("started"), "started", results["started"].cast(pa.int64())
    ).to_pylist():
        if row.get("replaces") is None:
            took = row["queued_s"] + sum(row[name] for name in spent)
            finished = row["started"] + round(1e6 * took)
            found.append({"task": None, **row, "kind": kind.value, "agent": row[agent], "finished": finished})
    return found


def _lanes(begun: Ints, ended: Ints) -> Sequence[int]:
    """For jobs in the order in which they began, the lowest lane that is free."""
    lanes: list[int] = []
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    for start, end in zip(begun.tolist(), ended.tolist(), strict=True):
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (end, lane))
        lanes.append(lane)
    return lanes


def _running(begun: Ints, ended: Ints) -> Ints:
    """Jobs that had begun and not ended when each began, itself included even if it took no time."""
    gone = np.searchsorted(np.sort(ended), begun, side="right")
    running: Ints = np.searchsorted(begun, begun, side="right") - gone + (ended == begun)
    return running


def _in_flight(decided: Ints, decision: Ints, seq: Ints) -> Ints:
    """Decisions made before each entry `seq` and whose last result is not before it."""
    last: dict[int, int] = {}
    for made, result in zip(decision.tolist(), seq.tolist(), strict=True):
        last[made] = max(last.get(made, -1), result)
    closed = np.sort(np.array(list(last.values()), dtype=np.int64))
    open_: Ints = np.searchsorted(np.sort(decided), seq) - np.searchsorted(closed, seq)
    return open_
