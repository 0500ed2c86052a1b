"""Evaluate: the agent's `solve` in a sandbox, then the hidden tests over its answer in a fresh one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from archive import Outcome, TestResult, TestStatus
from dgm.jobs.base import EvaluateJob, EvaluateResult, NodeServices
from dgm.jobs.rollout import Rollout, RolloutRequest, roll_out
from sandbox import Files, SandboxError, TestReport, Verdict, grade


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
    rollout = roll_out(request, services, services.limits)
    outcome, detail = judge(rollout, job.task.files, job.task.test.solution_files)
    verdict: Verdict | None = None
    graded_at = time.monotonic()
    if outcome is None and rollout.files is not None:
        try:
            verdict = grade(
                services.sandbox,
                job.task.test,
                rollout.files,
                job.task.files,
                name=job.id,
                limits=services.limits,
            )
        except SandboxError as error:
            outcome, detail = Outcome.VOID, f"grading: {error}"
        else:
            outcome, detail = settled(verdict, rollout)
    return EvaluateResult(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        outcome=outcome or Outcome.NO_ANSWER,
        detail=detail,
        tests=() if verdict is None else tuple(_test(report) for report in verdict.tests),
        tier="" if verdict is None else verdict.tier.value,
        answer=rollout.files,
        record=rollout.record,
        log=rollout.result.stdout + rollout.result.stderr,
        started=started,
        solve_s=rollout.seconds,
        grade_s=0.0 if verdict is None else time.monotonic() - graded_at,
        sandbox=services.sandbox.level.value,
        digests={
            **(services.sandbox.digests if verdict is None else verdict.digests),
            "task": job.task.digest,
        },
        flags=() if verdict is None else verdict.flags,
    )


def judge(
    rollout: Rollout, before: Mapping[str, bytes], solution: tuple[str, ...]
) -> tuple[Outcome | None, str]:
    """The outcome of a rollout that is clear before grading; None when its answer must be graded.

    Ordered by who is answerable: the machine first, then limits, then the agent.
    """
    if rollout.fault is not None:
        return Outcome.VOID, rollout.fault
    if rollout.result.out_of_memory:
        return Outcome.OUT_OF_MEMORY, "the memory limit was reached"
    if rollout.result.timed_out:
        return Outcome.TIMED_OUT, f"stopped after {rollout.seconds:.0f} s"
    if rollout.rejected is not None:
        return Outcome.REJECTED, rollout.rejected
    if rollout.result.exit_code != 0 and rollout.record.spent is None:
        return Outcome.CRASHED, f"`solve` ended with exit status {rollout.result.exit_code}"
    if rollout.files is None or not _answered(rollout.files, before, solution):
        if rollout.record.spent is not None:
            return Outcome.BUDGET_SPENT, rollout.record.spent
        return Outcome.NO_ANSWER, "no solution file was changed"
    return None, ""


def settled(verdict: Verdict, rollout: Rollout) -> tuple[Outcome, str]:
    """The outcome of a graded answer: right is right, even if the allowance ended the work."""
    if verdict.resolved:
        return Outcome.RESOLVED, verdict.reason
    if rollout.record.spent is not None:
        return Outcome.BUDGET_SPENT, rollout.record.spent
    return Outcome.UNRESOLVED, verdict.reason


def _answered(files: Files, before: Mapping[str, bytes], solution: tuple[str, ...]) -> bool:
    return any(files.get(path) != before.get(path) for path in solution)


def _test(report: TestReport) -> TestResult:
    return TestResult(name=report.name, status=TestStatus(report.status.value))
