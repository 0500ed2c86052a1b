"""Two agents of different lineages that did otherwise on one task: one resolved it, the other did not. Why?

After the second of the two comparative operators of MGM (arXiv:2608.07645). Only the code of `parent` is rewritten; the
other agent is shown, and recorded as a context parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.random import Generator

from archive import AgentId, Evaluation, Outcome, Split, TaskId
from dgm.asking import TWO
from dgm.benchmarks import Task
from dgm.operators.base import Brief
from dgm.operators.single_failure import SAID, SingleFailure
from dgm.prompts import prompt


@dataclass(frozen=True)
class TwoLineagesOneTask:
    """Of the tasks that tell the two apart one is drawn uniformly, of those that the parent failed if there are any."""

    parent: AgentId
    name: str = TWO

    def brief(
        self, evaluations: tuple[Evaluation, ...], tasks: Mapping[TaskId, Task], generator: Generator
    ) -> Brief:
        search = [row for row in evaluations if row.split is Split.SEARCH and row.outcome.counted]
        mine = {row.task: row for row in search if row.agent == self.parent}
        pairs = [(mine[row.task], row) for row in search if row.agent != self.parent and row.task in mine]
        apart = [(own, other) for own, other in pairs if _resolved(own) != _resolved(other)]
        better = [(own, other) for own, other in apart if _resolved(other)] or apart
        if not better:
            own_rows = tuple(row for row in evaluations if row.agent == self.parent)
            return SingleFailure().brief(own_rows, tasks, generator)
        own, other = better[int(generator.integers(len(better)))]
        text = prompt(
            "improve_from_another",
            own=_said(own),
            other=_said(other),
            lesson=prompt("lesson_to_take" if _resolved(other) else "lesson_to_keep"),
            instruction=tasks[own.task].instruction,
        )
        return Brief(text, (own, other))


def _resolved(row: Evaluation) -> bool:
    return row.outcome is Outcome.RESOLVED


def _said(row: Evaluation) -> str:
    return "it resolved the task" if _resolved(row) else SAID[row.outcome]
