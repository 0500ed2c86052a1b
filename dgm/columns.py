"""The rows of a run as arrays of numbers: what `dgm.tree` needs to fold a whole run at once.

Agents are numbered in the order in which they were made, tasks by their place in the search split, -1 for any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from archive import AgentId, DecisionKind, ExpansionOutcome, Outcome, RunReader, Split, TaskId
from archive.arrays import chosen_rows, coded, integers

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


ANSWERED = (Outcome.RESOLVED, Outcome.UNRESOLVED)
"""Outcomes of an agent that left an answer."""


@dataclass(frozen=True, kw_only=True)
class Agents:
    """`parents` are indices, -1 for a seed, `seq` the entries that made them; shape (agents,)."""

    ids: list[AgentId]
    parents: Ints
    seq: Ints


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """By number of the entry, shape (entries,): `agent` and `task` are indices, -1 where an entry is no decision."""

    agent: Ints
    task: Ints
    expands: Flags
    searches: Flags


@dataclass(frozen=True, kw_only=True)
class Results:
    """Of each result in order: the entry, its decision, whom and what that was about (indices), whether it is a search
    evaluation, whether it is evidence, whether it was resolved and is a re-grade, and whether it is one that is
    remembered of the agent for good: its `improve` crashed, or it left an answer to a search task."""

    seq: Ints
    decision: Ints
    agent: Ints
    task: Ints
    searches: Flags
    counted: Flags
    resolved: Flags
    regrade: Flags
    remembered: Flags
    cost_microusd: int
    calls: int


def agents_of(run: RunReader) -> Agents:
    data = run.columns("agents", "id", "parent", "seq")
    ids = data["id"].to_pylist()
    return Agents(ids=ids, parents=_places(data["parent"], ids), seq=integers(data["seq"]))


def expansions_of(run: RunReader, agents: Agents) -> Results:
    data = run.columns("expansions", "seq", "decision", "parent", "outcome", "cost_microusd", "calls")
    nothing, none = np.full(data.num_rows, -1), np.zeros(data.num_rows, dtype=np.bool_)
    agent = _places(data["parent"], agents.ids)
    crashed = _is(data["outcome"], ExpansionOutcome.CRASHED)
    return _results(data, agent=agent, task=nothing, searches=none, regrade=none, remembered=crashed)


def evaluations_of(run: RunReader, agents: Agents, tasks: tuple[TaskId, ...]) -> Results:
    names = ("seq", "decision", "agent", "task", "outcome", "cost_microusd", "calls", "replaces")
    data = run.columns("evaluations", *names)
    task = _places(data["task"], tasks)  # a task is in one split only
    answered = _is(data["outcome"], *ANSWERED)
    return _results(
        data,
        agent=_places(data["agent"], agents.ids),
        task=task,
        searches=task >= 0,
        regrade=coded(data["replaces"])[1] >= 0,
        remembered=answered & (task >= 0),
    )


def graded_on(run: RunReader, tasks: Sequence[TaskId]) -> Iterator[tuple[int, AgentId, TaskId, int, str]]:
    """Decision, agent, task, repeat and outcome of each result on one of `tasks`, re-grades included, in order."""
    names = ("decision", "agent", "task", "repeat", "outcome")
    data = run.columns("evaluations", *names)
    chosen = chosen_rows(data, _places(data["task"], tasks) >= 0)
    return zip(*(chosen[name].to_pylist() for name in names), strict=True)


def outcomes_of(run: RunReader) -> Counter[str]:
    """How often each outcome came, of expansions and evaluations; re-grades are none."""
    evaluations = run.columns("evaluations", "outcome", "replaces")
    found: Counter[str] = Counter()
    graded = chosen_rows(evaluations, coded(evaluations["replaces"])[1] < 0)
    for data in (run.columns("expansions", "outcome"), graded):
        words, codes = coded(data["outcome"])
        found.update(dict(zip(words, np.bincount(codes, minlength=len(words)).tolist(), strict=True)))
    return found


def attempts_of(run: RunReader) -> Counter[tuple[AgentId, str]]:
    """How often each outcome came of expansions of each parent."""
    data = run.columns("expansions", "parent", "outcome")
    return Counter(zip(data["parent"].to_pylist(), data["outcome"].to_pylist(), strict=True))


def last_tries(run: RunReader, table: str, of: str, outcome: str, attempt: int) -> dict[str, list[str]]:
    """The reasons that the results of `table` with this outcome in this try give, by their column `of`, in order."""
    data = run.columns(table, of, "outcome", "attempt")
    if not (chosen := _is(data["outcome"], outcome) & (integers(data["attempt"]) == attempt)).any():
        return {}
    rows = chosen_rows(run.columns(table, of, "detail"), chosen)
    found: dict[str, list[str]] = {}
    for name, detail in zip(rows[of].to_pylist(), rows["detail"].to_pylist(), strict=True):
        found.setdefault(name, []).append(detail)
    return found


def grades_of(run: RunReader) -> Iterator[tuple[TaskId, AgentId, bool]]:
    """Task, agent and whether it was resolved of each counted evaluation, as its last grading says, in the order of
    the first gradings."""
    data = run.columns("evaluations", "decision", "task", "agent", "outcome")
    rows = chosen_rows(data, ~_is(data["outcome"], Outcome.VOID))
    last = dict(zip(rows["decision"].to_pylist(), range(rows.num_rows), strict=True))
    places = np.fromiter(last.values(), dtype=np.int64, count=len(last))
    resolved = _is(rows["outcome"], Outcome.RESOLVED)[places].tolist()
    (tasks, task), (agents, agent) = coded(rows["task"]), coded(rows["agent"])
    for t, a, success in zip(task[places].tolist(), agent[places].tolist(), resolved, strict=True):
        yield tasks[t], agents[a], success


def decided_last(run: RunReader, *splits: Split) -> list[int]:
    """The numbers of the decisions on these splits that no other decision came after."""
    data = run.columns("decisions", "seq", "split")
    others = np.flatnonzero(~_is(data["split"], *splits))
    first = int(others[-1]) + 1 if len(others) else 0
    last: list[int] = integers(data["seq"])[first:].tolist()
    return last


def searched_last(run: RunReader) -> list[int]:
    """The number of the last decision that was not for confirmation or final test; none before the first."""
    data = run.columns("decisions", "seq", "split")
    found = np.flatnonzero(~_is(data["split"], Split.CONFIRM, Split.TEST))
    last: list[int] = integers(data["seq"])[found[-1:]].tolist()
    return last


def sandboxes_of(run: RunReader, told: str) -> dict[str, set[str]]:
    """The sandbox levels that results came from, each with what its rows' digests say under `told`."""
    found: dict[str, set[str]] = {}
    for table in ("expansions", "evaluations"):
        for data in run.pieces(table, "sandbox", "digests"):
            said = pc.map_lookup(data["digests"], pa.scalar(told), "first")
            pairs = pa.table({"level": data["sandbox"].cast(pa.string()), "said": said})
            for pair in pairs.group_by(["level", "said"]).aggregate([]).to_pylist():
                if pair["level"]:
                    found.setdefault(pair["level"], set()).update(filter(None, [pair["said"]]))
    return dict(sorted(found.items()))


