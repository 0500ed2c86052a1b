"""Stored answers and the hidden tests in, re-grades out: several at a time, each on disk before the next is counted."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from archive import (
    ArchiveError,
    Blobs,
    CorruptArchiveError,
    Evaluation,
    Outcome,
    Row,
    Run,
    TaskId,
    Usage,
    job_id,
)
from dgm.benchmarks import Task
from dgm.jobs.evaluate import CUT, SPENT, Judged, digests_of, graded, tests_of
from dgm.jobs.files import unpacked_files
from dgm.jobs.texts import one_line
from dgm.report import regrade_text
from dgm.results import Regrade, regrades
from sandbox import Files, Limits, Sandbox, files_digest

Say = Callable[[str], None]

FAILURES = 3
"""After so many failures of the machine in a row nothing more is begun."""

STATUS_S = 5.0
"""Seconds between two lines on how far it has come."""


class Attempts:
    """Names re-grades: the id follows from the run, the decision and how many re-grades it has already."""

    def __init__(self, run: str, rows: Sequence[Row]) -> None:
        self._run = run
        self._made = Counter(one.after.decision for one in regrades(rows))

    def next(self, decision: int) -> tuple[str, int]:
        """Id and number of the decision's next re-grade; the same until `count` takes note of it."""
        attempt = self._made[decision] + 1
        return job_id(self._run, decision, "regrade", attempt), attempt

    def count(self, decision: int) -> None:
        self._made[decision] += 1


@dataclass(frozen=True)
class Grader:
    """Grades one answer; several threads may."""

    blobs: Blobs
    tasks: Mapping[TaskId, Task]
    sandbox: Sandbox
    limits: Limits
    attempts: Attempts

    def __call__(self, before: Evaluation) -> tuple[Judged, datetime]:
        started, task = datetime.now(UTC), self.tasks[before.task]
        try:
            answer = stored_answer(self.blobs, before, task)
        except ArchiveError as error:
            return Judged(outcome=Outcome.VOID, detail=str(error)), started
        spent = SPENT in before.flags or before.outcome is Outcome.BUDGET_SPENT
        judged = graded(
            self.sandbox,
            task,
            answer,
            name=self.attempts.next(before.decision)[0],
            limits=self.limits,
            spent="the allowance" if spent else None,
        )
        return judged, started

    def row(self, before: Evaluation, judged: Judged, started: datetime, seq: int) -> Evaluation:
        """The re-grade of `before`. What belongs to the agent's part stays; nothing is paid for."""
        task, verdict = self.tasks[before.task], judged.verdict
        id, attempt = self.attempts.next(before.decision)
        return replace(
            before,
            id=id,
            seq=seq,
            attempt=attempt,
            outcome=judged.outcome,
            score=float(judged.outcome is Outcome.RESOLVED),
            tests=tests_of(verdict),
            tier="" if verdict is None else verdict.tier.value,
            detail=one_line(judged.detail),
            usage=Usage(),
            queued_s=0.0,
            solve_s=0.0,
            grade_s=judged.seconds,
            started=started,
            sandbox=self.sandbox.level.value,
            digests=digests_of(verdict, task, self.sandbox),
            flags=(
                *(() if verdict is None else verdict.flags),
                *(one for one in before.flags if one in (CUT, SPENT)),
            ),
            limits={**before.limits, "grade_s": str(task.test.seconds)},
            replaces=before.id,
        )


def stored_answer(blobs: Blobs, row: Evaluation, task: Task) -> Files:
    """The answer of an evaluation; of an unchanged task, only if its solution files are those that were graded.

    Raises CorruptArchiveError.
    """
    if row.answer is None:
        raise CorruptArchiveError(f"evaluation {row.id} has no stored answer")
    answer = unpacked_files(blobs.get(row.answer))
    submission = {path: answer[path] for path in task.test.solution_files if path in answer}
    graded_then = row.digests.get("submission")
    if row.digests.get("task") == task.digest and graded_then not in (None, files_digest(submission)):
        raise CorruptArchiveError(f"the stored answer of evaluation {row.id} is not the one that was graded")
    return answer


def grade_all(
    run: Run, grader: Grader, todo: Sequence[Evaluation], *, slots: int, stops: Callable[[], int], say: Say
) -> tuple[Mapping[str, str], bool]:
    """Grade and record them all. Gives evaluation -> why it could not be graded, and whether the operator stopped.

    One stop: what runs is waited for and recorded. Two: what runs is left.
    """
    waiting, running = deque(todo), dict[Future[tuple[Judged, datetime]], Evaluation]()
    failed: dict[str, str] = {}
    in_a_row, said = 0, time.monotonic()
    threads = ThreadPoolExecutor(slots, thread_name_prefix="dgm-regrade")
    try:
        while stops() < 2:
            while waiting and len(running) < slots and not stops() and in_a_row < FAILURES:
                row = waiting.popleft()
                running[threads.submit(grader, row)] = row
            if not running:
                break
            for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                before = running.pop(future)
                judged, started = future.result()
                if judged.outcome is Outcome.VOID:
                    failed[before.id], in_a_row = judged.detail, in_a_row + 1
                    continue
                in_a_row = 0
                after = grader.row(before, judged, started, run.next_seq)
                run.append(after)
                grader.attempts.count(before.decision)
                if (one := Regrade(before=before, after=after)).changed:
                    say(regrade_text(one))
            if time.monotonic() - said >= STATUS_S:
                said = time.monotonic()
                say(f"{len(todo) - len(waiting) - len(running)} of {len(todo)}")
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    if not stops():
        failed |= {row.id: "not tried, since the machine had failed before" for row in waiting}
    return failed, bool(stops() and (waiting or running))
