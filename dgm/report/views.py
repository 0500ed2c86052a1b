"""A run for reading, and what every page made of it has to say first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from archive import (
    Agent,
    AgentId,
    Evaluation,
    Expansion,
    Row,
    RunReader,
    Split,
    TaskId,
)
from dgm.columns import decided_last, sandboxes_of, searched_last, was_regraded
from dgm.ending import EndBounds, Ending, Finalist, end_bounds
from dgm.errors import LookUpError
from dgm.origins import Origin, origin
from dgm.report.aside import aside_notes
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
    """The run, its tasks, and the notes that belong on every page: where answers came from, how agents were held.

    `bounds` are those of its end under the budget in force, `budget` its evaluations in it (None where no budget is
    told). Only what asks for `rows` reads them all.
    """

    run: RunReader
    tasks: Mapping[Split, tuple[TaskId, ...]]
    rehearsed: bool = False
    notes: tuple[str, ...] = ()
    bounds: EndBounds = DEFAULT_BOUNDS
    budget: int | None = None

    @cached_property
    def width(self) -> int | None:
        """How many jobs the search kept in flight when it last decided; None before it decided anything."""
        for decision in self.run.decisions_at(searched_last(self.run)):
            width = decision.saw.get("slots")
            return width if isinstance(width, int) else None
        return None

    @cached_property
    def rows(self) -> Sequence[Row]:
        return [row for entry in self.run.entries() for row in entry.rows]

    def rows_at(self, numbers: Iterable[int]) -> Iterator[Row]:
        """The rows of these entries, of which only the parts that hold them are read."""
        for number in sorted(set(numbers)):
            if number < self.run.next_seq:
                yield from next(self.run.entries(number)).rows

    def decided(self) -> list[int]:
        """The numbers of all decisions."""
        return [seq for piece in self.run.pieces("decisions", "seq") for seq in piece["seq"].to_pylist()]

    @property
    def agents(self) -> list[Agent]:
        return list(self.run.lineage)

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        return latest(self.rows)

    @property
    def expansions(self) -> list[Expansion]:
        return [row for row in self.rows if isinstance(row, Expansion)]

    @cached_property
    def sandboxes(self) -> Mapping[str, set[str]]:
        """The sandbox levels that results came from, each with every weakness that its rows recorded."""
        return sandboxes_of(self.run, WEAK)

    @property
    def levels(self) -> tuple[str, ...]:
        """The sandbox levels that results came from."""
        return tuple(self.sandboxes)

    @cached_property
    def _tree(self) -> Tree:
        tree = Tree(self.tasks[Split.SEARCH])
        tree.fold(self.run)
        return tree

    def tree(self) -> Tree:
        """The run folded. Raises LookUpError while there is no agent in it."""
        if not len(self._tree):
            raise LookUpError("this run has no agents yet")
        return self._tree

    def finalists(self) -> tuple[Finalist, ...]:
        """Those who met on `confirm`, the winner first; nobody before the last meeting, or without any."""
        return self._ending().standings(self.tree(), self.bounds)

    def best(self) -> AgentId:
        """The winner; the best agent of the search where nothing was confirmed."""
        return self._ending().best(self.tree(), self.bounds)

    def ended(self) -> bool:
        """Whether all is decided, the final test too, and nothing of it is open."""
        tree = self.tree()
        return not tree.open and self._ending().next(tree, self.bounds) is None

    def _ending(self) -> Ending:
        ending = Ending(self.tasks[Split.CONFIRM], self.tasks[Split.TEST])
        ending.recall(self.run, self.tree())
        for decision in self.run.decisions_at(decided_last(self.run, Split.CONFIRM, Split.TEST)):
            ending.observe(decision)
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
        """The notes, with those on sandboxes weaker than Docker, on re-grades and on what was set aside."""
        graded_again = regrade_notes(self.rows) if was_regraded(self.run) else ()
        return (*self.notes, *_sandbox_notes(self.sandboxes), *graded_again, *aside_notes(self.run))


def view_of(run: RunReader) -> RunView:
    """What people are shown of a run."""
    splits = {split: tuple(run.info.splits.get(split, ())) for split in Split}
    found = origin(run.info.config)
    notes = _origin_notes(found)
    budget = budget_in_force(run)
    if budget is None:
        return RunView(run, splits, bool(found.rehearsed), notes)
    evaluations = budget.get("evaluations")
    return RunView(
        run,
        splits,
        bool(found.rehearsed),
        notes,
        end_bounds(budget),
        evaluations if isinstance(evaluations, int) else None,
    )


def budget_in_force(run: RunReader) -> Mapping[str, Any] | None:
    """The last budget that this run was given, if it says."""
    budget = run.info.config.get("budget")
    changes = run.columns("changes", "kind", "after")
    for kind, after in zip(changes["kind"].to_pylist(), changes["after"].to_pylist(), strict=True):
        if kind == "budget":
            budget = json.loads(after)
    return budget if isinstance(budget, Mapping) else None


def _origin_notes(found: Origin) -> tuple[str, ...]:
    """What to say of where the answers came from."""
    notes = [f"replay: the answers are those of the run {run}" for run in found.replayed]
    if found.rehearsed is None:
        notes[-1] += ", which cannot be read now: whether it was a rehearsal is not known here"
    return (*notes, REHEARSED) if found.rehearsed else tuple(notes)


def _sandbox_notes(sandboxes: Mapping[str, set[str]]) -> tuple[str, ...]:
    """A line for each weaker level, with its weaknesses."""
    return tuple(
        f"sandbox: {level}, weaker than {STRONGEST}" + "".join(f"; {told}" for told in sorted(known))
        for level, known in sandboxes.items()
        if level != STRONGEST
    )
