from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import Agent, Evaluation, Outcome, Split
from archive.testing import a_regrade, an_agent, an_evaluation, id_at
from dgm.cmp import Counts
from dgm.results import Score, gain, latest, score

AGENTS = (id_at(0), id_at(1))
TASKS = tuple(f"katas/t{n}" for n in range(4))

outcomes = st.sampled_from(Outcome)


@st.composite
def rows(draw: st.DrawFn) -> list[Evaluation]:
    """Evaluations in order, some of them re-grades of earlier ones, re-grades of re-grades included."""
    made: list[Evaluation] = []
    for n in range(draw(st.integers(0, 12))):
        outcome = draw(outcomes)
        old = draw(st.sampled_from([None, *(row for row in made if row.outcome.counted)]))
        fresh = replace(
            an_evaluation(2 * n + 2, outcome=outcome),
            agent=draw(st.sampled_from(AGENTS)),
            task=draw(st.sampled_from(TASKS)),
            split=draw(st.sampled_from(Split)),
        )
        made.append(fresh if old is None else a_regrade(2 * n + 2, old, attempt=n + 1, outcome=outcome))
    return made


def a_score(values: Sequence[float]) -> Score:
    resolved = sum(value > 0 for value in values)
    by_task = dict(zip(TASKS, values, strict=False))
    return Score(agent=AGENTS[0], counts=Counts(resolved, len(values) - resolved), by_task=by_task)


def test_a_regrade_takes_the_place_of_what_it_replaces() -> None:
    first, other = an_evaluation(2, outcome=Outcome.UNRESOLVED), an_evaluation(4)
    again = a_regrade(6, first)
    once_more = a_regrade(8, again, attempt=2, outcome=Outcome.UNRESOLVED)
    assert latest([an_agent(), first, other]) == [first, other]
    assert latest([first, other, again]) == [again, other]
    assert latest([first, other, again, once_more]) == [once_more, other]
    failed = a_regrade(10, again, attempt=2, outcome=Outcome.VOID)
    assert latest([first, other, again, failed]) == [again, other]


@given(rows())
def test_each_first_grading_counts_at_most_once(made: list[Evaluation]) -> None:
    counted = latest(made)
    origin: dict[str, str] = {}
    for row in made:
        origin[row.id] = row.id if row.replaces is None else origin[row.replaces]
    assert sorted(origin[row.id] for row in counted) == sorted(
        {origin[row.id] for row in made if row.outcome.counted}
    )
    assert all(row.outcome is not Outcome.VOID for row in counted)
    for row in counted:
        chain = [other for other in made if origin[other.id] == origin[row.id]]
        assert row == next(other for other in reversed(chain) if other.outcome.counted)


@given(rows())
def test_asking_twice_changes_nothing(made: list[Evaluation]) -> None:
    before = list(made)
    assert latest(made) == latest(made)
    assert made == before


@given(rows(), st.sampled_from(AGENTS), st.sampled_from(Split))
def test_a_score_counts_what_belongs_to_the_agent_and_the_split(
    made: list[Evaluation], agent: str, split: Split
) -> None:
    counted = latest(made)
    found = score(counted, agent, split)
    own = [row for row in counted if row.agent == agent and row.split is split]
    assert found.counts.total == len(own)
    assert found.counts.resolved == sum(row.outcome is Outcome.RESOLVED for row in own)
    assert set(found.by_task) == {row.task for row in own}
    assert 0.0 <= found.mean <= 1.0
    low, high = found.belief.interval()
    assert low <= found.belief.mean <= high
    assert score(counted[::-1], agent, split) == found


def test_a_mean_is_over_tasks_not_over_evaluations() -> None:
    thrice = [replace(an_evaluation(2 * n + 2), split=Split.TEST, task=TASKS[0]) for n in range(3)]
    once = replace(an_evaluation(8, outcome=Outcome.UNRESOLVED), split=Split.TEST, task=TASKS[1])
    found = score([*thrice, once], thrice[0].agent)
    assert found.counts == Counts(3, 1)
    assert found.mean == 0.5


def test_without_evaluations_there_is_no_score_and_no_gain() -> None:
    nothing = score([], AGENTS[0])
    assert (nothing.mean, nothing.counts) == (0.0, Counts())
    assert gain(nothing, a_score([1.0])).tasks == 0


values = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=4)


@given(values, values)
def test_a_gain_is_the_paired_difference(better: list[float], base: list[float]) -> None:
    found = gain(a_score(better), a_score(base))
    common = min(len(better), len(base))
    differences = [a - b for a, b in zip(better, base, strict=False)]
    assert found.tasks == common
    assert found.mean == pytest.approx(sum(differences) / common)
    assert min(differences) <= found.low <= found.high <= max(differences)
    assert found.low - 1e-12 <= found.mean <= found.high + 1e-12
    assert gain(a_score(better), a_score(base)) == found


@given(values, values)
def test_a_gain_turned_round_is_a_loss(better: list[float], base: list[float]) -> None:
    there, back = gain(a_score(better), a_score(base)), gain(a_score(base), a_score(better))
    assert there.mean == pytest.approx(-back.mean)
    assert there.low == pytest.approx(-back.high)
    assert there.high == pytest.approx(-back.low)


@given(values)
def test_an_agent_gains_nothing_over_itself(same: list[float]) -> None:
    found = gain(a_score(same), a_score(same))
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_of_many_equal_gains_is_narrow() -> None:
    tasks = {f"t{n}": 1.0 for n in range(20)}
    base = {task: float(n % 4 == 0) for n, task in enumerate(tasks)}
    found = gain(
        Score(agent="a", counts=Counts(20, 0), by_task=tasks),
        Score(agent="b", counts=Counts(5, 15), by_task=base),
    )
    assert found.mean == 0.75
    assert 0.5 < found.low < 0.65
    assert 0.85 < found.high < 0.98


def test_rows_that_are_no_evaluations_are_left_out() -> None:
    agent: Agent = an_agent()
    assert latest([agent]) == []
