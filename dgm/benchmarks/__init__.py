"""Benchmarks: tasks, and how they are read."""

from dgm.benchmarks.base import Benchmark, Task
from dgm.benchmarks.check import Checked, Finding, Problem, check_benchmark, check_task, table
from dgm.benchmarks.errors import (
    BenchmarkError,
    BenchmarkNotFoundError,
    BrokenExerciseError,
    NoTasksError,
    SplitError,
    UnresolvedReferenceError,
)
from dgm.benchmarks.learning import Learned, learn, settle
from dgm.benchmarks.polyglot import PolyglotBenchmark, katas
from dgm.benchmarks.splits import deal_splits

__all__ = [
    "Benchmark",
    "BenchmarkError",
    "BenchmarkNotFoundError",
    "BrokenExerciseError",
    "Checked",
    "Finding",
    "Learned",
    "NoTasksError",
    "PolyglotBenchmark",
    "Problem",
    "SplitError",
    "Task",
    "UnresolvedReferenceError",
    "check_benchmark",
    "check_task",
    "deal_splits",
    "katas",
    "learn",
    "settle",
    "table",
]
