"""Baselines at equal cost: how many attempts of the unchanged seed cost what the search of a run did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import archive
from archive import ArchiveError, Outcome, RunReader, Split, Usage
from dgm.errors import ConfigError

_USAGE = tuple(field.name for field in fields(Usage))


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a run paid for, void tries too: its search with the confirmation, its test, and of the latter the seed's
    counted attempts."""

    search: Usage
    test: Usage
    seed: Usage
    attempts: int

    @property
    def per_attempt(self) -> float:
        """What the search cost, in attempts of the seed at a test task: by money, or by tokens where none is paid."""
        whole, seed = self.search.cost_microusd, self.seed.cost_microusd
        if not whole or not seed:
            whole, seed = (used.input_tokens + used.output_tokens for used in (self.search, self.seed))
        return whole * self.attempts / seed if seed else 0.0


def costs(run: RunReader) -> Costs:
    """What `run` paid for so far."""
    graded = run.columns("evaluations", "agent", "split", "outcome", "replaces", *_USAGE)
    tests = pc.equal(_text(graded, "split"), Split.TEST.value)
    test, first = graded.filter(tests), run.lineage.seeds[0]
    tried = pc.and_(pc.equal(_text(test, "agent"), first), pc.is_null(test["replaces"]))
    attempts = test.filter(pc.and_(tried, pc.not_equal(_text(test, "outcome"), Outcome.VOID.value)))
    return Costs(
        search=_usage(graded.filter(pc.invert(tests))) + _usage(run.columns("expansions", *_USAGE)),
        test=_usage(test),
        seed=_usage(attempts),
        attempts=attempts.num_rows,
    )


def _usage(rows: pa.Table) -> Usage:
    return Usage(**{name: pc.sum(rows[name]).as_py() or 0 for name in _USAGE})


def _text(table: pa.Table, name: str) -> pa.ChunkedArray:
    return table[name].cast(pa.string())


def matched(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration with as many `budget.test_repeats` as `policy.like` allows; as it was without that key."""
    like = config["policy"].get("like")
    if like is None:
        return config
    try:
        with archive.open(Path(str(like))) as run:
            found, tasks = costs(run), len(run.info.splits.get(Split.TEST, ()))
    except ArchiveError as error:
        raise ConfigError(f"policy.like: {error}") from error
    if not tasks or not found.per_attempt:
        raise ConfigError(
            f"policy.like={like}: that run has no search, or no test of its seed, that would say what an attempt costs;"
            " let it end first, or give budget.test_repeats"
        )
    repeats = max(1, round(found.per_attempt / tasks))
    return {**config, "budget": {**config["budget"], "test_repeats": repeats}}
