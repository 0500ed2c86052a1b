"""Decisions: values worked by hand, who may be a parent, which task, when to wait, what an expansion costs."""

from __future__ import annotations

from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng

from archive import ExpansionOutcome, Outcome, Usage
from dgm.policies import Action, Evaluate, Expand, Parents, View, Wait
from dgm.policies.pedigree import Pedigree
from dgm.policies.pedigree.messages import Walk
from dgm.policies.pedigree.sites import TAU2
from dgm.policies.pedigree.told import reach
from dgm.policies.pedigree.value import Standing, of_evaluations, of_expansions, typical
from tests.dgm.policies.pedigree.lives import TASKS, Life, a_life, name


def view(life: Life, budget: int = 400, **given: Any) -> View:
    tree = life.tree
    return View(
        tree=tree,
        evaluations_budget=budget,
        evaluations_started=tree.evaluations_started,
        expansions_started=tree.expansions_started,
        **{"slots": 1, "expansions_budget": 1000, "expansion_cost": 3.0, **given},
    )


def act(life: Life, policy: Pedigree | None = None, seed: int = 0, **given: Any) -> Action:
    return (policy or Pedigree()).decide(life.belief, view(life, **given), default_rng(seed))


def a_seed(resolved: int = 4) -> Life:
    """A seed that has met all its tasks."""
    life = Life()
    life.born()
    for task in range(len(TASKS)):
        life.result(0, task, resolved=task < resolved)
    return life


def gain(move: float, variance: float, gap: float, n: int, told: float) -> float:
    sd = move / sqrt(variance + 1 / (n * told))
    x = gap / sd
    return sd * (x * (1 + erf(x / sqrt(2))) / 2 + exp(-x * x / 2) / sqrt(2 * pi))


def test_values_of_three_agents_worked_by_hand() -> None:
    now = Standing(
        mean=np.array([0.0, 0.4, -1.0]),
        variance=np.array([0.1, 0.3, 0.2]),
        covariance=np.array([0.05, 0.3, 0.02]),
        whole=np.array([1.0, 0.9, 0.5]),
        best=1,
        second=0,
    )
    told = 0.15
    evaluate = [
        max(gain(0.05, 0.1, -0.4, n, told) / n for n in (1, 4, 16)),
        max(0.9 * gain(0.25, 0.3, -0.4, n, told) / n for n in (1, 4, 16)),
        max(0.5 * gain(0.18, 0.2, -1.4, n, told) / n for n in (1, 4, 16)),
    ]
    assert of_evaluations(now, told, 100).tolist() == pytest.approx(evaluate)
    expand = [
        max(0.81 * gain(0.25, 0.3, -0.4 - 0.05, n, told) / (4.5 + n) for n in (1, 4, 16)),
        max(0.9 * 0.81 * gain(0.2, 0.5, -0.05, n, told) / (4.5 + n) for n in (1, 4, 16)),
        max(0.5 * 0.81 * gain(0.38, 0.4, -1.4 - 0.05, n, told) / (4.5 + n) for n in (1, 4, 16)),
    ]
    walk, none = Walk(drift=-0.05, step=0.2), np.zeros(3)
    found = of_expansions(now, told, walk, cost=3.0, penalty=none, sound=0.9, left=100)
    assert found.tolist() == pytest.approx(expand)
    near = of_expansions(now, told, walk, cost=3.0, penalty=none, sound=0.9, left=2)
    assert near[1] == pytest.approx(0.9 * 0.81 * gain(0.2, 0.5, -0.05, 1, told) / 5.5)
    assert of_evaluations(now, told, 0.5).tolist() == [-np.inf] * 3
    held_back = of_expansions(now, told, walk, cost=3.0, penalty=none + 0.3, sound=0.9, left=100)
    assert (held_back < found).all()


def test_the_typical_information_is_of_the_better_half_of_the_tasks() -> None:
    assert typical(np.array([0.1, 0.4, 0.2, 0.3])) == pytest.approx(0.35)
    assert typical(np.array([0.1, 0.4, 0.2])) == pytest.approx(0.4)
    assert typical(np.array([0.1])) == pytest.approx(0.1)


def test_the_seed_meets_its_tasks_first_as_many_as_its_share_pays() -> None:
    life = Life()
    life.born()
    for task in range(5):
        action = act(life, budget=20)
        assert isinstance(action, Evaluate)
        assert (action.agent, action.task) == (name(0), TASKS[task])
        life.result(0, task, resolved=False)
    assert isinstance(act(life, budget=20), Expand)
    assert isinstance(act(life, budget=400), Evaluate)
    assert isinstance(act(a_seed(), budget=400), Expand)


def test_of_equal_tasks_the_lowest_is_taken() -> None:
    """Nothing is known of any task but the first."""
    life = Life()
    life.born()
    life.result(0, 0, resolved=True)
    for task in range(1, 4):
        action = act(life, budget=4, expansions_budget=0, slots=4)
        assert isinstance(action, Evaluate)
        assert action.task == TASKS[task]
        life.start(0, task)


