"""The rows of a run as arrays of numbers: what `dgm.tree` needs to fold a whole run at once.

Agents are numbered in the order in which they were made, tasks by their place in the search split, -1 for any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from archive import AgentId, DecisionKind, Outcome, RunReader, Split, TaskId

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Agents:
    """`parents` are indices, -1 for a seed; shape (agents,)."""

    ids: list[AgentId]
    parents: Ints


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """By number of the entry, shape (entries,): `agent` and `task` are indices, -1 where an entry is no decision."""

    agent: Ints
    task: Ints
    expands: Flags
    searches: Flags


@dataclass(frozen=True, kw_only=True)
class Results:
    """Of each result in order: its decision, whether it is evidence, whether it was resolved and is a re-grade."""

    decision: Ints
    counted: Flags
    resolved: Flags
    regrade: Flags
    cost_microusd: int
    calls: int


def agents_of(run: RunReader) -> Agents:
    data = run.columns("agents", "id", "parent")
    ids = data["id"].combine_chunks()
    return Agents(ids=ids.to_pylist(), parents=_places(data["parent"], ids))


def decisions_of(run: RunReader, agents: Agents, tasks: tuple[TaskId, ...]) -> Decisions:
    data = run.columns("decisions", "seq", "kind", "agent", "task", "split")
    seq = _ints(data["seq"])
    agent, task = np.full(run.next_seq, -1), np.full(run.next_seq, -1)
    expands, searches = np.zeros(run.next_seq, dtype=np.bool_), np.zeros(run.next_seq, dtype=np.bool_)
    agent[seq] = _places(data["agent"], pa.array(agents.ids, pa.string()))
    task[seq] = _places(data["task"], pa.array(tasks, pa.string()))
    expands[seq] = _is(data["kind"], DecisionKind.EXPAND)
    searches[seq] = _is(data["split"], Split.SEARCH)
    return Decisions(agent=agent, task=task, expands=expands, searches=searches)


def expansions_of(run: RunReader) -> Results:
    return _results(run.columns("expansions", "decision", "outcome", "cost_microusd", "calls"), None)


def evaluations_of(run: RunReader) -> Results:
    data = run.columns("evaluations", "decision", "outcome", "cost_microusd", "calls", "replaces")
    return _results(data, data["replaces"])


def _results(data: pa.Table, replaces: pa.ChunkedArray | None) -> Results:
    count = data.num_rows
    regrade = np.zeros(count, dtype=np.bool_) if replaces is None else _flags(replaces.is_valid())
    return Results(
        decision=_ints(data["decision"]),
        counted=~_is(data["outcome"], Outcome.VOID),
        resolved=_is(data["outcome"], Outcome.RESOLVED),
        regrade=regrade,
        cost_microusd=int(_ints(data["cost_microusd"])[~regrade].sum()),
        calls=int(_ints(data["calls"])[~regrade].sum()),
    )


def _ints(column: pa.ChunkedArray) -> Ints:
    values: Ints = column.to_numpy()
    return values


def _flags(column: pa.ChunkedArray) -> Flags:
    values: Flags = column.to_numpy()
    return values


def _is(column: pa.ChunkedArray, word: str) -> Flags:
    """Where a dictionary-encoded column is `word`; nulls are not."""
    if not len(column):
        return np.zeros(0, dtype=np.bool_)
    whole = column.combine_chunks()
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    vocabulary = whole.dictionary.to_pylist()
    found: Flags = codes == (vocabulary.index(word) if word in vocabulary else len(vocabulary))
    return found


def _places(column: pa.ChunkedArray, names: pa.Array) -> Ints:
    """Where each value stands in `names`; -1 for one that does not, or null."""
    found = pc.index_in(column, value_set=names, skip_nulls=True)
    return np.asarray(found.fill_null(-1).to_numpy(), dtype=np.int64)
