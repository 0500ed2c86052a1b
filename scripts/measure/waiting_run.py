"""A run whose rollouts wait, at one width after the other, and who uses the processor meanwhile."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dgm.control.asking import ask
from dgm.control.requests import Verb
from scripts.measure.processes import used_below
from scripts.measure.report import CannotMeasureError

AGENT = Path(__file__).parent / "waiting"
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What was seen at one width.

    `rates` are results per second, one for each round; `seconds` how long each rollout took with its grading;
    `processor` are the seconds that each kind of process used in `wall` seconds, in which there were `results`.
    """

    slots: int
    rates: list[float]
    seconds: list[float]
    processor: Mapping[str, float]
    wall: float
    results: int
    voids: int


class WaitingRun:
    """One `dgm run` that is led through the widths; it ends with the block."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._run = folder / "waiting"
        overrides = [
            f"runs_dir={folder}", "name=waiting", f"agent={AGENT}", "policy=attempts", "benchmark.test=100",
            f"llm.latency_s={options.latency}", f"sandbox={options.sandbox.value}", f"workers={options.workers}",
            f"workers.slots={max(options.slots)}", "workers.width=1", "budget.test_repeats=1000",
            "budget.rollout.solve_s=600", "grace_s=0",
        ]  # fmt: skip
        command = [sys.executable, "-m", "dgm", "run", "--json", *overrides]
        self._voids = 0
        self._errors = (folder / "errors.txt").open("w+")
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        with suppress(BrokenPipeError):
            self._process.communicate()
        self._errors.close()

    def phase(self, slots: int, rounds: int) -> Phase:
        """The next `rounds` rounds of results at this width, after a first one."""
        results, failed = self._results(), self._voids
        if slots > 1:
            answer = ask(self._run, Verb.CHANGE, values={"workers.width": str(slots)}, wait_s=PATIENCE_S)
            if not answer.done:
                raise CannotMeasureError(f"the width could not become {slots}: {answer.text}")
        for _ in range(slots):
            last = next(results)
        before, ends, seconds = used_below(self._process.pid), [_time(last)], list[float]()
        for number in range(1, slots * rounds + 1):
            last = next(results)
            seconds.append(float(last["seconds"]))
            if number % slots == 0:
                ends.append(_time(last))
        after = used_below(self._process.pid)
        return Phase(
            slots=slots,
            rates=[slots / (end - begin) for begin, end in pairwise(ends)],
            seconds=seconds,
            processor={who: after[who] - before.get(who, 0.0) for who in after},
            wall=ends[-1] - ends[0],
            results=slots * rounds,
            voids=self._voids - failed,
        )

    def _results(self) -> Iterator[Mapping[str, Any]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError as error:
                raise CannotMeasureError(f"the run said something else than events: {line!r}") from error
            if event["event"] != "result":
                continue
            if event["outcome"] == "void":
                self._voids += 1
                continue
            yield event
        self._errors.seek(0)
        raise CannotMeasureError(f"the run ended: {self._errors.read()[-2000:]}")


def _time(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()