def test_with_a_mix_of_one_tasks_are_any_that_are_left() -> None:
    life = a_seed()
    life.born(0)
    life.result(1, 3, resolved=True)
    actions = [act(life, Pedigree(mix=1.0), seed, expansions_budget=0) for seed in range(80)]
    tasks = {action.task for action in actions if isinstance(action, Evaluate)}
    assert tasks == set(TASKS) - {TASKS[3]}


def test_the_task_is_the_one_that_tells_most() -> None:
    """w / (1 + w (tv + 0.5)) + br (1 - br) p over the tasks that are left, in a plain loop."""
    for seed in range(6):
        life = a_life(seed, agents=12, results=40)
        action = act(life, Pedigree(floor=50), expansions_budget=0)
        assert isinstance(action, Evaluate)
        agent = life.tree.index(action.agent)
        (m, v), broken = life.belief.abilities.at(agent), life.belief.broken[agent]
        told: dict[str, float] = {}
        for place in life.tree.unused(agent).nonzero()[0].tolist():
            tm, tv = (float(one[0]) for one in life.belief.difficulties((TASKS[place],)))
            k = 1 / sqrt(1 + pi * (v + tv + 0.5) / 8)
            p = 1 / (1 + exp(-k * (m - tm)))
            w = k * k * p * (1 - p)
            told[TASKS[place]] = w / (1 + w * (tv + 0.5)) + broken * (1 - broken) * p
        assert action.task == max(told, key=lambda name: told[name])


@pytest.mark.parametrize(
    ("slots", "given", "floor"), [(1, None, 3), (19, None, 3), (20, None, 5), (20, 1, 1), (1, 0, 0)]
)
def test_only_who_has_results_enough_is_a_parent(slots: int, given: int | None, floor: int) -> None:
    policy = Pedigree(floor=given)
    life = a_seed(resolved=1)
    life.born(0)
    for task in range(6):
        may = policy.parents(view(life, slots=slots))
        assert may.tolist() == [True, task >= floor]
        life.result(1, task, resolved=True)


def test_the_newest_alone_may_be_a_parent_without_an_archive() -> None:
    life = a_seed()
    for _ in range(3):
        life.born(0)
    for task in range(3):
        life.result(2, task, resolved=False)
    assert Pedigree().parents(view(life, parents=Parents.LATEST)).tolist() == [False, False, True, False]


def test_a_parent_that_rests_is_passed_over_unless_all_do() -> None:
    life = a_seed()
    for _ in range(2):
        decision = life.start(0)
        for _ in range(3):
            life.end_expansion(decision, ExpansionOutcome.VOID)
    assert life.tree.resting.all()
    assert Pedigree().parents(view(life)).tolist() == [True]
    life.born(0)
    for task in range(3):
        life.result(1, task, resolved=False)
    assert Pedigree().parents(view(life)).tolist() == [False, True]


def test_idling_beats_the_ninth_expansion_of_one_parent() -> None:
    """1/sqrt(1 + 7) is above 0.35, 1/sqrt(1 + 8) below; without patience slots are filled."""
    life = a_seed()
    for _ in range(8):
        assert isinstance(act(life, slots=50), Expand)
        life.start(0)
    waiting = act(life, slots=50)
    assert isinstance(waiting, Wait)
    assert waiting.reason
    assert isinstance(act(life, Pedigree(patience=0.0), slots=50), Expand)
    assert isinstance(act(life, Pedigree(sharing=0.0), slots=50), Expand)


def test_running_jobs_and_a_reserve_hold_expansions_back() -> None:
    """After 12 evaluations: n + 3 must fit into what is left but for 5 % of the budget and one per running job."""
    life = a_seed()
    assert isinstance(act(life, budget=16), Wait)  # 1 + 3 > 4 - 0.8
    assert isinstance(act(life, budget=17), Expand)  # 1 + 3 <= 5 - 0.85
    life.start(0)
    assert isinstance(act(life, budget=20), Wait)  # 1 + 3 > 5 - 1 - 1
    assert isinstance(act(life, budget=22), Expand)  # 1 + 3 <= 7 - 1.1 - 1


def test_what_an_expansion_costs_is_measured() -> None:
    life, policy = a_seed(), Pedigree(expansion_cost=4.0)
    assert policy.price(Life().belief, view(life)) == 3.0
    assert policy.price(Life().belief, view(life, expansion_cost=0.0)) == 4.0
    for usage in (Usage(calls=1, input_tokens=100, output_tokens=20), Usage(calls=1, cost_microusd=50)):
        life = Life()
        life.born()
        life.end(life.start(0, 0), Outcome.RESOLVED, usage=usage)
        for _ in range(5):
            tenfold = usage
            for _ in range(9):
                tenfold += usage
            life.end_expansion(life.start(0), ExpansionOutcome.NO_CHANGE, usage=tenfold)
        assert policy.price(life.belief, view(life)) == pytest.approx((3 + 10) / 2)


