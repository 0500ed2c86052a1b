"""Evaluate: the agent's `solve` in a sandbox, then the hidden tests over its answer in a fresh one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from archive import Outcome, TestResult, TestStatus
from dgm.benchmarks import Task
from dgm.jobs.base import MACHINE, EvaluateJob, EvaluateResult, NodeServices
from dgm.jobs.files import KEPT_BYTES, kept_files
from dgm.jobs.rollout import Rollout, RolloutRequest, roll_out
from dgm.jobs.texts import clipped, one_line
from sandbox import Files, TestReport, Verdict, grade


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An outcome with its reason; `verdict` if the answer was graded, which took `seconds`."""

    outcome: Outcome
    detail: str
    verdict: Verdict | None = None
    seconds: float = 0.0


def evaluate(job: EvaluateJob, services: NodeServices) -> EvaluateResult:
    """One agent on one task. Whatever the agent does is an outcome; only the machine's failures are `void`."""
    started = datetime.now(UTC)
    request = RolloutRequest(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        kind="solve",
        role="solve",
        command=job.manifest.solve,
        tree=job.tree,
        workspace=job.task.files,
        instruction=job.task.instruction,
        seconds=job.seconds,
        sample=job.sample,
        allowance=job.allowance,
        journal=job.journal,
    )
    rollout = roll_out(request, services)
    judged = judge(rollout, job.task) or graded(job, rollout, services)
    verdict = judged.verdict
    answer = kept_answer(rollout.files, job.task)
    cut = answer is not None and answer != rollout.files
    return EvaluateResult(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        outcome=judged.outcome,
        detail=one_line(judged.detail),
        tests=() if verdict is None else tuple(_test(report) for report in verdict.tests),
        tier="" if verdict is None else verdict.tier.value,
        answer=answer,
        record=rollout.record,
        log=clipped(rollout.result.stdout + rollout.result.stderr),
        started=started,
        solve_s=rollout.seconds,
        grade_s=judged.seconds,
        sandbox=services.sandbox.level.value,
        digests={
            **(services.sandbox.digests if verdict is None else verdict.digests),
            "task": job.task.digest,
        },
        flags=(*(() if verdict is None else verdict.flags), *(("answer_cut",) if cut else ())),
    )


def judge(rollout: Rollout, task: Task) -> Judged | None:
    """The outcome of a rollout that is clear before grading; None when its answer must be graded.

    Ordered by who is answerable: the machine first, then limits, then the agent. The end of an allowance is no crash:
    what was written until then is graded.
    """
    result, spent = rollout.result, rollout.record.spent
    if rollout.fault is not None:
        return Judged(outcome=Outcome.VOID, detail=rollout.fault)
    if result.out_of_memory:
        return Judged(outcome=Outcome.OUT_OF_MEMORY, detail="the memory limit was reached")
    if result.timed_out:
        return Judged(outcome=Outcome.TIMED_OUT, detail=f"stopped after {rollout.seconds:.0f} s")
    if rollout.rejected is not None:
        return Judged(outcome=Outcome.REJECTED, detail=rollout.rejected)
    if result.exit_code != 0 and spent is None:
        return Judged(outcome=Outcome.CRASHED, detail=f"`solve` ended with exit status {result.exit_code}")
    left = rollout.files or {}
    solution = {path: left.get(path) for path in task.test.solution_files}
    if all(content == task.files.get(path) for path, content in solution.items()):
        if spent is not None:
            return Judged(outcome=Outcome.BUDGET_SPENT, detail=f"the allowance of {spent} is spent")
        return Judged(outcome=Outcome.NO_ANSWER, detail="no solution file was changed")
    size = sum(len(content) for content in solution.values() if content is not None)
    if size > KEPT_BYTES:
        detail = f"solution files of {size} bytes, at most {KEPT_BYTES} allowed"
        return Judged(outcome=Outcome.REJECTED, detail=detail)
    return None


def graded(job: EvaluateJob, rollout: Rollout, services: NodeServices) -> Judged:
    """The outcome of an answer: right is right, even if the allowance ended the work."""
    began = time.monotonic()
    answer = rollout.files or {}
    try:
        verdict = grade(
            services.sandbox, job.task.test, answer, job.task.files, name=job.id, limits=services.limits
        )
    except MACHINE as error:
        return Judged(outcome=Outcome.VOID, detail=f"grading: {error}", seconds=time.monotonic() - began)
    outcome, detail, spent = Outcome.UNRESOLVED, verdict.reason, rollout.record.spent
    if verdict.resolved:
        outcome = Outcome.RESOLVED
    elif spent is not None:
        outcome, detail = Outcome.BUDGET_SPENT, f"the allowance of {spent} is spent; {detail}"
    return Judged(outcome=outcome, detail=detail, verdict=verdict, seconds=time.monotonic() - began)


def kept_answer(files: Files | None, task: Task) -> Files | None:
    """What of a workspace the archive keeps: the solution, the task's own files, and small others."""
    return None if files is None else kept_files(files, first=task.test.solution_files, given=task.files)


def _test(report: TestReport) -> TestResult:
    return TestResult(name=report.name, status=TestStatus(report.status.value))
