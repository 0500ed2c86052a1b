"""What to choose next, from searches that are scripted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dgm.simulate import Found
from dgm.simulate.advice import EXPECTED, Advice, Frame, Option, advise, widths
from dgm.simulate.outlook import advice_lines

FRAME = Frame(pot=120, confirm=30, workers=2, policy="huxley", own_floor={"pedigree": 3})
NOISE = (-0.02, 0.02, -0.01, 0.01, 0.0, 0.03, -0.03, 0.0)


def found(accuracy: float) -> Found:
    return Found(
        accuracy=accuracy,
        seed_accuracy=0.3,
        reachable=0.9,
        agents=5,
        evaluations=40,
        expansions=4,
        depth=2,
        makespan=9.0,
        busy=1.0,
    )


def advised(
    quality: Callable[[Option], float], fresh: float = 0.0, frame: Frame = FRAME
) -> tuple[Advice, list[list[Option]]]:
    """The advice where every option has that quality, all with the same noise; `fresh` is added on fresh draws."""
    asked: list[list[Option]] = []

    def search(options: Sequence[Option], question: str) -> list[tuple[Found, ...]]:
        asked.append(list(options))
        again = question == EXPECTED
        return [
            tuple(found(quality(option) + noise + fresh * again) for noise in NOISE) for option in options
        ]

    return advise(frame, ["huxley", "pedigree"], search), asked


def test_each_question_is_asked_with_the_answers_before_it() -> None:
    def quality(option: Option) -> float:
        return (
            0.4
            + 0.1 * (option.policy == "pedigree")
            + 0.02 * (option.floor == 5)
            + 0.03 * (option.confirm == 15)
        )

    advice, asked = advised(quality)
    assert [(one.policy, one.floor) for one in asked[0]] == [("huxley", None), ("pedigree", None)]
    assert [(one.policy, one.floor) for one in asked[1]] == [("pedigree", floor) for floor in (1, 5, 8)]
    assert {(one.policy, one.floor) for options in asked[2:4] for one in options} == {("pedigree", 5)}
    assert (advice.chosen.option.policy, advice.chosen.option.floor) == ("pedigree", 5)
    assert advice.chosen.option.confirm == 15
    assert [one.question for one in advice.answers] == ["policy", "floor", "width", "confirmation"]
    assert [advice.answers[n].sure for n in (0, 1, 3)] == [True, True, True]
    assert advice.better == 1.0
    searched = [option for options in asked[:-1] for option in options]
    assert len(searched) == len(set(searched)), "an option was searched with twice"


def test_a_floor_is_named_only_where_it_beats_the_policys_own_beyond_noise() -> None:
    count = 0

    def quality(option: Option) -> float:
        nonlocal count
        count += 1
        noise = (0.05 if count % 2 else -0.05) * (option.floor == 1)
        return 0.4 + 0.1 * (option.policy == "pedigree") + 0.001 * (option.floor == 1) + noise

    advice, _ = advised(quality)
    assert (advice.chosen.option.policy, advice.chosen.option.floor) == ("pedigree", None)
    assert (advice.answers[1].question, advice.answers[1].against.floor) == ("floor", 1)
    assert not advice.answers[1].sure


def test_a_floor_that_was_set_is_in_use_and_has_to_be_beaten() -> None:
    frame = replace(FRAME, policy="pedigree", own_floor={"pedigree": 1}, set_floor={"pedigree": 1})
    advice, asked = advised(lambda option: 0.4, frame=frame)
    assert advice.used.option.floor == advice.chosen.option.floor == 1
    assert [one.floor for one in asked[1]] == [3, 5, 8]


def test_what_is_in_use_stays_where_nothing_is_better_beyond_noise() -> None:
    count = 0

    def quality(option: Option) -> float:
        nonlocal count
        count += 1
        return 0.4 + (0.05 if count % 2 else -0.05) * (option.policy == "pedigree")

    advice, _ = advised(quality)
    assert advice.chosen.option.policy == "huxley"
    assert not advice.answers[0].sure


def test_the_largest_width_is_taken_that_costs_a_point_at_most() -> None:
    advice, asked = advised(lambda option: 0.5 - 0.006 * option.workers)
    assert [one.workers for one in asked[1]] == [1, 3, 4]
    assert advice.chosen.option.workers == 2
    assert advice.answers[1].against.workers == 1
    assert [
        one.workers for one in widths(Frame(pot=900, confirm=100, workers=16, policy="p"), asked[0][0])
    ] == [
        1,
        2,
        4,
        8,
        20,
    ]


def test_what_to_expect_comes_from_draws_that_chose_nothing() -> None:
    advice, asked = advised(lambda option: 0.5 + 0.1 * (option.policy == "pedigree"), fresh=-0.2)
    assert asked[-1] == [advice.used.option, advice.chosen.option]
    assert abs(advice.chosen.quality.mean - 0.4) < 1e-9
    assert max(one.quality.mean for one in advice.tried) > 0.59
    low, high = advice.range
    assert 0.37 <= low < high <= 0.43


def test_depths_that_the_run_never_saw_are_told_to_be_extrapolated() -> None:
    advice, _ = advised(lambda option: 0.5 + 0.1 * (option.policy == "pedigree"))
    assert "extrapolated: these searches go 2 levels deep" in advice_lines(advice, 2.5, depth=1)[-1]
    lines = advice_lines(advice, 2.5, depth=2)
    assert not any("extrapolated" in line for line in lines)
    assert "+10.0" in lines[-1]
    assert "ends higher in 100 of 100" in lines[-1]


def test_confirmation_takes_from_the_search_and_half_at_most() -> None:
    _, asked = advised(lambda option: 0.5)
    assert [one.confirm for one in asked[2]] == [0, 15, 60]
    assert max(one.confirm for options in asked for one in options) <= FRAME.pot // 2


def test_a_confirmation_that_is_larger_than_the_search_may_be_in_use() -> None:
    advice, asked = advised(lambda option: 0.5, frame=replace(FRAME, pot=21, confirm=11))
    assert advice.chosen.option.confirm == 11
    assert [one.confirm for one in asked[2]] == [0, 5]
    _, asked = advised(lambda option: 0.5, frame=replace(FRAME, pot=30))
    assert min(one.workers for options in asked for one in options) == 1
