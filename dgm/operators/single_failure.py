"""One failed evaluation of the parent, drawn uniformly, or "improve in general" without one (HGM, section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.random import Generator

from archive import Evaluation, Outcome, Split, TaskId
from dgm.benchmarks import Task
from dgm.operators.base import Brief
from dgm.prompts import prompt

SAID = {
    Outcome.UNRESOLVED: "the answer did not pass the task's tests",
    Outcome.NO_ANSWER: "it left the workspace as it was",
    Outcome.TIMED_OUT: "it ran out of time",
    Outcome.OUT_OF_MEMORY: "it ran out of memory",
    Outcome.BUDGET_SPENT: "it used up its model calls or tokens",
    Outcome.CRASHED: "the agent itself crashed",
    Outcome.REJECTED: "what it left in the workspace broke the rules for submissions",
}
"""What the brief says of each outcome that an expansion can learn from."""


@dataclass(frozen=True)
class SingleFailure:
    """Learns from one failure on the search split."""

    name: str = "single_failure"

    def brief(
        self, evaluations: tuple[Evaluation, ...], tasks: Mapping[TaskId, Task], generator: Generator
    ) -> Brief:
        failed = [row for row in evaluations if row.split is Split.SEARCH and row.outcome in SAID]
        if not failed:
            return Brief(prompt("improve_in_general"))
        chosen = failed[int(generator.integers(len(failed)))]
        text = prompt(
            "improve_from_failure",
            outcome=SAID[chosen.outcome],
            instruction=tasks[chosen.task].instruction,
        )
        return Brief(text, (chosen,))
