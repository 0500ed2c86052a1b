"""Expand: the parent's `improve` rewrites a copy of its own tree; gates decide whether the child joins the archive."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from archive import ExpansionOutcome, GateVerdict, patch_between, tree_hash
from dgm.gates import smoke
from dgm.jobs.base import Evidence, ExpandJob, ExpandResult, NodeServices
from dgm.jobs.rollout import Rollout, RolloutRequest, roll_out
from dgm.llm import Allowance
from dgm.llm.recordings import conversation
from sandbox import BoxSpec, Files, SandboxError, SandboxUnavailableError

VISIBLE_TESTS_S = 20.0
"""Seconds that the visible tests of one piece of evidence may take."""


def expand(job: ExpandJob, services: NodeServices) -> ExpandResult:
    """One try at a child. Whatever the parent's code does is an outcome; only the machine's failures are `void`."""
    started = datetime.now(UTC)
    began = time.monotonic()
    rollout = roll_out(
        RolloutRequest(
            id=job.id,
            decision=job.decision,
            attempt=job.attempt,
            kind="improve",
            role="improve",
            command=job.manifest.improve,
            tree=job.improver,
            workspace=job.tree,
            instruction=job.brief,
            evidence=evidence_files(job, services),
            seconds=job.seconds,
            sample=job.sample,
            allowance=job.allowance,
            journal=job.journal,
        ),
        services,
        services.limits,
    )
    outcome, detail = judge(rollout, job)
    verdicts: tuple[GateVerdict, ...] = ()
    patch = "" if rollout.files is None else patch_between(job.tree, rollout.files)
    if outcome is None and rollout.files is not None:
        try:
            outcome, detail, verdicts = gated(job, rollout.files, patch, services)
        except SandboxError as error:
            outcome, detail = ExpansionOutcome.VOID, f"gates: {error}"
    return ExpandResult(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        outcome=outcome or ExpansionOutcome.NO_CHANGE,
        detail=detail,
        child=rollout.files if outcome is ExpansionOutcome.CHILD else None,
        gates=verdicts,
        brief=job.brief.encode(),
        patch=patch.encode(errors="surrogateescape"),
        record=rollout.record,
        log=rollout.result.stdout + rollout.result.stderr,
        started=started,
        seconds=time.monotonic() - began,
        sandbox=services.sandbox.level.value,
        digests=services.sandbox.digests,
    )


def judge(rollout: Rollout, job: ExpandJob) -> tuple[ExpansionOutcome | None, str]:
    """The outcome of an `improve` that is clear before the gates; None when there is a child to look at."""
    if rollout.fault is not None:
        return ExpansionOutcome.VOID, rollout.fault
    if rollout.result.out_of_memory:
        return ExpansionOutcome.OUT_OF_MEMORY, "the memory limit was reached"
    if rollout.result.timed_out:
        return ExpansionOutcome.TIMED_OUT, f"stopped after {rollout.seconds:.0f} s"
    if rollout.rejected is not None:
        return ExpansionOutcome.GATED, f"paths: {rollout.rejected}"
    if rollout.result.exit_code != 0 and rollout.record.spent is None:
        return ExpansionOutcome.CRASHED, f"`improve` ended with exit status {rollout.result.exit_code}"
    if rollout.files is None or dict(rollout.files) == dict(job.tree):
        if rollout.record.spent is not None:
            return ExpansionOutcome.BUDGET_SPENT, rollout.record.spent
        return ExpansionOutcome.NO_CHANGE, "no file was changed"
    return None, ""


def gated(
    job: ExpandJob, child: Files, patch: str, services: NodeServices
) -> tuple[ExpansionOutcome, str, tuple[GateVerdict, ...]]:
    """Put the child through the gates, cheapest first, up to the first that it fails."""
    verdicts = []
    for verdict in _verdicts(job, child, patch, services):
        verdicts.append(verdict)
        if not verdict.passed:
            duplicate = verdict.gate == "duplicate"
            outcome = ExpansionOutcome.DUPLICATE if duplicate else ExpansionOutcome.GATED
            return outcome, f"{verdict.gate}: {verdict.detail}", tuple(verdicts)
    return ExpansionOutcome.CHILD, "", tuple(verdicts)


def _verdicts(job: ExpandJob, child: Files, patch: str, services: NodeServices) -> Iterator[GateVerdict]:
    yield job.gates.paths(
        job.tree,
        child,
        frozen=job.frozen,
        entries=job.manifest.entries,
        patch_bytes=len(patch.encode(errors="replace")),
    )
    known = tree_hash(child) in job.known
    yield GateVerdict(
        gate="duplicate", passed=not known, detail="an agent with this tree exists" if known else ""
    )
    if job.gates.smoke:
        yield _smoke(job, child, services)
    if job.gates.check:
        yield _check(job, child, services)


def _smoke(job: ExpandJob, child: Files, services: NodeServices) -> GateVerdict:
    began = time.monotonic()
    rollout = roll_out(
        RolloutRequest(
            id=hashlib.sha256(f"{job.id} smoke".encode()).hexdigest()[:32],
            decision=job.decision,
            attempt=job.attempt,
            kind="smoke",
            role=smoke.ROLE,
            command=job.manifest.solve,
            tree=child,
            workspace=smoke.WORKSPACE,
            instruction=smoke.INSTRUCTION,
            seconds=job.gates.smoke_s,
            sample=job.sample,
            allowance=Allowance(calls=20),
        ),
        services,
        services.limits,
    )
    if rollout.fault is not None:
        raise SandboxUnavailableError(rollout.fault)
    passed = smoke.passed(rollout.files)
    detail = (
        ""
        if passed
        else (rollout.rejected or f"exit status {rollout.result.exit_code}, no right answer left")
    )
    return GateVerdict(gate="smoke", passed=passed, detail=detail, seconds=time.monotonic() - began)


def _check(job: ExpandJob, child: Files, services: NodeServices) -> GateVerdict:
    began = time.monotonic()
    limits = services.limits.within(job.gates.check_s)
    with services.sandbox.open(
        BoxSpec(name=job.id, kind="check", areas={"agent": child}, limits=limits)
    ) as box:
        result = box.exec(job.manifest.check, area="agent")
    passed = result.exit_code == 0
    return GateVerdict(
        gate="check",
        passed=passed,
        detail="" if passed else f"exit status {result.exit_code}",
        seconds=time.monotonic() - began,
    )


def evidence_files(job: ExpandJob, services: NodeServices) -> Files:
    """The directory that `improve` learns from: the brief and, per failed evaluation, what an outsider could see."""
    files: dict[str, bytes] = {"brief.md": job.brief.encode()}
    for number, evidence in enumerate(job.evidence, start=1):
        folder = f"rollouts/{number}"
        messages = conversation(evidence.transcript)
        files[f"{folder}/transcript.json"] = json.dumps(messages, ensure_ascii=False, indent=1).encode()
        files[f"{folder}/answer.diff"] = patch_between(evidence.task.files, evidence.answer).encode(
            errors="replace"
        )
        files[f"{folder}/visible_tests.txt"] = visible_tests(job, evidence, services)
    return files


def visible_tests(job: ExpandJob, evidence: Evidence, services: NodeServices) -> bytes:
    """What the task's visible tests print on the stored answer, without the time they took."""
    modules = [path.removesuffix(".py").replace("/", ".") for path in evidence.task.visible_tests]
    if not modules:
        return b"this task has no visible tests\n"
    spec = BoxSpec(
        name=job.id,
        kind="evidence",
        workspace={**evidence.task.files, **evidence.answer},
        limits=services.limits.within(VISIBLE_TESTS_S),
    )
    with services.sandbox.open(spec) as box:
        result = box.exec(["python3", "-m", "unittest", *modules])
        where = box.path("workspace")
    text = (result.stdout + result.stderr).decode("utf-8", "replace").replace(f"{where}/", "")
    return re.sub(r"\bin \d+\.\d+s", "in a moment", text).encode()