def was_regraded(run: RunReader) -> bool:
    """Whether any answer was graded again."""
    return bool((coded(run.columns("evaluations", "replaces")["replaces"])[1] >= 0).any())


def decisions_of(
    run: RunReader, agents: Agents, tasks: tuple[TaskId, ...], expansions: Results, evaluations: Results
) -> Decisions:
    """A result says what its decision was, so only the decisions without one are read."""
    count = run.next_seq
    agent, task = np.full(count, -1), np.full(count, -1)
    expands, searches = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    other = np.zeros(count, dtype=np.bool_)
    other[agents.seq] = True
    other[integers(run.columns("changes", "seq")["seq"])] = True
    for results in (expansions, evaluations):
        other[results.seq] = True
        agent[results.decision] = results.agent
        task[results.decision] = results.task
        searches[results.decision] = results.searches
    expands[expansions.decision] = True
    left = np.flatnonzero(~other & (agent < 0))
    unanswered = run.decisions_at(left.tolist())
    index, place = {id: i for i, id in enumerate(agents.ids)}, {id: i for i, id in enumerate(tasks)}
    for row in unanswered:
        agent[row.seq] = index[row.agent]
        task[row.seq] = -1 if row.task is None else place.get(row.task, -1)
        expands[row.seq] = row.kind is DecisionKind.EXPAND
        searches[row.seq] = row.split is Split.SEARCH
    return Decisions(agent=agent, task=task, expands=expands, searches=searches)


def _results(
    data: pa.Table, *, agent: Ints, task: Ints, searches: Flags, regrade: Flags, remembered: Flags
) -> Results:
    return Results(
        seq=integers(data["seq"]),
        decision=integers(data["decision"]),
        agent=agent,
        task=task,
        searches=searches,
        counted=~_is(data["outcome"], Outcome.VOID),
        resolved=_is(data["outcome"], Outcome.RESOLVED),
        regrade=regrade,
        remembered=remembered,
        cost_microusd=int(integers(data["cost_microusd"])[~regrade].sum()),
        calls=int(integers(data["calls"])[~regrade].sum()),
    )


def _is(column: pa.ChunkedArray, *wanted: str) -> Flags:
    """Where a dictionary-encoded column is one of these words; nulls are not."""
    words, codes = coded(column)
    return np.array([*(word in wanted for word in words), False])[codes]


def _places(column: pa.ChunkedArray, names: Sequence[str]) -> Ints:
    """Where each value of a dictionary-encoded column stands in `names`; -1 for one that does not, or null."""
    place = {name: i for i, name in enumerate(names)}
    words, codes = coded(column)
    return np.array([*(place.get(word, -1) for word in words), -1], dtype=np.int64)[codes]
