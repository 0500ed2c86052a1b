"""Real runs for tests: a few katas, drivers in processes of their own that can be stopped and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

import archive
from archive import Decision, Evaluation, Expansion, Row
from dgm.llm import read_journal
from dgm.payments import Bill, payments
from sandbox import Level, SandboxError, open_sandbox
from tests.dgm.commands import ROOT, few_katas

FEW = ("apricot-rows", "candle-clock", "dune-fences", "jam-share-out")

AnyRow = TypeVar("AnyRow", bound=Row)


def small(folder: Path, **values: object) -> tuple[str, ...]:
    """Overrides of a run on four katas in `folder`, with its runs beside them."""
    tasks = folder / "tasks"
    if not tasks.exists():
        few_katas(tasks, FEW)
    given = {
        "runs_dir": folder / "runs",
        "name": "a",
        "benchmark": "polyglot",
        "benchmark.path": tasks,
        "workers": "local",
        "workers.slots": 2,
        "sandbox": "process",
        "display": "plain",
        "budget.evaluations": 4,
        "budget.expansions": 2,
        "budget.confirm": 0,
        "budget.test_repeats": 1,
        **values,
    }
    return tuple(f"{key}={value}" for key, value in given.items())


def needs_bubblewrap() -> None:
    try:
        open_sandbox(Level.BUBBLEWRAP).close()
    except SandboxError as error:
        if os.environ.get("DGM_REQUIRE_DOCKER") == "1":
            raise
        pytest.skip(f"no bubblewrap here: {error}")


class Driver:
    """`dgm run` in a process group of its own, as a terminal would start it."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dgm.cli", "run", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_until(self, holds: Callable[[], bool], within_s: float = 150.0) -> None:
        end = time.monotonic() + within_s
        while not holds():
            assert self._process.poll() is None, self._process.communicate()
            assert time.monotonic() < end, "this takes too long"
            time.sleep(0.02)

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """What a terminal does: every process of the group gets the signal."""
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self, within_s: float = 120.0) -> tuple[int, str, str]:
        out, err = self._process.communicate(timeout=within_s)
        return self._process.returncode, out, err


def rows_of(run: Path, kind: type[AnyRow]) -> list[AnyRow]:
    if not run.exists():
        return []
    with archive.open(run) as reader:
        return [row for entry in reader.entries() for row in entry.rows if isinstance(row, kind)]


def results_of(run: Path) -> list[Evaluation | Expansion]:
    return [*rows_of(run, Evaluation), *rows_of(run, Expansion)]


def open_decisions(run: Path) -> set[int]:
    """Decisions without a counted result."""
    done = {row.decision for row in results_of(run) if row.outcome.counted}
    return {row.seq for row in rows_of(run, Decision)} - done


def journalled(run: Path, decisions: Iterable[int]) -> Counter[int]:
    """Answered calls in the journals of these decisions."""
    return Counter({seq: len(read_journal(run / "journal" / f"{seq:08d}.jsonl")) for seq in decisions})


def assert_whole(run: Path) -> None:
    """Every decision has one counted result, every result one decision, and all that was paid stands in the rows."""
    firsts = (row for row in results_of(run) if not (isinstance(row, Evaluation) and row.replaces))
    counted = Counter(row.decision for row in firsts if row.outcome.counted)
    assert counted == Counter(row.seq for row in rows_of(run, Decision))
    paid = payments(run)
    assert (paid.problems, paid.open) == ((), Bill())
