"""Whole runs on disk whose jobs are scripted: made in about a second, without a sandbox or a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archive import RunInfo, create_run
from tests.dgm.scripted import POLICIES, SPLITS, Driver, Script


def ended_run(path: Path, *, seed: int = 0, policy: str = "huxley", **more: Mapping[str, Any]) -> Path:
    """A search with its test, with a configuration as `dgm run` records it; `more` stands in it too."""
    config = {
        "name": path.name,
        "runs_dir": str(path.parent),
        "seed": seed,
        "policy": {"_target_": f"dgm.policies.{type(POLICIES[policy]).__name__}", "name": policy},
        "llm": {"name": "rehearsal"},
        "budget": {"evaluations": 24, "confirm": 8, "finalists": 3, "test_repeats": 2},
        **more,
    }
    create_run(path, RunInfo(id=f"{seed:032x}", seed=seed, config=config, splits=SPLITS)).close()
    Driver(path, seed, policy, evaluations=24, confirm=8, work=Script(seed)).search()
    return path
