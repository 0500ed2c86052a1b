"""What an operator is: it turns what the archive knows of a parent into what an expansion is asked to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from numpy.random import Generator

from archive import Evaluation, TaskId
from dgm.benchmarks import Task


@dataclass(frozen=True)
class Brief:
    """What the expansion is asked, and the evaluations whose transcript and answer it gets to see.

    `blob` reads those transcripts and answers by their digest where they are another run's.
    """

    text: str
    evaluations: tuple[Evaluation, ...] = ()
    blob: Callable[[str], bytes] | None = None


class Operator(Protocol):
    """`brief` is a pure function of the parent's evaluations (all earlier than the decision) and the generator."""

    @property
    def name(self) -> str: ...

    def brief(
        self, evaluations: tuple[Evaluation, ...], tasks: Mapping[TaskId, Task], generator: Generator
    ) -> Brief: ...
