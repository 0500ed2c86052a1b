"""What crosses the wall between the driver and a job: frozen, picklable values in both directions.

A job is one try of one decision. Its id names its rollout, its result and its calls. A result says everything that the
archive will keep of it; the driver turns it into rows. A job that could not be done because the machine failed gives
a `void` outcome with the reason, never an exception.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from archive import AgentId, ExpansionOutcome, GateVerdict, Outcome, Split, TestResult
from dgm.benchmarks import Task
from dgm.gates import Gates
from dgm.jobs.manifest import Manifest
from dgm.llm import Allowance, GatewayError, RolloutRecord, RolloutSpec
from sandbox import Files, Limits, Sandbox, SandboxError

MACHINE = (SandboxError, GatewayError, OSError)
"""What says that the machine failed and not the agent. Anything else is a bug, which the worker boundary reports."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What an expansion learns from one evaluation; nothing of the hidden tests.

    `other` is the tree of the agent that was evaluated, if that is not the parent.
    """

    task: Task
    outcome: Outcome
    answer: Files
    transcript: bytes
    other: Files | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluateJob:
    """One agent on one task. `sample` is the 16 bytes that seed the model's sampling.

    `model` is the one that the decision drew for it, if it drew one.
    """

    id: str
    decision: int
    attempt: int
    agent: AgentId
    tree: Files
    manifest: Manifest
    task: Task
    split: Split
    repeat: int
    sample: bytes
    seconds: float
    allowance: Allowance
    journal: Path | None
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExpandJob:
    """One child of `parent`: `improver`'s code rewrites a copy of `tree`.

    `improver` is the parent's own tree (or the seed's, for the control without self-improvement). `manifest` and the
    `frozen` files are the seed's. `known` are the forms of every agent so far (see `dgm.gates.form`), each with one.
    `beside` are the roles that it may ask besides `improve`, with the model that was drawn for each, if one was.
    """

    id: str
    decision: int
    attempt: int
    parent: AgentId
    tree: Files
    improver: Files
    manifest: Manifest
    frozen: Files
    gates: Gates
    operator: str
    brief: str
    evidence: tuple[Evidence, ...]
    known: Mapping[str, AgentId]
    sample: bytes
    seconds: float
    allowance: Allowance
    journal: Path | None
    model: str | None = None
    beside: Mapping[str, str | None] = field(default_factory=dict)


Job = EvaluateJob | ExpandJob


@dataclass(frozen=True, kw_only=True)
class EvaluateResult:
    """How one try of an evaluation ended.

    `answer` is what is kept of the workspace that the agent left, None if there was none. `record` is what went
    through its door, and what it paid, void or not.
    """

    id: str
    decision: int
    attempt: int
    outcome: Outcome
    detail: str = ""
    tests: tuple[TestResult, ...] = ()
    tier: str = ""
    answer: Files | None = None
    record: RolloutRecord | None = None
    log: bytes = b""
    started: datetime
    queued_s: float = 0.0
    solve_s: float = 0.0
    grade_s: float = 0.0
    sandbox: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ExpandResult:
    """How one try of an expansion ended. `child` is the new tree, set exactly when the outcome is `child`.

    `form` is that of the child (see `dgm.gates.form`).
    """

    id: str
    decision: int
    attempt: int
    outcome: ExpansionOutcome
    detail: str = ""
    child: Files | None = None
    form: str = ""
    gates: tuple[GateVerdict, ...] = ()
    brief: bytes = b""
    patch: bytes = b""
    record: RolloutRecord | None = None
    log: bytes = b""
    started: datetime
    queued_s: float = 0.0
    seconds: float = 0.0
    sandbox: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


Result = EvaluateResult | ExpandResult


def rollouts(job: Job) -> tuple[str, ...]:
    """Ids of the rollouts that a job may open, its own first; the other one is the smoke gate's."""
    if isinstance(job, EvaluateJob):
        return (job.id,)
    return job.id, hashlib.sha256(f"{job.id} smoke".encode()).hexdigest()[:32]


class Doors(Protocol):
    """Opens a rollout's way to the gateway of this node and closes it again. All raise GatewayError or OSError."""

    def turn(self, rollout: str) -> None:
        """Wait until this rollout may begin on this node, see `dgm.jobs.starts`."""

    def open(self, spec: RolloutSpec, *, scripted: bool = False) -> Path:
        """The directory with the rollout's socket; `scripted`: behind it plays the smoke gate's script."""

    def close(self, rollout: str, *, left: bool = False) -> RolloutRecord:
        """`left`: the agent had ended by itself, so that nobody waited for its calls any more."""


@dataclass(frozen=True)
class NodeServices:
    """What a node needs once: its sandbox and its gateway. Owned by the pool, handed to every job."""

    sandbox: Sandbox
    doors: Doors
    limits: Limits
