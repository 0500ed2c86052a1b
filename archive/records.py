"""Rows of the archive: frozen values, one class per table.

Money is integer micro-dollars, times are UTC datetimes with zone, durations are float seconds. A row belongs
to exactly one entry of the log and carries that entry's number `seq`; decisions and results share one count.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeGuard

AgentId = str
"""Forty hexadecimal digits: the commit that holds the agent's whole tree in `code.git`."""

TaskId = str
"""Name of a task, unique within a run: `<benchmark>/<exercise>`."""

Json = Mapping[str, object]
"""A JSON object that the archive keeps without reading it."""

_INT64_MAX = (1 << 63) - 1


class Split(StrEnum):
    """What a task is for: only `search` steers, `confirm` picks the winner, `test` is reported."""

    SEARCH = "search"
    CONFIRM = "confirm"
    TEST = "test"


class Outcome(StrEnum):
    """How an evaluation ended. Everything but `void` is evidence; only `resolved` scores above 0."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    NO_ANSWER = "no_answer"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    BUDGET_SPENT = "budget_spent"
    CRASHED = "crashed"
    REJECTED = "rejected"
    VOID = "void"

    @property
    def counted(self) -> bool:
        return self is not Outcome.VOID


class ExpansionOutcome(StrEnum):
    """How an expansion ended. Only `child` makes an agent; `void` is a failure of the machine."""

    CHILD = "child"
    NO_CHANGE = "no_change"
    DUPLICATE = "duplicate"
    GATED = "gated"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    BUDGET_SPENT = "budget_spent"
    CRASHED = "crashed"
    VOID = "void"

    @property
    def counted(self) -> bool:
        return self is not ExpansionOutcome.VOID


class DecisionKind(StrEnum):
    EXPAND = "expand"
    EVALUATE = "evaluate"


class TestStatus(StrEnum):
    __test__ = False  # not a pytest class

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What model calls cost together. Tokens are counts, `cost_microusd` is micro-dollars."""

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_microusd: int = 0

    def __post_init__(self) -> None:
        _check_counts(self, "calls", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
        _check_counts(self, "cost_microusd")

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost_microusd=self.cost_microusd + other.cost_microusd,
        )


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """One hidden or visible test of a task, by its id within the task."""

    __test__ = False  # not a pytest class

    name: str
    status: TestStatus


