"""A search over scripted outcomes, told as plain values: what `tests/golden/` holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import archive
from archive import Agent, Decision, Evaluation, Expansion
from tests.dgm.scripted import POLICIES, Driver, Script

GOLDEN = Path(__file__).parents[1] / "golden"
SEED = 7
EVALUATIONS = 160


def searched(policy: str, path: Path) -> dict[str, Any]:
    """Decisions as [kind, agent's number, task or null], outcomes in their order, each agent's parent."""
    Driver(path, seed=SEED, policy=policy, evaluations=EVALUATIONS, work=Script(SEED, void=0.05)).search()
    with archive.open(path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    number = {row.id: n for n, row in enumerate(row for row in rows if isinstance(row, Agent))}
    return {
        "policy": policy,
        "version": POLICIES[policy].version,
        "seed": SEED,
        "evaluations": EVALUATIONS,
        "decisions": [
            [str(row.kind), number[row.agent], row.task] for row in rows if isinstance(row, Decision)
        ],
        "outcomes": [
            [row.decision, str(row.outcome)] for row in rows if isinstance(row, Evaluation | Expansion)
        ],
        "parents": [number.get(row.parent or "") for row in rows if isinstance(row, Agent)],
    }
