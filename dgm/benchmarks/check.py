"""Whether a benchmark measures what it says: its references must be resolved and its stubs must not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from archive import TaskId
from dgm.benchmarks.base import Benchmark, Task
from dgm.benchmarks.errors import UnresolvedReferenceError
from dgm.benchmarks.learning import graded, learn, settled, why
from sandbox import Sandbox, Tier


class Problem(StrEnum):
    REFERENCE_UNRESOLVED = "the reference is not resolved"
    NEEDS_TIER_B = "the reference is resolved in tier B only"
    STUB_RESOLVED = "the stub is resolved: the task measures nothing"
    NOT_REPEATABLE = "the reference is not resolved again"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about a task that does not hold. `detail` may quote hidden tests: it is for their authors."""

    task: TaskId
    problem: Problem
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.task}: {self.problem}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One task: the tier that its tests need, None if its reference passes in none; why it is not A; what is wrong.

    To need tier B is a finding only where a run would not learn it, see `Task.learn`.
    """

    task: TaskId
    tier: Tier | None
    reason: str = ""
    findings: tuple[Finding, ...] = ()


def check_benchmark(benchmark: Benchmark, sandbox: Sandbox) -> Iterator[Checked]:
    """Grade the reference and the stub of every task as answers would be."""
    for task in benchmark.tasks():
        yield check_task(task, sandbox)


def check_task(task: Task, sandbox: Sandbox) -> Checked:
    try:
        learned = learn(task, sandbox)
    except UnresolvedReferenceError as error:
        found = [Finding(task=task.id, problem=Problem.REFERENCE_UNRESOLVED, detail=error.reason)]
        if graded(sandbox, task, task.test, {}).resolved:
            found.append(Finding(task=task.id, problem=Problem.STUB_RESOLVED))
        return Checked(task=task.id, tier=None, reason=error.reason, findings=tuple(found))
    found = []
    if learned.tier is not task.test.tier and not task.learn:
        found.append(Finding(task=task.id, problem=Problem.NEEDS_TIER_B, detail=learned.reason))
    spec = settled(task, learned).test
    if learned.tier is not Tier.A:
        again = graded(sandbox, task, spec, task.reference)
        if not again.resolved:
            found.append(Finding(task=task.id, problem=Problem.NOT_REPEATABLE, detail=why(again)))
    if graded(sandbox, task, spec, {}).resolved:
        found.append(Finding(task=task.id, problem=Problem.STUB_RESOLVED))
    return Checked(task=task.id, tier=learned.tier, reason=learned.reason, findings=tuple(found))


def table(rows: Sequence[Checked]) -> str:
    """For people: every task, the tier that it is graded in, and why it is not A."""
    width = max([len("task"), *(len(row.task) for row in rows)])
    lines = [f"{'task':{width}}  tier  reason"]
    lines += [f"{row.task:{width}}  {row.tier or 'none':4}  {row.reason}".rstrip() for row in rows]
    return "\n".join(lines)
