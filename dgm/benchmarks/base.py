"""What a benchmark is: tasks with an instruction, a workspace to start from, and hidden tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from archive import TaskId
from sandbox import Files, TestSpec


@dataclass(frozen=True, kw_only=True)
class Task:
    """One coding task.

    `files` is the workspace that the agent starts from (stubs, visible tests); `test` says how an answer is graded
    and never enters an agent's box, nor does `reference`. `seconds` is the agent's time limit. `digest` covers all
    of it. `tags` are for people (`band`, `language`). `learn` says that what `test` leaves open (the tier that the
    reference needs, ids of tests) is learned from the reference before a run, see `learning`; `digest` stays as it is.
    """

    id: TaskId
    instruction: str
    files: Files
    visible_tests: tuple[str, ...] = ()
    test: TestSpec
    reference: Files
    seconds: float = 120.0
    tags: Mapping[str, str] = field(default_factory=dict)
    learn: bool = False
    digest: str


class Benchmark(Protocol):
    """A named, ordered collection of tasks; the same each time it is asked."""

    @property
    def name(self) -> str: ...

    def tasks(self) -> tuple[Task, ...]: ...
