from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from archive import Evaluation, Outcome, Split
from dgm.operators import SingleFailure
from dgm.operators.single_failure import SAID
from tests.dgm.jobs.agents import TASK

TASKS = {TASK.id: replace(TASK, instruction="Cost: $5 or ${so}")}


def row(n: int, outcome: Outcome = Outcome.UNRESOLVED, split: Split = Split.SEARCH) -> Evaluation:
    return Evaluation(
        id=f"{n}",
        seq=n,
        decision=n,
        attempt=1,
        agent="a" * 40,
        task=TASK.id,
        split=split,
        outcome=outcome,
        score=None if outcome is Outcome.VOID else float(outcome is Outcome.RESOLVED),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        detail="test_secret_seven failed",
    )


def test_without_a_failure_it_asks_to_improve_in_general() -> None:
    rows = (
        row(1, Outcome.RESOLVED),
        row(2, Outcome.VOID),
        row(3, split=Split.TEST),
        row(4, split=Split.CONFIRM),
    )
    brief = SingleFailure().brief(rows, TASKS, np.random.default_rng(0))
    assert brief.evaluations == ()
    assert "There is no failed attempt to learn from." in brief.text


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in (Outcome.RESOLVED, Outcome.VOID)])
def test_every_failure_can_be_learnt_from(outcome: Outcome) -> None:
    brief = SingleFailure().brief((row(1, outcome),), TASKS, np.random.default_rng(0))
    assert SAID[outcome] in brief.text
    assert "Cost: $5 or ${so}" in brief.text
    assert "secret" not in brief.text
    assert [chosen.id for chosen in brief.evaluations] == ["1"]


def test_it_draws_uniformly_and_from_nothing_but_the_generator() -> None:
    rows = tuple(row(n) for n in range(4))
    drawn = [
        SingleFailure().brief(rows, TASKS, np.random.default_rng(seed)).evaluations[0].id
        for seed in range(400)
    ]
    assert all(70 < count < 130 for count in Counter(drawn).values())
    again = SingleFailure().brief(rows, TASKS, np.random.default_rng(7))
    assert again == SingleFailure().brief(rows, TASKS, np.random.default_rng(7))
