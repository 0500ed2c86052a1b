"""Builders of valid rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from archive.records import (
    Agent,
    AgentId,
    Call,
    Change,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    GateVerdict,
    Outcome,
    Row,
    Split,
    TestResult,
    TestStatus,
    Usage,
    job_id,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def agent_id(name: object) -> AgentId:
    """An id that looks like a commit."""
    return hashlib.sha1(str(name).encode()).hexdigest()


def id_at(seq: int) -> AgentId:
    """The id that `an_agent(seq)` has."""
    return agent_id(f"agent {seq}")


def an_agent(seq: int = 0, *, parent: Agent | None = None, id: AgentId | None = None) -> Agent:
    """A seed, or a child of `parent`."""
    id = id or id_at(seq)
    return Agent(
        id=id,
        seq=seq,
        parent=None if parent is None else parent.id,
        expansion=None if parent is None else job_id("run", seq, "expand", 1),
        depth=0 if parent is None else parent.depth + 1,
        tree=agent_id(f"tree of {id}"),
        patch_bytes=0 if parent is None else 120,
        patch_files=0 if parent is None else 1,
    )


def a_decision(seq: int = 1, *, agent: AgentId | None = None, task: str | None = "katas/anagram") -> Decision:
    """To evaluate on `task`, or to expand if that is None."""
    return Decision(
        seq=seq,
        kind=DecisionKind.EXPAND if task is None else DecisionKind.EVALUATE,
        agent=agent or id_at(0),
        policy="huxley",
        policy_version=1,
        task=task,
        split=None if task is None else Split.SEARCH,
        operator="single_failure" if task is None else None,
        saw={"counts": [[0, 0]], "tau": 1.5, "in_flight": {}},
        runners_up=({"agent": "…", "value": 0.25},),
    )


def an_evaluation(
    seq: int = 2,
    *,
    decision: int | None = None,
    attempt: int = 1,
    agent: AgentId | None = None,
    task: str = "katas/anagram",
    outcome: Outcome = Outcome.RESOLVED,
) -> Evaluation:
    """The result of `decision`, by default the one just before."""
    decision = seq - 1 if decision is None else decision
    status = TestStatus.PASSED if outcome is Outcome.RESOLVED else TestStatus.FAILED
    return Evaluation(
        id=job_id("run", decision, "evaluate", attempt),
        seq=seq,
        decision=decision,
        attempt=attempt,
        agent=agent or id_at(0),
        task=task,
        split=Split.SEARCH,
        outcome=outcome,
        score=None if outcome is Outcome.VOID else float(outcome is Outcome.RESOLVED),
        tests=(TestResult(name="test_rule_1", status=status), TestResult(name="test_ünicode", status=status)),
        tier="A",
        answer="a" * 64,
        detail="2 tests",
        usage=Usage(calls=2, input_tokens=100, output_tokens=20, cost_microusd=340),
        queued_s=0.25,
        solve_s=1.5,
        grade_s=0.1,
        started=NOON + timedelta(seconds=seq, microseconds=1),
        sandbox="bubblewrap",
        digests={"task": "b" * 64, "runtime": "c" * 64},
        flags=("weak_sandbox",),
    )


def a_regrade(
    seq: int, of: Evaluation, *, attempt: int = 1, outcome: Outcome = Outcome.RESOLVED
) -> Evaluation:
    """The answer of `of` graded again: the `attempt`-th time."""
    return replace(
        of,
        id=job_id("run", of.decision, "regrade", attempt),
        seq=seq,
        attempt=attempt,
        outcome=outcome,
        score=None if outcome is Outcome.VOID else float(outcome is Outcome.RESOLVED),
        usage=Usage(),
        solve_s=0.0,
        replaces=of.id,
    )


def an_expansion(
    seq: int = 2,
    *,
    decision: int | None = None,
    attempt: int = 1,
    parent: AgentId | None = None,
    child: AgentId | None = None,
    outcome: ExpansionOutcome | None = None,
) -> Expansion:
    """The result of `decision`, by default the one just before; a `child` makes it one that ended so."""
    decision = seq - 1 if decision is None else decision
    return Expansion(
        id=job_id("run", decision, "expand", attempt),
        seq=seq,
        decision=decision,
        attempt=attempt,
        parent=parent or id_at(0),
        operator="single_failure",
        outcome=outcome or (ExpansionOutcome.NO_CHANGE if child is None else ExpansionOutcome.CHILD),
        child=child,
        gates=(GateVerdict(gate="paths", passed=True, seconds=0.01), GateVerdict(gate="smoke", passed=False)),
        usage=Usage(calls=1, input_tokens=1000, output_tokens=200),
        seconds=4.0,
        started=NOON + timedelta(seconds=seq),
    )


def a_call(seq: int = 2, *, rollout: str | None = None, n: int = 0) -> Call:
    """Call number `n` of a rollout, by default of the evaluation that `an_evaluation(seq)` gives."""
    return Call(
        rollout=rollout or job_id("run", seq - 1, "evaluate", 1),
        seq=seq,
        n=n,
        model="rehearsal",
        role="solve",
        status=200,
        input_tokens=50,
        cached_tokens=0,
        output_tokens=10,
        reasoning_tokens=0,
        cost_microusd=170,
        latency_s=0.002,
        journal=False,
        request="d" * 64,
        response="e" * 64,
    )


def a_change(seq: int = 0) -> Change:
    return Change(seq=seq, kind="budget.evaluations", before="100", after="200", at=NOON)


def a_search(decisions: int, id_of: Callable[[int], AgentId] = id_at) -> list[tuple[Row, ...]]:
    """The entries of a small search: a seed, then decisions, each with its result; every fifth makes a child.

    `id_of` gives the id of the agent that the entry of this number makes.
    """
    newest = an_agent(0, id=id_of(0))
    entries: list[tuple[Row, ...]] = [(newest,)]
    for number in range(decisions):
        seq = len(entries)
        if number % 5 == 0:
            entries.append((a_decision(seq, agent=newest.id, task=None),))
            child = an_agent(seq + 1, parent=newest, id=id_of(seq + 1))
            child = replace(child, expansion=job_id("run", seq, "expand", 1))
            entries.append((an_expansion(seq + 1, parent=newest.id, child=child.id), child))
            newest = child
        else:
            outcome = list(Outcome)[number % len(Outcome)]
            entries.append((a_decision(seq, agent=newest.id),))
            evaluation = an_evaluation(seq + 1, agent=newest.id, outcome=outcome)
            entries.append((evaluation, a_call(seq + 1), a_call(seq + 1, n=1)))
    return entries
