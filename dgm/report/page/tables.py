"""The tables of the page as columns: numbers that other modules have, agents, tasks and words by their number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from archive import DecisionKind, ExpansionOutcome, Outcome, RunReader
from archive.arrays import coded, integers
from dgm.columns import agents_of
from dgm.report.page.layout import tidy
from dgm.report.progression import progression
from dgm.report.standings import standings
from dgm.report.tasks import task_lines
from dgm.report.views import RunView

Columns = Mapping[str, Sequence[object]]

OUTCOMES = tuple(dict.fromkeys([*map(str, Outcome), *map(str, ExpansionOutcome)]))
"""Every outcome, by its number in the page."""

KINDS = tuple(map(str, DecisionKind))
FLIPS = ("pp", "pf", "fp", "ff")


def agents_table(view: RunView) -> Columns:
    """Every agent: its place in the tree, counts, beliefs, what its expansions came to, what was paid for it."""
    found, made = standings(view), agents_of(view.run)
    parents = made.parents.tolist()
    x, level = tidy(parents)
    operators, cost = _operators(view.run, made.ids), _paid(view.run, made.ids)
    flips = {row["child"]: row for row in view.run.flips().to_pylist()}
    rows = {agent.id: agent for agent in view.agents}
    place = {id: number for number, id in enumerate(made.ids)}
    return {
        "id": made.ids,
        "parent": parents,
        "context": [[place[other] for other in rows[id].context_parents] for id in made.ids],
        "seq": made.seq.tolist(),
        "x": x,
        "level": level,
        "depth": [one.depth for one in found],
        "resolved": [one.resolved for one in found],
        "evaluations": [one.evaluations for one in found],
        "mean": _short(one.mean for one in found),
        "low": _short(one.interval[0] for one in found),
        "high": _short(one.interval[1] for one in found),
        "clade_resolved": [one.clade_resolved for one in found],
        "clade_evaluations": [one.clade_evaluations for one in found],
        "cmp": _short(one.cmp for one in found),
        "cmp_low": _short(one.cmp_interval[0] for one in found),
        "cmp_high": _short(one.cmp_interval[1] for one in found),
        "failed": [{k: v for k, v in one.expansions.items() if k != "child"} for one in found],
        "won": [flips.get(id, {}).get("fp", 0) for id in made.ids],
        "lost": [flips.get(id, {}).get("pf", 0) for id in made.ids],
        "met": [flips.get(id, {}).get("tasks", 0) for id in made.ids],
        "operator": operators,
        "cost": cost,
        "patch_bytes": [one.patch_bytes for one in found],
        "patch_files": [rows[id].patch_files for id in made.ids],
    }


def tasks_table(view: RunView) -> Columns:
    """Every task: its split, how many of its evaluations were resolved."""
    lines = task_lines(view)
    return {
        "name": [line.task for line in lines],
        "split": [line.split.value for line in lines],
        "resolved": [line.resolved for line in lines],
        "evaluations": [line.evaluations for line in lines],
    }


def matrix_table(view: RunView) -> Columns:
    """Every agent and task that met; `flip` is the place in `FLIPS`, -1 where its parent did not meet the task."""
    data = view.run.matrix()
    flip = {None: -1} | {name: number for number, name in enumerate(FLIPS)}
    return {
        "agent": _places(data["agent"], _ids(view)),
        "task": _places(data["task"], _tasks(view)),
        "resolved": data["resolved"].to_pylist(),
        "evaluations": data["evaluations"].to_pylist(),
        "flip": [flip[value] for value in data["flip"].to_pylist()],
    }


def jobs_table(view: RunView, since: int = 0) -> Columns:
    """Every try of a job that ended at entry `since` or later, re-grades included, by entry: what it was about, how it
    ended, what it cost. `task` is -1 where an agent was expanded, `child` where no agent came of it."""
    ids, run = _ids(view), view.run
    names = ("seq", "decision", "attempt", "outcome", "cost_microusd", "calls")
    expansions = _since(run.columns("expansions", *names, "parent", "child", "seconds"), since)
    evaluations = _since(
        run.columns("evaluations", *names, "agent", "task", "repeat", "solve_s", "grade_s", "replaces"), since
    )
    nothing = [-1] * expansions.num_rows
    none = [-1] * evaluations.num_rows
    columns = {
        **{
            name: [*expansions[name].to_pylist(), *evaluations[name].to_pylist()]
            for name in ("seq", "decision", "attempt", "cost_microusd", "calls")
        },
        "agent": [*_places(expansions["parent"], ids), *_places(evaluations["agent"], ids)],
        "task": [*nothing, *_places(evaluations["task"], _tasks(view))],
        "child": [*_places(expansions["child"], ids), *none],
        "repeat": [*([0] * len(nothing)), *evaluations["repeat"].to_pylist()],
        "outcome": [*_places(expansions["outcome"], OUTCOMES), *_places(evaluations["outcome"], OUTCOMES)],
        "seconds": [
            *_short(expansions["seconds"].to_pylist()),
            *_short(_sums(evaluations, "solve_s", "grade_s")),
        ],
        "regrade": [
            *([0] * len(nothing)),
            *(int(value is not None) for value in evaluations["replaces"].to_pylist()),
        ],
    }
    order = np.argsort(np.array(columns["seq"], dtype=np.int64), kind="stable").tolist()
    return {name: [values[place] for place in order] for name, values in columns.items()}


def decisions_table(view: RunView, since: int = 0) -> Columns:
    """Every decision from entry `since` on: what was decided about whom. Its result is among the jobs."""
    data = _since(view.run.columns("decisions", "seq", "kind", "agent", "task", "policy"), since)
    policies, policy = coded(data["policy"])
    return {
        "seq": data["seq"].to_pylist(),
        "kind": _places(data["kind"], KINDS),
        "agent": _places(data["agent"], _ids(view)),
        "task": _places(data["task"], _tasks(view)),
        "policy": [policies[code] for code in policy.tolist()],
    }


def progress_table(view: RunView) -> Columns:
    """The moments of the search, see `dgm.report.progression`."""
    moments = [asdict(one) for one in progression(view)]
    names = ("evaluations", "seq", "agents", "best", "resolved", "cost_microusd")
    return {
        **{name: [one[name] for one in moments] for name in names},
        "mean": _short(one["mean"] for one in moments),
        "low": _short(one["interval"][0] for one in moments),
        "high": _short(one["interval"][1] for one in moments),
    }


def costs_table(view: RunView) -> Columns:
    """Calls, tokens, money by role and model."""
    data = view.run.costs()
    return {name: data[name].to_pylist() for name in data.column_names}


def time_table(view: RunView) -> Columns:
    """Every try of a job by when it began: its lane, and milliseconds since the first, which began at `origin`,
    milliseconds since 1970-01-01 UTC."""
    data = view.run.timeline()
    begun = data["started"].cast(pa.int64()).to_numpy() // 1000
    ended = data["finished"].cast(pa.int64()).to_numpy() // 1000
    origin = int(begun[0]) if len(begun) else 0
    return {
        "origin": [origin],
        "seq": data["seq"].to_pylist(),
        "lane": data["lane"].to_pylist(),
        "began": (begun - origin).tolist(),
        "took": (ended - begun).tolist(),
        "queued": np.rint(1000 * data["queued_s"].to_numpy()).astype(np.int64).tolist(),
        "running": data["running"].to_pylist(),
        "outcome": _places(data["outcome"], OUTCOMES),
    }


def _operators(run: RunReader, ids: Sequence[str]) -> list[str | None]:
    data = run.columns("expansions", "child", "operator")
    made = dict(zip(data["child"].to_pylist(), data["operator"].to_pylist(), strict=True))
    return [made.get(id) for id in ids]


def _paid(run: RunReader, ids: Sequence[str]) -> list[int]:
    """What making each agent and evaluating it came to, in micro-dollars."""
    paid = np.zeros(len(ids) + 1, dtype=np.int64)
    for table, column in (("expansions", "child"), ("evaluations", "agent")):
        data = run.columns(table, column, "cost_microusd")
        np.add.at(paid, np.array(_places(data[column], ids), dtype=np.int64), integers(data["cost_microusd"]))
    found: list[int] = paid[:-1].tolist()
    return found


def _ids(view: RunView) -> list[str]:
    return [agent.id for agent in view.agents]


def _tasks(view: RunView) -> list[str]:
    return [task for tasks in view.tasks.values() for task in tasks]


def _places(column: pa.ChunkedArray, names: Sequence[str]) -> list[int]:
    """Where each value of a column of text stands in `names`; -1 for one that does not, or null."""
    place = {name: number for number, name in enumerate(names)}
    if not pa.types.is_dictionary(column.type):
        return [place.get(value, -1) for value in column.to_pylist()]
    words, codes = coded(column)
    found: list[int] = np.array([*(place.get(word, -1) for word in words), -1])[codes].tolist()
    return found


def _since(data: pa.Table, since: int) -> pa.Table:
    """The rows of entry `since` and later; rows stand in the order of their entries."""
    return data.slice(int(np.searchsorted(integers(data["seq"]), since)))


def _sums(data: pa.Table, *names: str) -> NDArray[np.float64]:
    return np.sum([data[name].to_numpy() for name in names], axis=0) if data.num_rows else np.zeros(0)


def _short(values: Iterable[float]) -> list[float]:
    """Numbers with as many digits as anybody sees."""
    return [round(float(value), 4) for value in values]
