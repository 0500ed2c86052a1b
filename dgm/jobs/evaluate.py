"""Evaluate: the agent's `solve` in a sandbox, then the hidden tests over its answer in a fresh one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from archive import Outcome, TestResult, TestStatus
from dgm.benchmarks import Task
from dgm.jobs.base import MACHINE, EvaluateJob, EvaluateResult, NodeServices
from dgm.jobs.files import KEPT_BYTES, kept_files
from dgm.jobs.rollout import Rollout, RolloutRequest, outage_flags, roll_out
from dgm.jobs.texts import clipped, one_line
from dgm.jobs.waiting import timed
from sandbox import Files, Limits, Sandbox, Verdict, grade

CUT, SPENT = "answer_cut", "allowance_spent"
"""Flags of the agent's part: not all of its workspace was kept; the gateway ended its work."""


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
        model=job.model,
    )
    services, waited = timed(services)
    rollout = roll_out(request, services)
    queued_s, spent = waited.seconds, rollout.record.spent
    judged = judge(rollout, job.task) or graded(
        services.sandbox,
        job.task,
        rollout.files or {},
        name=job.id,
        limits=services.limits,
        spent=None if spent is None else f"the allowance of {spent}",
    )
    verdict = judged.verdict
    answer = kept_answer(rollout.files, job.task)
    cut = answer is not None and answer != rollout.files
    return EvaluateResult(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        outcome=judged.outcome,
        detail=one_line(judged.detail),
        tests=tests_of(verdict),
        tier="" if verdict is None else verdict.tier.value,
        answer=answer,
        record=rollout.record,
        log=clipped(rollout.result.stdout + rollout.result.stderr),
        started=started,
        queued_s=waited.seconds,
        solve_s=rollout.seconds,
        grade_s=max(0.0, judged.seconds - (waited.seconds - queued_s)),
        sandbox=services.sandbox.level.value,
        digests=digests_of(verdict, job.task, services.sandbox),
        flags=(
            *(() if verdict is None else verdict.flags),
            *((CUT,) if cut else ()),
            *((SPENT,) if spent is not None else ()),
            *outage_flags(rollout),
        ),
        limits=limits_of(job, services.limits),
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
    size = sum(len(path.encode()) + len(content) for path, content in solution.items() if content is not None)
    if size > KEPT_BYTES:
        detail = f"solution files of {size} bytes, at most {KEPT_BYTES} allowed"
        return Judged(outcome=Outcome.REJECTED, detail=detail)
    return None


def graded(
    sandbox: Sandbox, task: Task, answer: Files, *, name: str, limits: Limits, spent: str | None = None
) -> Judged:
    """The outcome of an answer: right is right, even if the allowance that `spent` names ended the work.

    A failure of the machine is `void`.
    """
    began = time.monotonic()
    try:
        verdict = grade(sandbox, task.test, answer, task.files, name=name, limits=limits)
    except MACHINE as error:
        return Judged(outcome=Outcome.VOID, detail=f"grading: {error}", seconds=time.monotonic() - began)
    outcome, detail = Outcome.UNRESOLVED, verdict.reason
    if verdict.resolved:
        outcome = Outcome.RESOLVED
    elif spent is not None:
        outcome, detail = Outcome.BUDGET_SPENT, f"{spent} is spent; {detail}"
    return Judged(outcome=outcome, detail=detail, verdict=verdict, seconds=time.monotonic() - began)


def kept_answer(files: Files | None, task: Task) -> Files | None:
    """What of a workspace the archive keeps: the solution, the task's own files, and small others."""
    return None if files is None else kept_files(files, first=task.test.solution_files, given=task.files)


def tests_of(verdict: Verdict | None) -> tuple[TestResult, ...]:
    """The hidden tests as a row has them."""
    reports = () if verdict is None else verdict.tests
    return tuple(TestResult(name=one.name, status=TestStatus(one.status.value)) for one in reports)


def digests_of(verdict: Verdict | None, task: Task, sandbox: Sandbox) -> dict[str, str]:
    """What the outcome depends on, as a row has it."""
    seen = sandbox.digests if verdict is None else verdict.digests
    return {"tests": task.test.digest, **seen, "task": task.digest}


def limits_of(job: EvaluateJob, limits: Limits) -> dict[str, str]:
    """What agent and tests might use, as a row has it: seconds, bytes, counts, micro-dollars."""
    allowance = job.allowance
    given = {
        "solve_s": job.seconds,
        "grade_s": job.task.test.seconds,
        "calls": allowance.calls,
        "tokens": allowance.tokens,
        "microusd": allowance.microusd,
        "memory_bytes": limits.memory_bytes,
        "processes": limits.processes,
        "cpus": limits.cpus,
        "disk_bytes": limits.disk_bytes,
        "disk_files": limits.disk_files,
        "file_bytes": limits.file_bytes,
        "open_files": limits.open_files,
        "output_bytes": limits.output_bytes,
    }
    return {name: str(value) for name, value in given.items() if value is not None}
