"""Errors of benchmarks. All of them are mistakes in what the user pointed at, so each is a `ValueError` too.

BenchmarkError
├── BenchmarkNotFoundError    there is no folder of exercises at the path
├── NoTasksError              there is a folder, but nothing in it that can be run
├── BrokenExerciseError       one exercise cannot be read; carries `path` and `reason`
├── UnresolvedReferenceError  a task's own reference does not pass its tests; carries `task` and `reason`
└── SplitError                the tasks cannot be dealt as asked
"""

from __future__ import annotations

from pathlib import Path


class BenchmarkError(ValueError):
    """Base of everything that this package raises on purpose."""


class BenchmarkNotFoundError(BenchmarkError):
    pass


class NoTasksError(BenchmarkError):
    pass


class BrokenExerciseError(BenchmarkError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[BrokenExerciseError], tuple[Path, str]]:
        return type(self), (self.path, self.reason)


class UnresolvedReferenceError(BenchmarkError):
    def __init__(self, task: str, reason: str) -> None:
        super().__init__(f"{task}: the reference is not resolved ({reason}); `dgm benchmark check` says more")
        self.task = task
        self.reason = reason

    def __reduce__(self) -> tuple[type[UnresolvedReferenceError], tuple[str, str]]:
        return type(self), (self.task, self.reason)


class SplitError(BenchmarkError):
    pass
