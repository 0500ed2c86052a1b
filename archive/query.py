"""What people ask of the tables of a run first: pure functions of Arrow tables that give Arrow tables.

Evidence is what `fold_regrades` leaves: voids never count, and of an evaluation and its re-grades the last one does.
The columns of each answer, with their units, stand in `archive.answers.ANSWERS`. Text may come as dictionaries or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import betaincinv

from .answers import answer
from .lineage import Lineage
from .records import Agent, AgentId, Outcome, Split

Ints = NDArray[np.int64]

COUNTED = ("seq", "decision", "agent", "task", "split", "outcome")
"""The columns of evaluations that are needed."""

_SUMS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_microusd", "latency_s")

_FLIPS = ("pp", "pf", "fp", "ff")
"""Whether the parent and the agent pass a task: an agent passes it if it resolved more than half of its counted
evaluations on it."""

COSTS = ("role", "model", "journal", "estimated", *_SUMS)
"""The columns of calls that `costs` needs."""


GAINS = ("seq", "parent", "child", "operator", "outcome", "cost_microusd")
"""The columns of expansions that `gains` needs."""


def fold_regrades(evaluations: pa.Table) -> pa.Table:
    """Drop voids, and of an evaluation and its re-grades, which share their decision, keep the last."""
    counted = evaluations.filter(pc.not_equal(_text(evaluations, "outcome"), Outcome.VOID.value))
    places = pa.table(
        {"decision": counted["decision"], "place": pa.array(range(counted.num_rows), pa.int64())}
    )
    last = places.group_by("decision").aggregate([("place", "max")])["place_max"]
    return counted.take(pa.array(sorted(last.to_pylist()), pa.int64()))


def leaderboard(lineage: Lineage, evaluations: pa.Table, *, split: Split, mass: float) -> pa.Table:
    """One row per agent, best mean first, with a central interval that holds `mass`; `evaluations` are counted ones."""
    if not 0.0 < mass < 1.0:
        raise ValueError(f"mass must lie between 0 and 1, got {mass}")
    won, lost = _counts(evaluations, split)
    agents = sorted(lineage, key=lambda a: (-(1 + won[a.id]) / (2 + won[a.id] + lost[a.id]), a.seq))
    a = np.array([1.0 + won[agent.id] for agent in agents])
    b = np.array([1.0 + lost[agent.id] for agent in agents])
    tail = (1.0 - mass) / 2
    return answer(
        "leaderboard",
        agent=[agent.id for agent in agents],
        parent=[agent.parent for agent in agents],
        depth=[agent.depth for agent in agents],
        children=[len(lineage.children(agent.id)) for agent in agents],
        resolved=[won[agent.id] for agent in agents],
        unresolved=[lost[agent.id] for agent in agents],
        mean=a / (a + b),
        low=betaincinv(a, b, tail),
        high=betaincinv(a, b, 1 - tail),
    )


def matrix(lineage: Lineage, evaluations: pa.Table) -> pa.Table:
    """One row per agent and task that met, agents in the order in which they were made; `evaluations` are counted."""
    cells = _cells(lineage, evaluations)
    against = _against_parents(cells, _parents(_in_order(lineage)))
    return answer(
        "matrix",
        **{name: cells[name] for name in ("agent", "task", "split", "resolved", "evaluations")},
        flip=[None if found < 0 else _FLIPS[found] for found in against.tolist()],
    )


def flips(lineage: Lineage, evaluations: pa.Table, *, split: Split) -> pa.Table:
    """One row per child, in the order in which they were made: what became of each task that it and its parent both
    met."""
    agents = _in_order(lineage)
    parents = _parents(agents)
    cells = _cells(lineage, evaluations.filter(pc.equal(_text(evaluations, "split"), split.value)))
    against = _against_parents(cells, parents)
    found = np.zeros((len(agents), len(_FLIPS)), dtype=np.int64)
    np.add.at(found, (cells["place"].to_numpy()[against >= 0], against[against >= 0]), 1)
    edges = np.flatnonzero(parents >= 0)
    return answer(
        "flips",
        parent=[agents[parents[edge]].id for edge in edges],
        child=[agents[edge].id for edge in edges],
        tasks=found[edges].sum(axis=1),
        **{name: found[edges, column] for column, name in enumerate(_FLIPS)},
    )


def ancestry(lineage: Lineage, expansions: pa.Table, evaluations: pa.Table, agent: AgentId) -> pa.Table:
    """The line of `agent`, its seed first: how each was made, and counts of `evaluations` (counted) on search."""
    line = [lineage.agent(one) for one in (*reversed(lineage.ancestors(agent)), agent)]
    made = expansions.filter(
        pc.is_in(_text(expansions, "child"), pa.array([one.id for one in line], pa.string()))
    )
    by_child: dict[str, dict[str, Any]] = {row["child"]: row for row in made.to_pylist()}
    steps = [by_child.get(one.id, {}) for one in line]
    won, lost = _counts(evaluations, Split.SEARCH)
    return answer(
        "ancestry",
        agent=[one.id for one in line],
        parent=[one.parent for one in line],
        depth=[one.depth for one in line],
        seq=[one.seq for one in line],
        operator=[step.get("operator") for step in steps],
        context_parents=[list(one.context_parents) for one in line],
        patch_bytes=[one.patch_bytes for one in line],
        patch_files=[one.patch_files for one in line],
        cost_microusd=[step.get("cost_microusd") for step in steps],
        resolved=[won[one.id] for one in line],
        unresolved=[lost[one.id] for one in line],
    )


def clades(lineage: Lineage, evaluations: pa.Table, *, split: Split, mass: float) -> pa.Table:
    """One row per agent in the order in which they were made: its clade, itself included, with the belief that pools
    the clade's counts on `split` (clade-metaproductivity); `evaluations` are counted ones."""
    agents = _in_order(lineage)
    place = {agent.id: number for number, agent in enumerate(agents)}
    counts = _counts(evaluations, split)
    sums = np.array([[1, *(found[agent.id] for found in counts)] for agent in agents], dtype=np.int64)
    sums = sums.reshape(-1, 3)
    for child in range(len(agents) - 1, -1, -1):  # a child comes after its parent
        parent = agents[child].parent
        if parent is not None:
            sums[place[parent]] += sums[child]
    size, won, lost = sums.T
    a, b, tail = 1.0 + won, 1.0 + lost, (1.0 - mass) / 2
    return answer(
        "clades",
        agent=[agent.id for agent in agents],
        parent=[agent.parent for agent in agents],
        depth=[agent.depth for agent in agents],
        agents=size,
        resolved=won,
        unresolved=lost,
        mean=a / (a + b),
        low=betaincinv(a, b, tail),
        high=betaincinv(a, b, 1 - tail),
    )


