"""A pool without workers: results come as fast as they are taken, or so many per second."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from archive import ExpansionOutcome, Outcome, TestResult, TestStatus
from dgm.jobs import EvaluateResult, ExpandJob, ExpandResult, Job, Result
from dgm.llm import CallRecord, Exchange, RolloutRecord, Tokens
from dgm.workers import Figure

THEN = datetime(2026, 1, 1, tzinfo=UTC)
CALLS = 3
TESTS = 8


@dataclass(frozen=True, kw_only=True)
class Paced:
    """What was seen: processor and wall seconds, and seconds from each result to the next job that was submitted."""

    processor: float
    wall: float
    results: int
    delays: array[float]


class Simulated:
    """See `dgm.workers.base.Pool`. With a `rate` the n-th result is there n / `rate` seconds after the first job began;
    without one as soon as it is asked for. After `warm` results so many are counted, then `seen` is there."""

    def __init__(self, slots: int, *, rate: float | None, warm: int, count: int) -> None:
        self.slots = slots
        self.seen: Paced | None = None
        self._rate = rate
        self._warm = warm
        self._count = count
        self._jobs: deque[Job] = deque()
        self._handed: deque[float] = deque()
        self._taken = 0
        self._first: float | None = None
        self._from = (0.0, 0.0)
        self._delays = array("d")

    @property
    def running(self) -> int:
        return len(self._jobs)

    def submit(self, job: Job) -> None:
        now = time.perf_counter()
        self._first = self._first or now
        self._jobs.append(job)
        if self._handed:
            due = self._handed.popleft()
            if self._taken > self._warm:
                self._delays.append(now - due)
            if len(self._delays) == self._count and self.seen is None:
                self.seen = self._seen()

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if not self._jobs:
            time.sleep(timeout_s or 0.0)
            return None
        due = time.perf_counter()
        if self._rate is not None and self._first is not None:
            due = self._first + (self._taken + 1) / self._rate
            wait = due - time.perf_counter()
            if wait > 0:
                time.sleep(min(wait, wait if timeout_s is None else timeout_s))
                if time.perf_counter() < due:
                    return None
        if self._taken == self._warm:
            self._from = time.process_time(), time.perf_counter()
        self._taken += 1
        self._handed.append(due)
        return result_of(self._jobs.popleft())

    def _seen(self) -> Paced:
        processor, wall = self._from
        return Paced(
            processor=time.process_time() - processor,
            wall=time.perf_counter() - wall,
            results=self._taken - self._warm,
            delays=self._delays,
        )

    def lack(self) -> str:
        return ""

    def resize(self, slots: int) -> None:
        self.slots = slots

    def publish(self, run: str, figures: Sequence[Figure]) -> None:
        return None

    def close(self) -> None:
        self._jobs.clear()


def result_of(job: Job) -> Result:
    """What a real job would say, in the sizes of a small task: three calls, eight tests, an answer, a child."""
    n = job.decision
    if isinstance(job, ExpandJob):
        return ExpandResult(
            id=job.id, decision=n, attempt=job.attempt, outcome=ExpansionOutcome.CHILD,
            child={**job.tree, "note.md": b"Child of decision %d\n" % n}, brief=b"brief %d\n" % n * 40,
            patch=b"patch %d\n" % n * 20, record=_record(job.id, n), log=b"log %d\n" % n * 10, started=THEN,
            sandbox="docker",
        )  # fmt: skip
    won = n % 3 == 0
    status = TestStatus.PASSED if won else TestStatus.FAILED
    return EvaluateResult(
        id=job.id, decision=n, attempt=job.attempt, outcome=Outcome.RESOLVED if won else Outcome.UNRESOLVED,
        tests=tuple(TestResult(name=f"test_case_{one}", status=status) for one in range(TESTS)), tier="A",
        answer={"solution.py": b"# decision %d\n" % n * 40}, record=_record(job.id, n), log=b"log %d\n" % n * 10,
        started=THEN, solve_s=30.0, grade_s=1.0, sandbox="docker",
        digests={"task": "0" * 64, "agent_image": "1" * 64, "grader_image": "2" * 64},
    )  # fmt: skip


def _record(rollout: str, n: int) -> RolloutRecord:
    said = [
        b'{"messages": ["%d %d, ' % (n, call) + b"asked " * 300 * (call + 1) + b'"]}' for call in range(CALLS)
    ]
    return RolloutRecord(
        id=rollout,
        calls=tuple(
            CallRecord(
                n=call, model="large", role="solve", status=200, tokens=Tokens(input=1700, output=230),
                cost_microusd=1130, latency_s=4.0, journal=False, request="3" * 64, response="4" * 64,
                estimated=False,
            )
            for call in range(CALLS)
        ),
        exchanges=tuple(
            Exchange(n=call, request=text, response=b'{"answer": "%s"}' % (b"done " * 100))
            for call, text in enumerate(said)
        ),
    )  # fmt: skip