@dataclass(frozen=True, kw_only=True)
class GateVerdict:
    """What one gate said of a child; `detail` is one line for people."""

    gate: str
    passed: bool
    detail: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        _check_durations(self, "seconds")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision of the policy; on disk before its job starts.

    `saw` is what the policy looked at (counts, what was in flight) and `runners_up` the values of what it did
    not choose, both as JSON for people and for replay.
    """

    seq: int
    kind: DecisionKind
    agent: AgentId
    policy: str
    policy_version: int
    task: TaskId | None = None
    split: Split | None = None
    repeat: int = 0
    context_parents: tuple[AgentId, ...] = ()
    operator: str | None = None
    saw: Json = field(default_factory=dict)
    runners_up: tuple[Json, ...] = ()

    def __post_init__(self) -> None:
        _check_counts(self, "seq", "repeat")
        _check_names(self, "agent", "policy")
        if (self.kind is DecisionKind.EVALUATE) != (self.task is not None):
            raise ValueError(
                f"a decision names a task exactly when it evaluates, got {self.kind}: {self.task!r}"
            )
        if (self.kind is DecisionKind.EVALUATE) != (self.split is not None):
            raise ValueError(
                f"a decision names a split exactly when it evaluates, got {self.kind}: {self.split!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One agent. `parent` is None for a seed; `patch_bytes` and `patch_files` compare it with its parent.

    `form` is the digest of its code without comments and layout, which is equal for agents that do the same; empty in
    rows of a release that did not write it.
    """

    id: AgentId
    seq: int
    parent: AgentId | None
    context_parents: tuple[AgentId, ...] = ()
    expansion: str | None = None
    depth: int
    tree: str
    form: str = ""
    patch_bytes: int = 0
    patch_files: int = 0

    def __post_init__(self) -> None:
        _check_counts(self, "seq", "depth", "patch_bytes", "patch_files")
        _check_names(self, "id", "tree")
        if (self.parent is None) != (self.depth == 0):
            raise ValueError(
                f"depth is 0 exactly for a seed, got depth {self.depth} and parent {self.parent!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """The result of one try at a child. `child` is set exactly when the outcome is `child`.

    `brief`, `transcript` and `log` are digests of blobs. What the parent was when the expansion was decided:
    `parent_evaluations` counts its results on the search split, `parent_patch_bytes` is the size of all patches
    between the seed and it; None in rows of a release that did not write it.
    """

    id: str
    seq: int
    decision: int
    attempt: int
    parent: AgentId
    context_parents: tuple[AgentId, ...] = ()
    operator: str
    outcome: ExpansionOutcome
    child: AgentId | None = None
    gates: tuple[GateVerdict, ...] = ()
    brief: str | None = None
    transcript: str | None = None
    log: str | None = None
    patch: str | None = None
    detail: str = ""
    usage: Usage = field(default_factory=Usage)
    parent_evaluations: int = 0
    parent_depth: int = 0
    parent_patch_bytes: int | None = None
    queued_s: float = 0.0
    seconds: float = 0.0
    started: datetime
    sandbox: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_counts(self, "seq", "decision", "parent_evaluations", "parent_depth")
        if self.parent_patch_bytes is not None:
            _check_counts(self, "parent_patch_bytes")
        _check_counts(self, "attempt", least=1)
        _check_names(self, "id", "parent", "operator")
        _check_durations(self, "queued_s", "seconds")
        _check_utc(self, "started")
        if (self.outcome is ExpansionOutcome.CHILD) != (self.child is not None):
            raise ValueError(
                f"an expansion has a child exactly when it ended so, got {self.outcome}: {self.child!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of one try of one agent on one task.

    `score` lies in [0, 1] and is None exactly when the outcome is `void`. `answer`, `transcript` and `log`
    are digests of blobs; `tests` are the hidden tests' results. `replaces` names the evaluation that a
    re-grade stands for. `digests` name the task, the tests, the answer and the images or runtime. `sample` are
    the 16 bytes, in hexadecimal, that seeded the model's sampling; `limits` what agent and tests might use.
    """

    id: str
    seq: int
    decision: int
    attempt: int
    agent: AgentId
    task: TaskId
    split: Split
    repeat: int = 0
    outcome: Outcome
    score: float | None
    tests: tuple[TestResult, ...] = ()
    tier: str = ""
    answer: str | None = None
    transcript: str | None = None
    log: str | None = None
    detail: str = ""
    usage: Usage = field(default_factory=Usage)
    queued_s: float = 0.0
    solve_s: float = 0.0
    grade_s: float = 0.0
    started: datetime
    sandbox: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    sample: str = ""
    limits: Mapping[str, str] = field(default_factory=dict)
    replaces: str | None = None

    def __post_init__(self) -> None:
        _check_counts(self, "seq", "decision", "repeat")
        _check_counts(self, "attempt", least=1)
        _check_names(self, "id", "agent", "task")
        _check_durations(self, "queued_s", "solve_s", "grade_s")
        _check_utc(self, "started")
        if (self.outcome is Outcome.VOID) != (self.score is None):
            raise ValueError(f"score is None exactly when void, got {self.score} with outcome {self.outcome}")
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError(f"score must lie in [0, 1], got {self.score}")
        if self.score and self.outcome is not Outcome.RESOLVED:
            raise ValueError(
                f"only a resolved evaluation scores above 0, got {self.score} for {self.outcome}"
            )
        if self.replaces is not None and self.usage != Usage():
            raise ValueError(f"a re-grade calls no model, so its usage must be zero, got {self.usage}")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One model call of a rollout, in order `n`.

    `journal` says that it was answered from the journal, `cache` that the answer came from the response cache at first,
    so that it never cost this run anything.
    """

    rollout: str
    seq: int
    n: int
    model: str
    role: str
    status: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_microusd: int
    latency_s: float
    journal: bool
    request: str
    response: str
    estimated: bool = False
    cache: bool = False

    def __post_init__(self) -> None:
        _check_counts(self, "seq", "n", "status", "input_tokens", "cached_tokens", "output_tokens")
        _check_counts(self, "reasoning_tokens", "cost_microusd")
        _check_names(self, "rollout")
        _check_durations(self, "latency_s")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of a live run: budget, workers, pause, resume, a note of the operator, or a resume
    itself."""

    seq: int
    kind: str
    before: str
    after: str
    at: datetime

    def __post_init__(self) -> None:
        _check_counts(self, "seq")
        _check_names(self, "kind")
        _check_utc(self, "at")


Row = Decision | Agent | Expansion | Evaluation | Call | Change


def is_result(row: Row) -> TypeGuard[Expansion | Evaluation]:
    """Whether a job came back with this row; a re-grade is no result of its own."""
    return isinstance(row, Expansion) or (isinstance(row, Evaluation) and row.replaces is None)


ROW_TYPES: Mapping[str, type[Row]] = {
    "decisions": Decision,
    "expansions": Expansion,
    "agents": Agent,
    "evaluations": Evaluation,
    "calls": Call,
    "changes": Change,
}
"""Table name -> row class, in the order in which the rows of one entry are told."""

TABLE_OF: Mapping[type[Row], str] = {row_type: table for table, row_type in ROW_TYPES.items()}

_RANK = {row_type: rank for rank, row_type in enumerate(ROW_TYPES.values())}


@dataclass(frozen=True)
class Entry:
    """What one line of the log holds: rows that became true together, all with the same `seq`.

    The rows stand in the order of their tables (`ROW_TYPES`), rows of one table as they were given, whatever
    order they came in: a fold over live entries and one over entries read back see the same.
    """

    seq: int
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        if len(self.rows) > 1:
            object.__setattr__(
                self, "rows", tuple(sorted(self.rows, key=lambda row: _RANK.get(type(row), 0)))
            )


def job_id(run_id: str, seq: int, kind: str, attempt: int) -> str:
    """Name of a job, its rollout and its result: the first 128 bits of a SHA-256, as 32 hexadecimal digits.

    `seq` is the decision's, `attempt` counts from 1.
    """
    text = f"{run_id}\n{seq}\n{kind}\n{attempt}".encode()
    return hashlib.sha256(text).hexdigest()[:32]


def _check_counts(row: object, *names: str, least: int = 0) -> None:
    for name in names:
        if not least <= getattr(row, name) <= _INT64_MAX:
            raise ValueError(f"{name} must be at least {least} and fit 64 bits, got {getattr(row, name)}")


def _check_names(row: object, *names: str) -> None:
    for name in names:
        if not getattr(row, name):
            raise ValueError(f"{name} must not be empty")


def _check_durations(row: object, *names: str) -> None:
    for name in names:
        if not 0.0 <= getattr(row, name) < math.inf:
            raise ValueError(f"{name} must be seconds, finite and not negative, got {getattr(row, name)}")


def _check_utc(row: object, name: str) -> None:
    at: datetime = getattr(row, name)
    if at.utcoffset() != timedelta(0):
        raise ValueError(f"{name} must be a UTC time with its zone, got {at!r}; use datetime.now(UTC)")
