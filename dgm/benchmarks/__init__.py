"""Benchmarks: tasks, and how they are read."""

from dgm.benchmarks.base import Benchmark, Task
from dgm.benchmarks.check import Finding, Problem, check_benchmark, check_task
from dgm.benchmarks.errors import (
    BenchmarkError,
    BenchmarkNotFoundError,
    BrokenExerciseError,
    NoTasksError,
    SplitError,
)
from dgm.benchmarks.polyglot import PolyglotBenchmark, katas
from dgm.benchmarks.splits import deal_splits

__all__ = [
    "Benchmark",
    "BenchmarkError",
    "BenchmarkNotFoundError",
    "BrokenExerciseError",
    "Finding",
    "NoTasksError",
    "PolyglotBenchmark",
    "Problem",
    "SplitError",
    "Task",
    "check_benchmark",
    "check_task",
    "deal_splits",
    "katas",
]