def test_penalties_hold_deep_and_large_agents_back() -> None:
    def chosen(policy: Pedigree) -> str:
        life = a_seed()
        for _ in range(2):
            life.born(0)
        life.born(1, patch_bytes=500_000)
        for agent, resolved in ((1, 6), (2, 6), (3, 9)):
            for task in range(len(TASKS)):
                life.result(agent, task, resolved=task < resolved)
        action = act(life, policy)
        assert isinstance(action, Expand)
        return action.parent

    assert chosen(Pedigree()) == name(3)
    assert chosen(Pedigree(level_penalty=2.0)) == name(0)
    assert chosen(Pedigree(patch_penalty=4.0)) == name(2)


def test_asking_twice_changes_nothing() -> None:
    life = a_life(8)
    once = act(life, Pedigree(mix=0.5), slots=4)
    best = Pedigree().merit(life.belief, life.tree)
    assert act(life, Pedigree(mix=0.5), slots=4) == once
    assert np.array_equal(Pedigree().merit(life.belief, life.tree), best)
    assert act(life, Pedigree(mix=0.5), slots=4) == once


def test_a_decision_says_what_it_saw_and_what_it_left() -> None:
    life = a_life(8)
    action = act(life)
    assert isinstance(action, Evaluate | Expand)
    chosen = action.parent if isinstance(action, Expand) else action.agent
    values: list[Any] = [row["value"] for row in action.runners_up]
    assert values == sorted(values, reverse=True)
    assert (action.runners_up[0]["agent"], action.runners_up[0]["kind"]) == (
        chosen,
        "expand" if isinstance(action, Expand) else "evaluate",
    )
    assert action.saw["best"] in life.tree.ids
    assert action.runners_up[0].get("task") == (None if isinstance(action, Expand) else action.task)
    assert len(action.runners_up) == 4
    for row in action.runners_up:
        assert (row["kind"] == "evaluate") == ("task" in row)
        assert row["costs"] == (1.0 if row["kind"] == "evaluate" else action.saw["expansion_costs"])


def test_what_an_agent_may_reach_is_told_as_a_share_of_the_tasks() -> None:
    even = np.zeros(3)
    certain = reach(0.0, 0.0, even, even)
    assert (certain.mean, certain.sd) == (0.5, 0.0)
    k = (1 + np.pi / 8 * TAU2) ** -0.5
    high, low = (1 / (1 + np.exp(-k * m)) for m in (1.0, -1.0))
    unsure = reach(0.0, 1.0, even, even)
    assert unsure.mean == pytest.approx(0.5)
    assert unsure.sd == pytest.approx((high - low) / 2)
    assert reach(2.0, 0.1, even, even).mean > reach(1.0, 0.1, even, even).mean
    assert reach(0.0, 0.0, np.array([-99.0, 99.0]), np.zeros(2)).mean == pytest.approx(0.5)


@pytest.mark.parametrize("budget", [0, 1, 2, 13])
def test_small_budgets_end_cleanly(budget: int) -> None:
    life = Life()
    life.born()
    for task in range(budget):
        action = act(life, budget=budget)
        assert isinstance(action, Evaluate | Expand)
        if isinstance(action, Expand):
            life.end_expansion(life.start(0), ExpansionOutcome.NO_CHANGE)
        else:
            life.result(0, task, resolved=False)
        if view(life, budget).left < 1:
            break
    assert isinstance(act(life, budget=budget), Wait)


def test_nonsense_ends_in_waiting() -> None:
    assert isinstance(act(Life()), Wait)
    assert isinstance(act(a_seed(), expansions_budget=0), Wait)
    no_tasks = Life(tasks=())
    no_tasks.born()
    assert isinstance(act(no_tasks), Wait)
    pending = a_seed()
    pending.born(0)
    for task in range(len(TASKS)):
        pending.start(1, task)
    assert isinstance(act(pending, expansions_budget=0, slots=20), Wait)


def test_one_task_is_enough() -> None:
    life = Life(tasks=TASKS[:1])
    life.born()
    life.result(0, 0, resolved=True)
    assert isinstance(act(life), Expand)
    life.born(0)
    assert isinstance(act(life, expansions_budget=0), Evaluate)
    life.result(1, 0, resolved=True)
    assert isinstance(act(life), Expand)
    assert isinstance(act(life, expansions_budget=0), Wait)


def test_when_all_children_are_broken_the_seed_stays_best() -> None:
    life = a_seed(resolved=6)
    for _ in range(6):
        child = life.born(0)
        for task in range(8):
            life.result(child, task, resolved=False)
    assert int(np.argmax(Pedigree().merit(life.belief, life.tree))) == 0
    action = act(life)
    assert isinstance(action, Expand)
    assert action.parent == name(0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mix": 1.5}, r"policy.mix must lie in \[0, 1\], got 1.5"),
        ({"floor": -1}, "policy.floor must not be negative"),
        ({"level_penalty": -0.1}, "policy.level_penalty must not be negative"),
        ({"expansion_cost": 0.0}, "policy.expansion_cost must be above 0"),
    ],
)
def test_bad_settings_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Pedigree(**given)
