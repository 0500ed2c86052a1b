"""Several failed evaluations of the parent beside resolved ones: what do the failures have in common?

After the first of the two comparative operators of MGM (arXiv:2608.07645).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from archive import Evaluation, Outcome, Split, TaskId
from dgm.asking import MANY
from dgm.benchmarks import Task
from dgm.operators.base import Brief
from dgm.operators.single_failure import SAID, SingleFailure
from dgm.prompts import prompt

INSTRUCTION_CHARACTERS = 4000
"""Of each task that is shown."""


@dataclass(frozen=True)
class SameAgentManyTasks:
    """Learns from up to `failed` and `resolved` evaluations, drawn uniformly, failures first."""

    name: str = MANY
    failed: int = 3
    resolved: int = 2

    def brief(
        self, evaluations: tuple[Evaluation, ...], tasks: Mapping[TaskId, Task], generator: Generator
    ) -> Brief:
        search = [row for row in evaluations if row.split is Split.SEARCH]
        failed = _some([row for row in search if row.outcome in SAID], self.failed, generator)
        if len(failed) < 2:
            return SingleFailure().brief(evaluations, tasks, generator)
        resolved = _some([row for row in search if row.outcome is Outcome.RESOLVED], self.resolved, generator)
        shown = (*failed, *resolved)
        attempts = [_attempt(n, row, tasks[row.task]) for n, row in enumerate(shown, start=1)]
        text = prompt(
            "improve_from_many",
            failed=str(len(failed)),
            resolved=str(len(resolved)) if resolved else "none",
            attempts="\n\n".join(attempts),
        )
        return Brief(text, shown)


def _some(rows: list[Evaluation], count: int, generator: Generator) -> list[Evaluation]:
    drawn: Sequence[int] = generator.permutation(len(rows))[:count].tolist()
    return [rows[place] for place in sorted(drawn)]


def _attempt(number: int, row: Evaluation, task: Task) -> str:
    said = "resolved" if row.outcome is Outcome.RESOLVED else SAID[row.outcome]
    instruction = task.instruction
    if len(instruction) > INSTRUCTION_CHARACTERS:
        more = len(instruction) - INSTRUCTION_CHARACTERS
        instruction = f"{instruction[:INSTRUCTION_CHARACTERS]}\n[{more} characters more]"
    return f"## Attempt {number}: {said}\n\n{instruction.rstrip()}"
