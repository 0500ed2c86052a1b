"""Simulated searches: the same deciding code, all-in costs, results that are late, workers side by side."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from dgm.errors import ConfigError
from dgm.policies import Action, Darwin, Huxley, Pedigree, Policy, Sica, Uniform, View
from dgm.policies.pedigree import Belief
from dgm.simulate import Found, Made, Rasch, Setting, Simulation, compared, summary
from dgm.simulate.search import Noise
from dgm.tree import Tree

POLICIES: list[Policy[Any]] = [Huxley(), Uniform(), Darwin(), Sica(), Pedigree()]


def found(policy: Policy[Any], seed: int = 0, **given: Any) -> Found:
    return Simulation(policy, Rasch(), seed, Setting(**{"total": 150, **given})).run()


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize("given", [{}, {"workers": 7}, {"late": 5}], ids=str)
def test_the_budget_is_spent_all_in_and_no_more(policy: Policy[Any], given: dict[str, Any]) -> None:
    one = found(policy, **given)
    cost = one.evaluations + 3 * one.expansions
    assert 150 - 3 < cost <= 150
    assert one.agents <= 1 + one.expansions
    assert one == found(policy, **given)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_no_expansion_begins_that_the_rest_of_the_budget_cannot_pay(policy: Policy[Any]) -> None:
    assert found(policy, total=2).expansions == 0


def test_what_is_known_of_the_seed_costs_nothing_and_is_no_task_of_the_search() -> None:
    """With all its tasks known the seed is expanded at once; without, every policy has to pay for them first."""
    for policy in POLICIES:
        one, paid = found(policy, total=6), found(policy, total=6, seed_known=False)
        assert one.expansions >= 1
        assert one.evaluations + 3 * one.expansions <= 6
        assert (paid.expansions, paid.evaluations) in {(0, 6), (1, 3)}


def test_the_first_expansions_are_made_whether_or_not_the_seed_is_known() -> None:
    for known in (False, True):
        one = found(Huxley(), total=15, workers=5, seed_known=known)
        assert (one.expansions, one.evaluations) == (5, 0)


def test_the_best_meet_tasks_that_the_search_never_saw_before_one_is_chosen() -> None:
    """Ten searches, the same until the end, where the confirmed choice may be another; tasks are met again."""
    plain = {"total": 60, "expansion_cost": 0.0, "expansions": 12, "seed_known": False}
    confirmed = 0
    for seed in range(10):
        runs = [
            Simulation(Huxley(), Rasch(tasks=24), seed, Setting(**plain, confirm=many, confirm_tasks=4))
            for many in (0, 39, 39)
        ]
        without, one, again = (run.run() for run in runs)
        assert one == again
        assert without.evaluations == 60
        assert one.evaluations in {60, 60 + 36, 60 + 38, 60 + 39}  # of 1 to 4 finalists
        assert (without.agents, without.expansions) == (one.agents, one.expansions)
        assert len(runs[0].tree.tasks) == 20
        confirmed += one.accuracy != without.accuracy
    assert 0 < confirmed < 10


def test_no_more_expansions_begin_than_are_allowed() -> None:
    assert found(Huxley(), expansions=2).expansions == 2


def test_kept_tasks_must_leave_the_search_one() -> None:
    with pytest.raises(ConfigError, match=r"must leave the search a task of world\.tasks=60, got 60"):
        found(Huxley(), confirm_tasks=60)


def test_who_is_broken_leaves_no_answer_and_joins_no_archive_of_parents() -> None:
    world = Rasch(no_child=0.0, broken=1.0)
    assert Simulation(Darwin(), world, 1, Setting(total=60)).run().depth == 1


def test_two_policies_meet_the_same_world() -> None:
    assert {found(policy, seed=3).seed_accuracy for policy in POLICIES} == {found(Huxley(), 3).seed_accuracy}
    assert found(Huxley(), seed=4).seed_accuracy != found(Huxley(), seed=3).seed_accuracy


class Watched(Rasch):
    """Keeps what its children were drawn from; nobody gets better or worse."""

    def child(self, parent: Made, generator: Generator) -> Made | None:
        CHANGES.append(generator.random())
        return parent


CHANGES: list[float] = []


def test_the_nth_agent_has_the_same_luck_and_the_nth_change_is_the_same_whoever_asks_when() -> None:
    """Children one by one, or three at a time before the first is evaluated."""
    found = []
    for generation in (0, 3):
        CHANGES.clear()
        policy = Darwin(sizes=(10,), generation=generation)
        search = Simulation(policy, Watched(tasks=10), 3, Setting(total=200))
        search.run()
        tree = search.tree
        full = tree.used == 10
        found.append((list(CHANGES), tree.resolved[full].tolist()))
    (one, others), (once, together) = found
    count = min(len(others), len(together))
    assert count > 8
    assert len(set(others)) > 2
    assert others[:count] == together[:count]
    assert one[:count] == once[:count]


class Drawn(Huxley):
    """Keeps the first number of every decision's stream."""

    def decide(self, belief: None, view: View, generator: Generator) -> Action:
        DRAWN.add(copy.deepcopy(generator).random())
        return super().decide(belief, view, generator)


