"""What came of each operator: how often it asked, how many children that made, and whether they were better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from archive import AgentId, Decision, Expansion, ExpansionOutcome, Row
from archive.schema import COUNT, NUMBER, TEXT, described
from dgm.asking import FELL_BACK, SAW
from dgm.choosing import Family, improvements
from dgm.report.why import finite
from dgm.tree import Tree

SCHEMA = pa.schema(
    [
        described("operator", TEXT, "what was asked for"),
        described("expansions", COUNT, "counted ones; voids are none"),
        described("children", COUNT, "agents that they made"),
        described("duplicates", COUNT, "children that were known already, but for comments and layout"),
        described("fallbacks", COUNT, "it stood in for an operator that lacked what it needs"),
        described("chance", NUMBER, "mean probability of drawing it when it asked", null=True),
        described("evaluated", COUNT, "children with results on the search split, the parent with some too"),
        described("gain", NUMBER, "mean of child's share of resolved evaluations minus parent's", null=True),
        described("gain_se", NUMBER, "standard error of that mean", null=True),
        described("credit", NUMBER, "mean probability that a child is better than its parent; none counts 0"),
    ]
)


def operators(rows: Iterable[Row], tree: Tree) -> pa.Table:
    """One row per operator that asked, most expansions first; `tree` is the fold of the same rows."""
    by_name: dict[str, list[Expansion]] = defaultdict(list)
    chances: dict[int, float] = {}
    for row in rows:
        if isinstance(row, Expansion) and row.outcome.counted:
            by_name[row.operator].append(row)
        elif isinstance(row, Decision) and (chance := _chance(row)) is not None:
            chances[row.seq] = chance
    order = sorted(by_name, key=lambda name: (-len(by_name[name]), name))
    told = [_line(name, by_name[name], chances, tree) for name in order]
    return pa.Table.from_pylist(told, schema=SCHEMA)


def _line(name: str, rows: list[Expansion], chances: Mapping[int, float], tree: Tree) -> dict[str, object]:
    families = [(row.parent, row.child) for row in rows]
    gains = [gain for family in families if (gain := _gain(family, tree)) is not None]
    drawn = [chances[row.decision] for row in rows if row.decision in chances]
    outcomes = [row.outcome for row in rows]
    return {
        "operator": name,
        "expansions": len(rows),
        "children": outcomes.count(ExpansionOutcome.CHILD),
        "duplicates": outcomes.count(ExpansionOutcome.DUPLICATE),
        "fallbacks": sum(FELL_BACK in row.flags for row in rows),
        "chance": float(np.mean(drawn)) if drawn else None,
        "evaluated": len(gains),
        "gain": float(np.mean(gains)) if gains else None,
        "gain_se": float(np.std(gains, ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else None,
        "credit": float(improvements(families, tree).mean()),
    }


def _gain(family: Family, tree: Tree) -> float | None:
    parent, child = family
    if child is None:
        return None
    before, after = _share(parent, tree), _share(child, tree)
    return None if before is None or after is None else after - before


def _share(agent: AgentId, tree: Tree) -> float | None:
    counts = tree.counts(agent)
    return counts.resolved / counts.total if counts.total else None


def _chance(row: Decision) -> float | None:
    told = row.saw.get(SAW)
    chances = told.get("chances") if isinstance(told, Mapping) else None
    return finite(chances.get(row.operator)) if isinstance(chances, Mapping) else None
