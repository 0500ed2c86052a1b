"""A pool without workers: results come as fast as they are taken, then so many per second."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from archive import ExpansionOutcome, Outcome, TestResult, TestStatus
from dgm.jobs import EvaluateResult, ExpandJob, ExpandResult, Job, Result
from dgm.llm import CallRecord, Exchange, RolloutRecord, Tokens
from dgm.workers import Figure
from scripts.measure.parts import Parts

THEN = datetime(2026, 1, 1, tzinfo=UTC)
CALLS = 3
TESTS = 8


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of so many results: processor and wall seconds, without what it took to make the results up, the
    share of each part, and seconds from each result to the next job that was submitted."""

    results: int
    processor: float
    wall: float
    parts: Mapping[str, float]
    delays: array[float]


class Simulated:
    """See `dgm.workers.base.Pool`. After `warm` results two times `count` are `seen`: results are there as soon as they
    are asked for, then at `rate` per second, by default half of what was reached before."""

    def __init__(self, slots: int, *, warm: int, count: int, rate: float | None, parts: Parts) -> None:
        self.slots = slots
        self.seen: list[Seen] = []
        self._warm = warm
        self._count = count
        self._rate = rate
        self._parts = parts
        self._jobs: deque[Job] = deque()
        self._handed: deque[tuple[int, float]] = deque()
        self._taken = 0
        self._begun = False
        self._from = (0.0, 0.0)
        self._made_up = (0.0, 0.0)
        self._delays = array("d")

    @property
    def running(self) -> int:
        return len(self._jobs)

    def submit(self, job: Job) -> None:
        self._jobs.append(job)
        if not self._handed:
            return
        phase, due = self._handed.popleft()
        if self._begun and phase == len(self.seen):
            self._delays.append(time.perf_counter() - due)
            if len(self._delays) == self._count:
                self._end()

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if not self._jobs:
            time.sleep(timeout_s or 0.0)
            return None
        if not self._begun and (len(self.seen) == 1 or (not self.seen and self._taken == self._warm)):
            self._begin()
        due = time.perf_counter()
        if self.seen and self._rate is not None:
            due = self._from[1] + (self._taken + 1) / self._rate
            wait = due - time.perf_counter()
            if wait > 0:
                time.sleep(min(wait, wait if timeout_s is None else timeout_s))
                if time.perf_counter() < due:
                    return None
        self._taken += 1
        self._handed.append((len(self.seen), due))
        return self._make_up()

    def _make_up(self) -> Result:
        processor, wall = time.thread_time(), time.perf_counter()
        made = result_of(self._jobs.popleft())
        before = self._made_up
        self._made_up = (
            before[0] + time.thread_time() - processor,
            before[1] + time.perf_counter() - wall,
        )
        return made

    def _begin(self) -> None:
        self._begun, self._taken, self._delays, self._made_up = True, 0, array("d"), (0.0, 0.0)
        self._handed.clear()
        self._from = time.process_time(), time.perf_counter()
        self._parts.start()

    def _end(self) -> None:
        processor, wall = time.process_time() - self._from[0], time.perf_counter() - self._from[1]
        seen = Seen(
            results=self._taken,
            processor=processor - self._made_up[0],
            wall=wall - self._made_up[1],
            parts=self._parts.stop(),
            delays=self._delays,
        )
        self.seen.append(seen)
        self._begun = False
        self._rate = self._rate or seen.results / seen.wall / 2

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
