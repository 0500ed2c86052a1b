"""Expand: the parent's `improve` rewrites a copy of its own tree; gates decide whether the child joins the archive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from archive import AgentId, ExpansionOutcome, GateVerdict, Patch, bounded_patch
from dgm.gates import form, smoke
from dgm.jobs.base import MACHINE, ExpandJob, ExpandResult, NodeServices, rollouts
from dgm.jobs.evidence import evidence_files
from dgm.jobs.rollout import Rollout, RolloutRequest, outage_flags, roll_out
from dgm.jobs.texts import clipped, one_line
from dgm.jobs.waiting import timed
from dgm.llm import Allowance
from sandbox import BoxSpec, Files, SandboxUnavailableError


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An outcome with its reason, and what the gates said that were asked."""

    outcome: ExpansionOutcome
    detail: str = ""
    gates: tuple[GateVerdict, ...] = ()


def expand(job: ExpandJob, services: NodeServices) -> ExpandResult:
    """One try at a child. Whatever the parent's code does is an outcome; only the machine's failures are `void`."""
    started, began = datetime.now(UTC), time.monotonic()
    services, waited = timed(services)
    rollout: Rollout | None = None
    patch = Patch(text="", size=0)
    try:
        evidence = evidence_files(job, services)
    except MACHINE as error:
        judged = Judged(outcome=ExpansionOutcome.VOID, detail=f"evidence: {error}")
    else:
        rollout = _improve(job, evidence, services)
        if rollout.files is not None:
            patch = bounded_patch(job.tree, rollout.files)
        judged = judge(rollout, job) or gated(job, rollout.files or {}, patch, services)
    is_child = rollout is not None and judged.outcome is ExpansionOutcome.CHILD
    child = rollout.files if rollout is not None and is_child else None
    return ExpandResult(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        outcome=judged.outcome,
        detail=one_line(judged.detail),
        child=child,
        form="" if child is None else form(child),
        gates=judged.gates,
        brief=job.brief.encode(),
        patch=patch.text.encode(),
        record=None if rollout is None else rollout.record,
        log=b"" if rollout is None else clipped(rollout.result.stdout + rollout.result.stderr),
        started=started,
        queued_s=waited.seconds,
        seconds=time.monotonic() - began - waited.seconds,
        sandbox=services.sandbox.level.value,
        digests=services.sandbox.digests,
        flags=() if rollout is None else outage_flags(rollout),
    )


def judge(rollout: Rollout, job: ExpandJob) -> Judged | None:
    """The outcome of an `improve` that is clear before the gates; None when there is a child to look at.

    As for evaluations, the end of an allowance is no crash: what was changed until then may be a child.
    """
    result, spent = rollout.result, rollout.record.spent
    if rollout.fault is not None:
        return Judged(outcome=ExpansionOutcome.VOID, detail=rollout.fault)
    if result.out_of_memory:
        return Judged(outcome=ExpansionOutcome.OUT_OF_MEMORY, detail="the memory limit was reached")
    if result.timed_out:
        return Judged(outcome=ExpansionOutcome.TIMED_OUT, detail=f"stopped after {rollout.seconds:.0f} s")
    if rollout.rejected is not None:
        verdict = GateVerdict(gate="paths", passed=False, detail=one_line(rollout.rejected))
        return _stopped((verdict,))
    if result.exit_code != 0 and spent is None:
        detail = f"`improve` ended with exit status {result.exit_code}"
        return Judged(outcome=ExpansionOutcome.CRASHED, detail=detail)
    if rollout.files is None or rollout.files == job.tree:
        if spent is not None:
            detail = f"the allowance of {spent} is spent"
            return Judged(outcome=ExpansionOutcome.BUDGET_SPENT, detail=detail)
        return Judged(outcome=ExpansionOutcome.NO_CHANGE, detail="no file was changed")
    return None


