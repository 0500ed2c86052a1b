"""When the jobs of a run ran: a row per try, from what results say of their beginning and of how long they took."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .answers import answer
from .arrays import integers
from .records import DecisionKind
from .schema import TEXT

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
    first = evaluations.filter(pc.is_null(evaluations["replaces"]))
    jobs = pa.concat_tables(
        [
            _jobs(expansions, DecisionKind.EXPAND, "parent", "seconds"),
            _jobs(first, DecisionKind.EVALUATE, "agent", "solve_s", "grade_s"),
        ]
    ).combine_chunks()  # taking rows out of many chunks is slow
    jobs = jobs.sort_by([("started", "ascending"), ("seq", "ascending")])
    begun, ended, seq = integers(jobs["started"]), integers(jobs["finished"]), integers(jobs["seq"])
    return answer(
        "timeline",
        **{name: jobs[name] for name in jobs.column_names},
        lane=_lanes(begun, ended),
        running=_running(begun, ended),
        in_flight=_in_flight(integers(decisions["seq"]), integers(jobs["decision"]), seq),
    )


def _jobs(results: pa.Table, kind: DecisionKind, agent: str, *spent: str) -> pa.Table:
    begun = integers(results["started"].cast(pa.int64()))
    took = results["queued_s"].to_numpy() + np.sum([results[name].to_numpy() for name in spent], axis=0)
    nothing = pa.nulls(len(results), TEXT)
    return pa.table(
        {
            **{name: results[name] for name in ("id", "seq", "decision", "attempt", "queued_s")},
            "kind": pa.repeat(kind.value, len(results)),
            "agent": results[agent].cast(TEXT),
            "task": results["task"].cast(TEXT) if "task" in results.column_names else nothing,
            "outcome": results["outcome"].cast(TEXT),
            "started": begun,
            "finished": begun + np.rint(1e6 * took).astype(np.int64),
        }
    )


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
