"""A run read once, and what every page made of it has to say first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import archive
from archive import (
    Agent,
    ArchiveError,
    Evaluation,
    Expansion,
    Json,
    Row,
    RunReader,
    Split,
    TaskId,
)
from dgm.errors import LookUpError
from dgm.report.grades import regrade_notes
from dgm.results import latest
from dgm.tree import Tree

REHEARSED = (
    "rehearsal: a stand-in answered, not a model, and its prices are made up; this shows that the machine works,"
    " nothing more"
)
STRONGEST = "docker"
"""The sandbox level about which nothing needs to be said."""
WEAK = "weak"
"""What a row's digests call that which its sandbox could not promise."""


@dataclass(frozen=True)
class RunView:
    """Its rows, its tasks, and the notes that belong on every page: where answers came from, how agents were held."""

    rows: Sequence[Row]
    tasks: Mapping[Split, tuple[TaskId, ...]]
    rehearsed: bool = False
    notes: tuple[str, ...] = ()

    @property
    def agents(self) -> list[Agent]:
        return [row for row in self.rows if isinstance(row, Agent)]

    @property
    def evaluations(self) -> list[Evaluation]:
        return latest(self.rows)

    @property
    def expansions(self) -> list[Expansion]:
        return [row for row in self.rows if isinstance(row, Expansion)]

    @property
    def levels(self) -> tuple[str, ...]:
        """The sandbox levels that results came from."""
        rows = (row for row in self.rows if isinstance(row, Evaluation | Expansion))
        return tuple(sorted({row.sandbox for row in rows if row.sandbox}))

    def tree(self) -> Tree:
        """The run folded. Raises LookUpError while there is no agent in it."""
        tree = Tree(self.tasks[Split.SEARCH])
        for row in self.rows:
            tree.observe(row)
        if not len(tree):
            raise LookUpError("this run has no agents yet")
        return tree

    def agent(self, prefix: str) -> Agent:
        """The agent whose id begins with `prefix`; `seed` and `best` are understood too."""
        if prefix in ("seed", "best"):
            tree = self.tree()
            prefix = tree.best() if prefix == "best" else tree.ids[0]
        found = [agent for agent in self.agents if prefix and agent.id.startswith(prefix)]
        if len(found) != 1:
            kind = "no agent" if not found else f"{len(found)} agents"
            raise LookUpError(f"{kind} of this run begins with {prefix!r}; `dgm tree` lists them")
        return found[0]

    def headed(self, **content: object) -> dict[str, object]:
        """`content` as a JSON page, which says first what every page must say."""
        run = {"rehearsal": self.rehearsed, "sandbox": list(self.levels), "notes": list(self.all_notes())}
        return {"run": run, **content}

    def all_notes(self) -> tuple[str, ...]:
        """The notes, with one for each sandbox weaker than Docker that results came from, and one for re-grades."""
        return (*self.notes, *_sandbox_notes(self.rows), *regrade_notes(self.rows))


def view_of(run: RunReader) -> RunView:
    """A run read whole."""
    rows = [row for entry in run.entries() for row in entry.rows]
    splits = {split: tuple(run.info.splits.get(split, ())) for split in Split}
    rehearsed, notes = _answered_by(run.info.config)
    return RunView(rows, splits, rehearsed, notes)


def _answered_by(config: Json, depth: int = 0) -> tuple[bool, tuple[str, ...]]:
    """Whether the stand-in answered, and what to say of where the answers came from; a replay is followed back."""
    llm = config.get("llm")
    if not isinstance(llm, Mapping):
        return False, ()
    if llm.get("name") == "rehearsal":
        return True, (REHEARSED,)
    if llm.get("name") != "replay":
        return False, ()
    note = f"replay: the answers are those of the run {llm.get('run')}"
    try:
        with archive.open(Path(str(llm.get("run")))) as recorded:
            rehearsed, notes = _answered_by(recorded.info.config, depth + 1) if depth < 10 else (False, ())
    except ArchiveError:
        return False, (f"{note}, which cannot be read now: whether it was a rehearsal is not known here",)
    return rehearsed, (note, *notes)


def _sandbox_notes(rows: Sequence[Row]) -> tuple[str, ...]:
    """A line for each weaker level, with every weakness that its rows recorded."""
    weaknesses: dict[str, set[str]] = {}
    for row in rows:
        if isinstance(row, Evaluation | Expansion) and row.sandbox and row.sandbox != STRONGEST:
            weaknesses.setdefault(row.sandbox, set()).update(filter(None, [row.digests.get(WEAK)]))
    return tuple(
        f"sandbox: {level}, weaker than {STRONGEST}" + "".join(f"; {told}" for told in sorted(known))
        for level, known in sorted(weaknesses.items())
    )
