"""Operators that compare: what they show, and what stands in where there is nothing to compare."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from archive import Evaluation, Outcome, Split
from archive.testing import a_decision
from dgm.operators import Mixed, SameAgentManyTasks, SingleFailure, TwoLineagesOneTask, drawn_by, mix_of
from tests.dgm.jobs.agents import TASK
from tests.dgm.operators.test_single_failure import row

TASKS = {f"t{n}": replace(TASK, id=f"t{n}", instruction=f"Do ${n}.") for n in range(9)}
PARENT, OTHER = "a" * 40, "b" * 40


def attempt(
    n: int, outcome: Outcome, task: int, agent: str = PARENT, split: Split = Split.SEARCH
) -> Evaluation:
    return replace(row(n, outcome, split), task=f"t{task}", agent=agent)


class TestSameAgentManyTasks:
    rows = (
        *(attempt(n, Outcome.UNRESOLVED, n) for n in range(5)),
        *(attempt(n, Outcome.RESOLVED, n) for n in range(5, 8)),
        attempt(8, Outcome.VOID, 8),
        attempt(9, Outcome.CRASHED, 8, split=Split.CONFIRM),
    )

    def test_failures_first_then_resolved_ones_as_many_as_it_may_show(self) -> None:
        shown = Counter[str]()
        for seed in range(60):
            brief = SameAgentManyTasks().brief(self.rows, TASKS, np.random.default_rng(seed))
            assert [one.outcome for one in brief.evaluations] == [Outcome.UNRESOLVED] * 3 + [
                Outcome.RESOLVED
            ] * 2
            for n, one in enumerate(brief.evaluations, start=1):
                said = "resolved" if n > 3 else "the answer did not pass the task's tests"
                assert f"## Attempt {n}: {said}\n\nDo ${one.task[1]}." in brief.text
            assert "secret" not in brief.text
            shown.update(one.id for one in brief.evaluations)
        assert set(shown) == set("01234567")

    def test_nothing_resolved(self) -> None:
        brief = SameAgentManyTasks().brief(self.rows[:2], TASKS, np.random.default_rng(0))
        assert "failed 2 of these attempts; resolved: none" in " ".join(brief.text.split())

    def test_a_long_instruction_is_shown_in_part(self) -> None:
        tasks = {name: replace(task, instruction="x" * 9000) for name, task in TASKS.items()}
        brief = SameAgentManyTasks().brief(self.rows, tasks, np.random.default_rng(0))
        assert len(brief.text) < 5 * 4200 + 3000
        assert "[5000 characters more]" in brief.text

    @pytest.mark.parametrize("rows", [(), rows[:1], rows[4:]])
    def test_one_failure_has_nothing_in_common(self, rows: tuple[Evaluation, ...]) -> None:
        assert SameAgentManyTasks().brief(rows, TASKS, np.random.default_rng(3)) == SingleFailure().brief(
            rows, TASKS, np.random.default_rng(3)
        )


class TestTwoLineagesOneTask:
    operator = TwoLineagesOneTask(PARENT)

    def test_it_learns_from_whom_the_parent_failed_where_the_other_did_not(self) -> None:
        rows = (
            attempt(1, Outcome.UNRESOLVED, 1),
            attempt(2, Outcome.RESOLVED, 2),
            attempt(3, Outcome.TIMED_OUT, 3),
            attempt(4, Outcome.RESOLVED, 1, OTHER),
            attempt(5, Outcome.UNRESOLVED, 2, OTHER),
            attempt(6, Outcome.RESOLVED, 3, OTHER),
            attempt(7, Outcome.RESOLVED, 4, OTHER),
        )
        briefs = [self.operator.brief(rows, TASKS, np.random.default_rng(seed)) for seed in range(40)]
        assert {tuple(one.id for one in brief.evaluations) for brief in briefs} == {("1", "4"), ("3", "6")}
        for brief in briefs:
            assert "let the other agent resolve the task" in " ".join(brief.text.split())
            assert f"Do ${brief.evaluations[0].task[1]}." in brief.text

    def test_else_from_what_it_can_and_the_other_cannot(self) -> None:
        rows = (attempt(2, Outcome.RESOLVED, 2), attempt(5, Outcome.NO_ANSWER, 2, OTHER))
        brief = self.operator.brief(rows, TASKS, np.random.default_rng(0))
        assert [one.id for one in brief.evaluations] == ["2", "5"]
        assert "let this agent resolve the task" in " ".join(brief.text.split())
        assert "it left the workspace as it was" in brief.text

    def test_where_both_did_the_same_only_the_parents_failures_are_shown(self) -> None:
        rows = (attempt(1, Outcome.UNRESOLVED, 1), attempt(2, Outcome.CRASHED, 1, OTHER))
        brief = self.operator.brief(rows, TASKS, np.random.default_rng(0))
        assert [one.id for one in brief.evaluations] == ["1"]


class TestMixed:
    def test_a_decision_is_asked_by_the_operator_that_it_drew(self) -> None:
        mixed = Mixed()
        for name in ("single_failure", "same_agent_many_tasks", "two_lineages_one_task"):
            decision = replace(a_decision(task=None), operator=name)
            assert drawn_by(mixed, decision).name == name
        single = SingleFailure()
        assert drawn_by(single, replace(a_decision(task=None), operator="x")) is single
        assert mix_of(single).weights == {}
        assert mix_of(mixed).weights == mixed.weights

    @pytest.mark.parametrize(
        ("weights", "said"),
        [
            ({"gossip": 1.0}, "got 'gossip'"),
            ({"single_failure": -1.0}, "not negative, got -1.0"),
            ({"single_failure": float("inf")}, "finite"),
            ({"single_failure": 0.0}, "must not all be 0"),
        ],
    )
    def test_weights_that_make_no_sense_are_refused(self, weights: dict[str, float], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            Mixed(weights=weights)

    def test_so_are_shares_of_the_bandit(self) -> None:
        with pytest.raises(ValueError, match="explore"):
            Mixed(explore=2.0)
