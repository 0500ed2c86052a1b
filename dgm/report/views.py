"""A run read once, and what every page made of it has to say first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archive import (
    Agent,
    AgentId,
    Change,
    Evaluation,
    Expansion,
    Json,
    Row,
    RunReader,
    Split,
    TaskId,
)
from dgm.ending import EndBounds, Ending, Finalist, end_bounds
from dgm.errors import LookUpError
from dgm.origins import Origin, origin
from dgm.report.grades import regrade_notes
from dgm.results import latest
from dgm.tree import Tree

REHEARSED = (
    "rehearsal: a stand-in answered, not a model, and its prices are made up; this shows that the machine works,"
    " nothing more"
)
DEFAULT_BOUNDS = EndBounds()
"""Of a run that does not say what it was given."""
STRONGEST = "docker"
"""The sandbox level about which nothing needs to be said."""
WEAK = "weak"
"""What a row's digests call that which its sandbox could not promise."""


@dataclass(frozen=True)
class RunView:
    """Its rows, its tasks, and the notes that belong on every page: where answers came from, how agents were held.

    `bounds` are those of its end under the budget in force.
    """

    rows: Sequence[Row]
    tasks: Mapping[Split, tuple[TaskId, ...]]
    rehearsed: bool = False
    notes: tuple[str, ...] = ()
    bounds: EndBounds = DEFAULT_BOUNDS

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

    def finalists(self) -> tuple[Finalist, ...]:
        """Those who met on `confirm`, the winner first; nobody before the last meeting, or without any."""
        return self._ending().standings(self.tree(), self.bounds)

    def best(self) -> AgentId:
        """The winner; the best agent of the search where nothing was confirmed."""
        return self._ending().best(self.tree(), self.bounds)

    def _ending(self) -> Ending:
        ending = Ending(self.tasks[Split.CONFIRM], self.tasks[Split.TEST])
        for row in self.rows:
            ending.observe(row)
        return ending

    def agent(self, prefix: str) -> Agent:
        """The agent whose id begins with `prefix`; `seed` and `best` are understood too."""
        if prefix in ("seed", "best"):
            prefix = self.best() if prefix == "best" else self.tree().ids[0]
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
    found = origin(run.info.config)
    notes = _origin_notes(found)
    return RunView(rows, splits, bool(found.rehearsed), notes, _end_bounds(run.info.config, rows))


def _end_bounds(config: Json, rows: Sequence[Row]) -> EndBounds:
    """Those of the last budget in force."""
    budget = config.get("budget")
    for row in rows:
        if isinstance(row, Change) and row.kind == "budget":
            budget = json.loads(row.after)
    return end_bounds(budget) if isinstance(budget, Mapping) else DEFAULT_BOUNDS


def _origin_notes(found: Origin) -> tuple[str, ...]:
    """What to say of where the answers came from."""
    notes = [f"replay: the answers are those of the run {run}" for run in found.replayed]
    if found.rehearsed is None:
        notes[-1] += ", which cannot be read now: whether it was a rehearsal is not known here"
    return (*notes, REHEARSED) if found.rehearsed else tuple(notes)


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
