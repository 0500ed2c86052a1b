"""The same prompt again: what an earlier run asked of its seed, asked anew (EvoReplay, arXiv:2605.20086).

Asking the same prompt again recovers most of what an evolution gained there (a median of .76). So children of the seed
alone, made from recorded briefs with other samples, are what the gain of a search is to be compared with: the same
prompts and the same schedule, without anything that builds on a child.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from numpy.random import Generator, default_rng

import archive
from archive import Decision, DecisionKind, Evaluation, Expansion, TaskId
from dgm.benchmarks import Task
from dgm.errors import ConfigError
from dgm.operators.base import Brief
from dgm.operators.single_failure import SingleFailure
from dgm.results import latest
from dgm.streams import Purpose, stream


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One recorded expansion of a seed: its decision, what it was asked, what was known of the seed then."""

    decision: int
    text: str
    known: tuple[Evaluation, ...]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a run asked of its seed; `blob` reads the transcripts and answers that it showed."""

    seed: int
    seed_tree: str
    asked: tuple[Asked, ...]
    blob: Callable[[str], bytes]


@dataclass(frozen=True)
class Redraw:
    """Repeats a brief of the run in directory `run`, drawn uniformly from those of its seed; for `archive=seed`."""

    run: str
    name: str = "redraw"

    def brief(
        self, evaluations: tuple[Evaluation, ...], tasks: Mapping[TaskId, Task], generator: Generator
    ) -> Brief:
        known = recorded(self.run)
        return _again(known, known.asked[int(generator.integers(len(known.asked)))], tasks)

    def check(self, seed_tree: str, tasks: Mapping[TaskId, Task]) -> None:
        """Raise ConfigError if the recorded briefs cannot be asked of this seed with these tasks."""
        known = recorded(self.run)
        if known.seed_tree != seed_tree:
            raise ConfigError(f"operator.run={self.run} began with another agent than this run does")
        if not known.asked:
            raise ConfigError(
                f"operator.run={self.run} has asked nothing of its seed by operator=single_failure"
            )
        for one in known.asked:
            if _again(known, one, tasks).text != one.text:
                raise ConfigError(
                    f"operator.run={self.run}: what decision {one.decision} asked cannot be asked again, since its"
                    " tasks or prompts were others"
                )


@cache
def recorded(path: str) -> Recorded:
    """Read once. Raises ConfigError."""
    try:
        with archive.open(Path(path)) as run:
            seed = run.lineage.seeds[0]
            rows = [row for entry in run.entries() for row in entry.rows]
            mine = [row for row in rows if isinstance(row, Evaluation) and row.agent == seed]
            briefs = {
                row.decision: run.blobs.get(row.brief).decode()
                for row in rows
                if isinstance(row, Expansion) and row.brief
            }
            return Recorded(
                seed=run.info.seed,
                seed_tree=run.code.tree(seed),
                asked=tuple(
                    Asked(
                        decision=row.seq,
                        text=briefs[row.seq],
                        known=tuple(latest(one for one in mine if one.seq < row.seq)),
                    )
                    for row in rows
                    if isinstance(row, Decision) and _asks(row, seed) and row.seq in briefs
                ),
                blob=run.blobs.get,
            )
    except archive.ArchiveError as error:
        raise ConfigError(f"operator.run: {error}") from error


def _asks(row: Decision, seed: str) -> bool:
    return row.kind is DecisionKind.EXPAND and row.agent == seed and row.operator == SingleFailure.name


def _again(known: Recorded, one: Asked, tasks: Mapping[TaskId, Task]) -> Brief:
    """The brief as it was drawn then."""
    drawn = default_rng(stream(known.seed, one.decision, Purpose.JOB))
    brief = SingleFailure().brief(one.known, tasks, drawn)
    return Brief(brief.text, brief.evaluations, known.blob)
