"""Rows as a long search on real tasks makes them: their sizes are what the figures of the archive depend on."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from archive import (
    Agent,
    AgentId,
    Call,
    Decision,
    DecisionKind,
    Evaluation,
    Outcome,
    Split,
    TestResult,
    TestStatus,
    Usage,
    job_id,
)

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "perf"
TESTS = 8
CALLS = 3


def agent_id(number: int) -> AgentId:
    return hashlib.sha1(b"agent %d" % number).hexdigest()


def task_id(number: int) -> str:
    return f"python/exercise-{number:04d}"


def a_seed() -> Agent:
    return Agent(id=agent_id(0), seq=0, parent=None, depth=0, tree=agent_id(-1))


def a_decision(seq: int, agent: AgentId, task: str) -> Decision:
    """To evaluate, as `huxley` says it."""
    others = [{"agent": agent_id(n), "value": 1 / (n + 3), "resolved": n, "unresolved": 2} for n in range(5)]
    saw = {
        "slots": 8, "agents": 1000, "evaluations_started": seq, "expansions_started": 1000,
        "in_flight": [seq - n for n in range(1, 8)], "tau": 1.25,
    }  # fmt: skip
    return Decision(
        seq=seq, kind=DecisionKind.EVALUATE, agent=agent, task=task, split=Split.SEARCH, policy="huxley",
        policy_version=2, saw=saw, runners_up=tuple(others),
    )  # fmt: skip


def an_evaluation(seq: int, decision: Decision) -> Evaluation:
    """The result of `decision`, with everything that a Docker run writes down."""
    assert decision.task is not None
    won = decision.seq % 3 == 0
    status = TestStatus.PASSED if won else TestStatus.FAILED
    return Evaluation(
        id=job_id(RUN, decision.seq, "evaluate", 1),
        seq=seq,
        decision=decision.seq,
        attempt=1,
        agent=decision.agent,
        task=decision.task,
        split=Split.SEARCH,
        outcome=Outcome.RESOLVED if won else Outcome.UNRESOLVED,
        score=float(won),
        tests=tuple(TestResult(name=f"test_case_{n}", status=status) for n in range(TESTS)),
        tier="A",
        answer=_digest("answer", seq),
        transcript=_digest("transcript", seq),
        log=_digest("log", seq),
        detail=f"{TESTS if won else 0} of {TESTS} tests passed",
        usage=Usage(calls=CALLS, input_tokens=5000 + seq % 999, output_tokens=700, cost_microusd=3400),
        queued_s=0.25,
        solve_s=31.5 + seq % 17,
        grade_s=1.1,
        started=BEGAN + timedelta(seconds=seq),
        sandbox="docker",
        digests={
            "task": _digest("task", 0), "tests": _digest("tests", 0), "answer": _digest("answer", seq),
            "agent_image": _digest("image", 0), "grader_image": _digest("image", 1),
        },
        sample=_digest("sample", seq)[:32],
        limits={"memory_bytes": "1073741824", "processes": "256", "cpus": "1.0", "seconds": "300"},
    )  # fmt: skip


def the_calls(evaluation: Evaluation) -> tuple[Call, ...]:
    return tuple(
        Call(
            rollout=evaluation.id, seq=evaluation.seq, n=n, model="provider/model-large", role="solve", status=200,
            input_tokens=1700, cached_tokens=900, output_tokens=230, reasoning_tokens=0, cost_microusd=1130,
            latency_s=4.25, journal=False, request=_digest("request", evaluation.seq + n),
            response=_digest("response", evaluation.seq + n),
        )
        for n in range(CALLS)
    )  # fmt: skip


def _digest(what: str, number: int) -> str:
    return hashlib.sha256(f"{what} {number}".encode()).hexdigest()
