"""Whether a benchmark measures what it says: its references must be resolved and its stubs must not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from archive import TaskId
from dgm.benchmarks.base import Benchmark, Task
from sandbox import Files, Sandbox, Status, TestSpec, Tier, Verdict, grade


class Problem(StrEnum):
    REFERENCE_UNRESOLVED = "the reference is not resolved"
    NEEDS_TIER_B = "the reference is resolved in tier B only"
    STUB_RESOLVED = "the stub is resolved"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about a task that does not hold. `detail` may quote hidden tests: it is for their authors."""

    task: TaskId
    problem: Problem
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.task}: {self.problem}" + (f" ({self.detail})" if self.detail else "")


def check_benchmark(benchmark: Benchmark, sandbox: Sandbox) -> Iterator[Finding]:
    """Grade the reference and the stub of every task as answers would be; yields what does not hold."""
    for task in benchmark.tasks():
        yield from check_task(task, sandbox)


def check_task(task: Task, sandbox: Sandbox) -> Iterator[Finding]:
    verdict = _graded(sandbox, task, task.test, task.reference)
    if not verdict.resolved:
        weaker = replace(task.test, tier=Tier.B)
        if task.test.tier is Tier.A and _graded(sandbox, task, weaker, task.reference).resolved:
            yield Finding(task=task.id, problem=Problem.NEEDS_TIER_B, detail=_why(verdict))
        else:
            yield Finding(task=task.id, problem=Problem.REFERENCE_UNRESOLVED, detail=_why(verdict))
    if _graded(sandbox, task, task.test, {}).resolved:
        yield Finding(task=task.id, problem=Problem.STUB_RESOLVED)


def _graded(sandbox: Sandbox, task: Task, spec: TestSpec, answer: Files) -> Verdict:
    name = hashlib.sha256(f"check {task.id}".encode()).hexdigest()[:32]
    return grade(sandbox, spec, answer, task.files, name=name)


def _why(verdict: Verdict) -> str:
    failed = next((test for test in verdict.tests if test.status is not Status.PASSED), None)
    return verdict.reason + (f"; {failed.name}: {failed.detail}" if failed else "")
