"""What people ask of the tables of a run first: pure functions of Arrow tables that give Arrow tables."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import betaincinv

from .lineage import Lineage
from .records import AgentId, Outcome, Split


def fold_regrades(evaluations: pa.Table) -> pa.Table:
    """Drop voids, and of an evaluation and its re-grades, which share their decision, keep the last."""
    counted = evaluations.filter(pc.not_equal(evaluations["outcome"].cast(pa.string()), Outcome.VOID.value))
    places = pa.table(
        {"decision": counted["decision"], "place": pa.array(range(counted.num_rows), pa.int64())}
    )
    last = places.group_by("decision").aggregate([("place", "max")])["place_max"]
    return counted.take(pa.array(sorted(last.to_pylist()), pa.int64()))


def leaderboard(lineage: Lineage, evaluations: pa.Table, *, split: Split, mass: float) -> pa.Table:
    """See `RunReader.leaderboard`; `evaluations` are counted ones."""
    if not 0.0 < mass < 1.0:
        raise ValueError(f"mass must lie between 0 and 1, got {mass}")
    of_split = evaluations.filter(pc.equal(evaluations["split"].cast(pa.string()), split.value))
    won: Counter[AgentId] = Counter()
    lost: Counter[AgentId] = Counter()
    outcomes = of_split["outcome"].cast(pa.string()).to_pylist()
    for agent, outcome in zip(of_split["agent"].to_pylist(), outcomes, strict=True):
        (won if outcome == Outcome.RESOLVED.value else lost)[agent] += 1
    agents = sorted(lineage, key=lambda a: (-(1 + won[a.id]) / (2 + won[a.id] + lost[a.id]), a.seq))
    a = [1.0 + won[agent.id] for agent in agents]
    b = [1.0 + lost[agent.id] for agent in agents]
    tail = (1.0 - mass) / 2
    return pa.table(
        {
            "agent": pa.array([agent.id for agent in agents], pa.string()),
            "parent": pa.array([agent.parent for agent in agents], pa.string()),
            "depth": pa.array([agent.depth for agent in agents], pa.int64()),
            "children": pa.array([len(lineage.children(agent.id)) for agent in agents], pa.int64()),
            "resolved": pa.array([won[agent.id] for agent in agents], pa.int64()),
            "unresolved": pa.array([lost[agent.id] for agent in agents], pa.int64()),
            "mean": pa.array([x / (x + y) for x, y in zip(a, b, strict=True)], pa.float64()),
            "low": pa.array([float(betaincinv(x, y, tail)) for x, y in zip(a, b, strict=True)], pa.float64()),
            "high": pa.array(
                [float(betaincinv(x, y, 1 - tail)) for x, y in zip(a, b, strict=True)], pa.float64()
            ),
        }
    )