def gated(job: ExpandJob, child: Files, patch: Patch, services: NodeServices) -> Judged:
    """Put the child through the gates, cheapest first, up to the first that it fails."""
    verdicts: list[GateVerdict] = []
    try:
        for verdict in _verdicts(job, child, patch, services):
            verdicts.append(verdict)
            if not verdict.passed:
                return _stopped(tuple(verdicts))
    except MACHINE as error:
        return Judged(outcome=ExpansionOutcome.VOID, detail=f"gates: {error}", gates=tuple(verdicts))
    return Judged(outcome=ExpansionOutcome.CHILD, gates=tuple(verdicts))


def _stopped(verdicts: tuple[GateVerdict, ...]) -> Judged:
    last = verdicts[-1]
    outcome = ExpansionOutcome.DUPLICATE if last.gate == "duplicate" else ExpansionOutcome.GATED
    return Judged(outcome=outcome, detail=f"{last.gate}: {last.detail}", gates=verdicts)


def _verdicts(job: ExpandJob, child: Files, patch: Patch, services: NodeServices) -> Iterator[GateVerdict]:
    entries = job.manifest.entries
    yield job.gates.paths(job.tree, child, frozen=job.frozen, entries=entries, patch_bytes=patch.size)
    twin = job.known.get(form(child))
    yield GateVerdict(gate="duplicate", passed=twin is None, detail="" if twin is None else same_as(twin))
    if job.gates.smoke:
        yield _smoke(job, child, services)
    if job.gates.check:
        yield _check(job, child, services)


def same_as(twin: AgentId) -> str:
    """What is said of a child that is no new agent."""
    return f"differs in nothing but comments and layout from agent {twin[:12]}"


def _improve(job: ExpandJob, evidence: Files, services: NodeServices) -> Rollout:
    request = RolloutRequest(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        kind="improve",
        role="improve",
        command=job.manifest.improve,
        tree=job.improver,
        workspace=job.tree,
        instruction=job.brief,
        evidence=evidence,
        seconds=job.seconds,
        sample=job.sample,
        allowance=job.allowance,
        journal=job.journal,
        model=job.model,
        beside=job.beside,
    )
    return roll_out(request, services)


def _smoke(job: ExpandJob, child: Files, services: NodeServices) -> GateVerdict:
    request = RolloutRequest(
        id=rollouts(job)[1],
        decision=job.decision,
        attempt=job.attempt,
        kind="smoke",
        role="solve",
        command=job.manifest.solve,
        tree=child,
        workspace=smoke.WORKSPACE,
        instruction=smoke.INSTRUCTION,
        seconds=job.gates.smoke_s,
        sample=job.sample,
        allowance=Allowance(calls=20),
        scripted=True,
    )
    rollout = roll_out(request, services)
    if rollout.fault is not None:
        raise SandboxUnavailableError(rollout.fault)
    passed = smoke.passed(rollout.files, job.sample)
    detail = "" if passed else rollout.rejected or f"no right answer left, {_ended(rollout)}"
    return GateVerdict(gate="smoke", passed=passed, detail=one_line(detail), seconds=rollout.seconds)


def _ended(rollout: Rollout) -> str:
    if rollout.result.timed_out:
        return f"stopped after {rollout.seconds:.0f} s"
    return f"exit status {rollout.result.exit_code}"


def _check(job: ExpandJob, child: Files, services: NodeServices) -> GateVerdict:
    limits = replace(services.limits, seconds=job.gates.check_s)
    spec = BoxSpec(name=job.id, kind="check", areas={"agent": child}, limits=limits)
    with services.sandbox.open(spec) as box:
        result = box.exec(job.manifest.check, area="agent")
    passed = result.exit_code == 0
    ended = f"stopped after {limits.seconds:g} s" if result.timed_out else f"exit status {result.exit_code}"
    return GateVerdict(gate="check", passed=passed, detail="" if passed else ended, seconds=result.seconds)