def gains(expansions: pa.Table, evaluations: pa.Table, *, split: Split) -> pa.Table:
    """One row per try of an expansion, void ones too: what it cost, and how much better its child is than the parent by
    the means of their beliefs on `split`; `evaluations` are counted ones."""
    won, lost = _counts(evaluations, split)

    def mean(agent: AgentId | None) -> float | None:
        return None if agent is None else (1 + won[agent]) / (2 + won[agent] + lost[agent])

    rows = {name: _plain(expansions, name) for name in GAINS}
    before, after = map(mean, rows["parent"]), list(map(mean, rows["child"]))
    gained = [
        None if one is None or other is None else other - one
        for one, other in zip(before, after, strict=True)
    ]
    return answer("gains", **rows, mean=after, gain=gained)


def costs(calls: pa.Table) -> pa.Table:
    """One row per role and model, dearest first: what all recorded calls came to, those of void tries too."""
    data = pa.table(
        {
            "role": _text(calls, "role"),
            "model": _text(calls, "model"),
            **{name: calls[name].cast(pa.int64()) for name in ("journal", "estimated")},
            **{name: calls[name] for name in _SUMS},
        }
    )
    totals = ("journal", "estimated", *_SUMS)
    found = data.group_by(["role", "model"], use_threads=False).aggregate(
        [("role", "count"), *((name, "sum") for name in totals)]
    )
    rows = sorted(found.to_pylist(), key=lambda row: (-row["cost_microusd_sum"], row["role"], row["model"]))
    return answer(
        "costs",
        role=[row["role"] for row in rows],
        model=[row["model"] for row in rows],
        calls=[row["role_count"] for row in rows],
        **{name: [row[f"{name}_sum"] for row in rows] for name in totals},
    )


def _counts(evaluations: pa.Table, split: Split) -> tuple[Counter[AgentId], Counter[AgentId]]:
    """Of each agent, how many evaluations on `split` were resolved and how many were not."""
    of_split = evaluations.filter(pc.equal(_text(evaluations, "split"), split.value))
    resolved = _resolved(of_split)
    agents = _text(of_split, "agent")
    return Counter(agents.filter(resolved).to_pylist()), Counter(
        agents.filter(pc.invert(resolved)).to_pylist()
    )


def _cells(lineage: Lineage, evaluations: pa.Table) -> pa.Table:
    """Agent and its place, task, split, how many evaluations were resolved and how many there are; sorted."""
    data = pa.table(
        {
            **{name: _text(evaluations, name) for name in ("agent", "task", "split")},
            "resolved": _resolved(evaluations).cast(pa.int64()),
        }
    )
    cells = data.group_by(["agent", "task", "split"]).aggregate([("resolved", "sum"), ("resolved", "count")])
    named = cells.rename_columns(["agent", "task", "split", "resolved", "evaluations"])
    ids = pa.array([agent.id for agent in _in_order(lineage)], pa.string())
    place = pc.index_in(named["agent"], value_set=ids).cast(pa.int64())
    return named.append_column("place", place).sort_by([("place", "ascending"), ("task", "ascending")])


def _against_parents(cells: pa.Table, parents: Ints) -> Ints:
    """Of each cell the place in `_FLIPS` of what became of its task since the agent's parent; -1 where not both met it.

    `parents` are places, -1 for a seed.
    """
    if not cells.num_rows:
        return np.zeros(0, dtype=np.int64)
    task = cells["task"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    place = cells["place"].to_numpy()
    passed = 2 * cells["resolved"].to_numpy() > cells["evaluations"].to_numpy()
    key = place * (task.max() + 1) + task
    order = np.argsort(key)
    wanted = parents[place] * (task.max() + 1) + task
    at = order[np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)]
    both = (key[at] == wanted) & (parents[place] >= 0)
    return np.where(both, 2 * ~passed[at] + ~passed, -1)


def _parents(agents: Sequence[Agent]) -> Ints:
    """The place of each agent's parent, -1 for a seed."""
    place = {agent.id: number for number, agent in enumerate(agents)}
    return np.array([place.get(agent.parent or "", -1) for agent in agents], dtype=np.int64)


def _in_order(lineage: Lineage) -> list[Agent]:
    return sorted(lineage, key=lambda agent: agent.seq)


def _resolved(evaluations: pa.Table) -> pa.ChunkedArray:
    return pc.equal(_text(evaluations, "outcome"), Outcome.RESOLVED.value)


def _plain(table: pa.Table, name: str) -> list[Any]:
    values: list[Any] = table[name].to_pylist()
    return values


def _text(table: pa.Table, name: str) -> pa.ChunkedArray:
    return table[name].cast(pa.string())
