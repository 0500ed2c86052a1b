"""One agent process in one box with one door: the part that `solve`, `improve` and the smoke gate share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dgm.jobs.base import MACHINE, NodeServices
from dgm.llm import Allowance, JournalError, RolloutRecord, RolloutSpec
from dgm.llm.models import BESIDE
from dgm.llm.recordings import paid
from sandbox import Box, BoxSpec, ExecResult, Files, SubmissionRejectedError

INSTRUCTION = "instruction.md"


@dataclass(frozen=True, kw_only=True)
class RolloutRequest:
    """What a rollout runs: `command` of the agent `tree` on `workspace`, told `instruction`, as model role `role`.

    `beside` are other roles that it may ask, with the model that was drawn for each, if one was.
    `scripted`: the model is the smoke gate's script; the agent cannot tell.
    """

    id: str
    decision: int
    attempt: int
    kind: str
    role: str
    command: tuple[str, ...]
    tree: Files
    workspace: Files
    instruction: str
    evidence: Files | None = None
    seconds: float
    sample: bytes
    allowance: Allowance
    journal: Path | None = None
    model: str | None = None
    beside: Mapping[str, str | None] = field(default_factory=dict)
    scripted: bool = False


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """What came of it.

    `fault` says that the machine or the model's provider failed, which makes the job void. `files` is the workspace
    left behind, None when it was not taken; `rejected` says why it could not be. `seconds` are without those in which
    it waited for its turn or the box for room.
    """

    result: ExecResult
    files: Files | None
    rejected: str | None
    fault: str | None
    record: RolloutRecord
    seconds: float


PROVIDER_DOWN = "provider_down"
"""Flag of a void result that a provider caused which may mend itself."""


def outage_flags(rollout: Rollout) -> tuple[str, ...]:
    return (PROVIDER_DOWN,) if rollout.record.outage else ()


def roll_out(request: RolloutRequest, services: NodeServices) -> Rollout:
    """Run the agent until it ends or its time is up. What it paid for is in the record whatever happened.

    The clock is the box's alone: an allowance of the same seconds would end a call that still has time.
    """
    spec = RolloutSpec(
        id=request.id,
        decision=request.decision,
        attempt=request.attempt,
        role=request.role,
        sample=request.sample,
        allowance=request.allowance,
        journal=request.journal,
        model=request.model,
        beside=request.beside,
    )
    began = time.monotonic()
    left = _Left(result=ExecResult(exit_code=None))
    try:
        services.doors.turn(request.id)
        began = time.monotonic()
        door = services.doors.open(spec, scripted=request.scripted)
    except MACHINE as error:
        record = RolloutRecord(id=request.id, fault=f"the gateway did not open: {error}")
    else:
        try:
            left = _run(request, services, door)
        finally:
            ended = left.result.exit_code is not None or left.result.out_of_memory
            record = _closed(request, services, left=ended)
    fault = left.fault if record.fault is None else f"model: {record.fault}"
    return Rollout(
        result=left.result,
        files=left.files,
        rejected=left.rejected,
        fault=fault,
        record=record,
        seconds=time.monotonic() - began - left.queued_s,
    )


@dataclass(frozen=True, kw_only=True)
class _Left:
    """What a box left behind."""

    result: ExecResult
    files: Files | None = None
    rejected: str | None = None
    fault: str | None = None
    queued_s: float = 0.0


def _run(request: RolloutRequest, services: NodeServices, door: Path) -> _Left:
    areas: dict[str, Files] = {"agent": request.tree, "task": {INSTRUCTION: request.instruction.encode()}}
    if request.evidence is not None:
        areas["evidence"] = request.evidence
    spec = BoxSpec(
        name=request.id,
        kind=request.kind,
        workspace=request.workspace,
        areas=areas,
        door=door,
        limits=replace(services.limits, seconds=request.seconds),
    )
    left = _Left(result=ExecResult(exit_code=None))
    try:
        with services.sandbox.open(spec) as box:
            left = replace(left, queued_s=box.queued_s)
            left = replace(
                left, result=box.exec(request.command, env=_environment(request, box), area="agent")
            )
            if left.result.timed_out or left.result.out_of_memory:
                return left
            try:
                return replace(left, files=box.take())
            except SubmissionRejectedError as error:
                return replace(left, rejected=str(error))
    except MACHINE as error:
        return replace(left, files=None, fault=f"sandbox: {error}")


def _environment(request: RolloutRequest, box: Box) -> dict[str, str]:
    """What the agent contract promises; nothing of ours."""
    return {
        "DGM_INSTRUCTION": f"{box.path('task')}/{INSTRUCTION}",
        "DGM_WORKSPACE": box.path("workspace"),
        "DGM_MODEL": request.role,
        **(
            {model_variable(role): _alias(role, request) for role in BESIDE}
            if request.kind == "improve"
            else {}
        ),
        "DGM_DEADLINE": f"{time.time() + request.seconds:.3f}",
        "OPENAI_BASE_URL": box.base_url or "",
        "OPENAI_API_KEY": "dummy",
        **({"DGM_EVIDENCE": box.path("evidence")} if request.evidence is not None else {}),
    }


def model_variable(role: str) -> str:
    """Where an `improve` finds the model's name for one of the roles beside its own."""
    return f"DGM_{role.upper()}_MODEL"


def _alias(role: str, request: RolloutRequest) -> str:
    """A role that the run gives to no model is played by the rollout's own."""
    return role if role in request.beside else request.role


def _closed(request: RolloutRequest, services: NodeServices, *, left: bool) -> RolloutRecord:
    """The gateway's record; if the gateway is gone, what the journal knows of it."""
    try:
        return services.doors.close(request.id, left=left)
    except MACHINE as error:
        fault = f"the gateway was lost: {error}"
    try:
        calls = paid(request.journal, request.id, request.role).calls
    except JournalError as error:
        return RolloutRecord(id=request.id, fault=f"{fault}; {error}")
    return RolloutRecord(id=request.id, calls=calls, fault=fault)
