"""One agent process in one box with one door: the part that `solve`, `improve` and the smoke gate share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dgm.jobs.base import NodeServices
from dgm.llm import Allowance, RolloutRecord, RolloutSpec
from sandbox import BoxSpec, ExecResult, Files, Limits, SandboxError, SubmissionRejectedError

INSTRUCTION = "instruction.md"


@dataclass(frozen=True, kw_only=True)
class RolloutRequest:
    """What a rollout runs: `command` of the agent `tree` on `workspace`, told `instruction`, as model role `role`."""

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


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """What came of it.

    `fault` says that the machine or the model's provider failed, which makes the job void. `files` is the workspace
    left behind, None when it was not taken; `rejected` says why it could not be.
    """

    result: ExecResult
    files: Files | None
    rejected: str | None
    fault: str | None
    record: RolloutRecord
    seconds: float


def roll_out(request: RolloutRequest, services: NodeServices, limits: Limits) -> Rollout:
    """Run the agent until it ends or its time is up. What it paid for is in the record whatever happened."""
    areas: dict[str, Files] = {"agent": request.tree, "task": {INSTRUCTION: request.instruction.encode()}}
    if request.evidence is not None:
        areas["evidence"] = request.evidence
    door = services.doors.open(
        RolloutSpec(
            id=request.id,
            decision=request.decision,
            attempt=request.attempt,
            role=request.role,
            sample=request.sample,
            allowance=request.allowance,
            journal=request.journal,
        )
    )
    result = ExecResult(exit_code=None)
    files: Files | None = None
    rejected: str | None = None
    fault: str | None = None
    began = time.monotonic()
    try:
        spec = BoxSpec(
            name=request.id,
            kind=request.kind,
            workspace=request.workspace,
            areas=areas,
            door=door,
            limits=limits.within(request.seconds),
        )
        with services.sandbox.open(spec) as box:
            env: Mapping[str, str] = {
                "DGM_INSTRUCTION": f"{box.path('task')}/{INSTRUCTION}",
                "DGM_WORKSPACE": box.path("workspace"),
                "DGM_MODEL": request.role,
                "DGM_DEADLINE": f"{time.time() + request.seconds:.3f}",
                "OPENAI_BASE_URL": box.base_url or "",
                "OPENAI_API_KEY": "dummy",
                **({"DGM_EVIDENCE": box.path("evidence")} if request.evidence is not None else {}),
            }
            result = box.exec(request.command, env=env, area="agent")
            if not result.timed_out and not result.out_of_memory:
                try:
                    files = box.get()
                except SubmissionRejectedError as error:
                    rejected = str(error)
    except SandboxError as error:
        fault = f"sandbox: {error}"
    finally:
        record = services.doors.close(request.id)
    if record.fault is not None:
        fault = f"model: {record.fault}"
    return Rollout(
        result=result,
        files=files,
        rejected=rejected,
        fault=fault,
        record=record,
        seconds=time.monotonic() - began,
    )