DRAWN: set[float] = set()


def test_no_decision_is_drawn_from_the_noise_of_the_world() -> None:
    DRAWN.clear()
    Simulation(Drawn(), Rasch(), 5, Setting(total=60, seed_known=False)).run()
    worlds = {default_rng(SeedSequence(5, spawn_key=(noise, 0))).random() for noise in Noise}
    assert len(DRAWN) > 40
    assert not DRAWN & worlds


def test_workers_save_time_and_cost_knowledge() -> None:
    alone, many = found(Huxley()), found(Huxley(), workers=10)
    assert many.makespan < alone.makespan / 4
    assert alone.busy == pytest.approx(1.0)
    assert many.busy <= 1.0
    depth = [
        sum(found(Huxley(), seed, **given).depth for seed in range(8)) for given in ({}, {"workers": 30})
    ]
    assert depth[1] < depth[0]


def test_without_spread_and_with_one_worker_time_is_what_was_spent() -> None:
    one = found(Huxley(), spread=0.0)
    assert one.makespan == pytest.approx(one.evaluations + 3 * one.expansions)


def test_a_better_search_finds_better_agents() -> None:
    """In a world where most changes help, an hour of search beats a minute."""
    world = Rasch(drift=0.2, sd=0.3)
    gains = [
        [Simulation(Huxley(), world, seed, Setting(total=total)).run().accuracy for seed in range(6)]
        for total in (20, 300)
    ]
    assert sum(gains[1]) > sum(gains[0]) + 6 * 0.1


def test_a_summary_has_intervals_and_paired_differences() -> None:
    one, other = [[found(policy, seed, total=60) for seed in range(6)] for policy in (Huxley(), Uniform())]
    told = summary("huxley", "walk", one)
    low, high = told.true_accuracy.interval
    assert low < told.true_accuracy.mean < high
    assert compared(one, one).mean == compared(one, one).half_width == 0
    assert compared(one, other).mean == pytest.approx(
        told.true_accuracy.mean - summary("uniform", "walk", other).true_accuracy.mean
    )
    with pytest.raises(ValueError, match="same seeds"):
        compared(one, other[1:])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"workers": 0}, "budget.workers"),
        ({"late": 2, "workers": 2}, "not both"),
        ({"total": -1}, "budget.total"),
        ({"expansion_cost": float("nan")}, "budget.expansion_cost"),
        ({"expansion_time": float("inf")}, "budget.expansion_time"),
    ],
)
def test_bad_settings_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Setting(**given)


def test_a_policy_that_ranks_agents_itself_has_the_last_word() -> None:
    """The same search but for its end: the seed is what this one holds to be best."""

    class Homesick(Pedigree):
        def merit(self, belief: Belief, tree: Tree) -> NDArray[np.float64]:
            return -np.arange(len(tree), dtype=np.float64)

    one, other = found(Pedigree(), seed=2), found(Homesick(), seed=2)
    assert other.accuracy == other.seed_accuracy != one.accuracy
    assert replace(other, accuracy=one.accuracy) == one


class Seen(Rasch):
    """Keeps of every parent how deep it is and how many results it had."""

    def child(self, parent: Made, generator: Generator) -> Made | None:
        PARENTS.append((parent.depth, parent.results))
        return super().child(parent, generator)


PARENTS: list[tuple[int, int]] = []


def test_a_world_is_told_how_deep_a_parent_is_and_how_many_results_it_had_when_its_expansion_began() -> None:
    PARENTS.clear()
    search = Simulation(Pedigree(floor=4), Seen(tasks=20), 3, Setting(total=400, workers=8, spread=0.0))
    search.run()
    assert PARENTS[:3] == [(0, 20)] * 3
    depths, results = np.array(PARENTS).T
    assert results.min() == 4
    assert depths.max() == search.tree.depths.max() - 1
    parents = search.tree.parents[1:]
    assert len(set(depths)) > 2
    assert set(search.tree.depths[parents]) <= set(depths.tolist())
