"""Rows refuse what makes no sense, with a message that helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from archive import Entry, ExpansionOutcome, GateVerdict, Outcome, Split, Usage, job_id
from archive.testing import NOON, a_call, a_change, a_decision, an_agent, an_evaluation, an_expansion


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Usage(calls=-1), "calls must be at least 0 and fit 64 bits, got -1"),
        (lambda: Usage(cost_microusd=2**63), "cost_microusd must be at least 0 and fit 64 bits"),
        (lambda: GateVerdict(gate="g", passed=True, seconds=float("inf")), "seconds must be seconds, finite"),
        (lambda: a_decision(-1), "seq must be at least 0"),
        (lambda: replace(a_decision(), task=None), "names a task exactly when it evaluates"),
        (lambda: replace(a_decision(task=None), split=Split.TEST), "names a split exactly when it evaluates"),
        (lambda: replace(a_decision(), policy=""), "policy must not be empty"),
        (lambda: replace(an_agent(), depth=1), "depth is 0 exactly for a seed, got depth 1"),
        (lambda: replace(an_expansion(), outcome=ExpansionOutcome.CHILD), "has a child exactly when"),
        (lambda: replace(an_expansion(), child="c"), "has a child exactly when"),
        (lambda: replace(an_expansion(), attempt=0), "attempt must be at least 1"),
        (lambda: replace(an_evaluation(), score=None), "score is None exactly when void"),
        (lambda: replace(an_evaluation(outcome=Outcome.VOID), score=0.0), "score is None exactly when void"),
        (lambda: replace(an_evaluation(), score=1.5), r"score must lie in \[0, 1\], got 1.5"),
        (lambda: replace(an_evaluation(), score=float("nan")), r"score must lie in \[0, 1\]"),
        (
            lambda: replace(an_evaluation(), outcome=Outcome.CRASHED),
            "only a resolved evaluation scores above 0",
        ),
        (lambda: replace(an_evaluation(), solve_s=-0.1), "solve_s must be seconds, finite and not negative"),
        (lambda: replace(an_evaluation(), started=datetime(2026, 1, 1)), "started must be a UTC time"),
        (
            lambda: replace(a_change(), at=NOON.astimezone(timezone(timedelta(hours=1)))),
            "at must be a UTC time with its zone",
        ),
        (lambda: replace(a_call(), latency_s=float("nan")), "latency_s must be seconds"),
    ],
)
def test_a_row_refuses(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_rows_are_frozen() -> None:
    row: Any = an_evaluation()
    with pytest.raises(FrozenInstanceError):
        row.score = 0.0


def test_usage_adds_up() -> None:
    one, two = (
        Usage(calls=1, input_tokens=5, cost_microusd=7),
        Usage(calls=2, output_tokens=3, cost_microusd=1),
    )
    assert one + two == Usage(calls=3, input_tokens=5, output_tokens=3, cost_microusd=8)


def test_only_void_is_no_evidence() -> None:
    assert [outcome for outcome in Outcome if not outcome.counted] == [Outcome.VOID]
    assert [outcome for outcome in ExpansionOutcome if not outcome.counted] == [ExpansionOutcome.VOID]


def test_an_entry_orders_its_rows_by_table() -> None:
    rows = (a_call(2, n=1), a_call(2), an_evaluation(2))
    assert Entry(2, rows).rows == (rows[2], rows[0], rows[1])


def test_jobs_are_named_apart() -> None:
    names = {
        job_id(run, seq, kind, n) for run in "ab" for seq in (1, 11) for kind in ("x", "y") for n in (1, 2)
    }
    assert len(names) == 16
    assert all(len(name) == 32 for name in names)
