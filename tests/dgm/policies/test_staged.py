"""Policies with staged evaluation: gates, who may be a parent, and with what chance."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng

from archive import ExpansionOutcome, Outcome
from archive.testing import an_expansion
from dgm.policies import (
    Action,
    Darwin,
    Evaluate,
    Expand,
    Greedy,
    Huxley,
    Hyper,
    Parents,
    Policy,
    Sica,
    Uniform,
    View,
    Wait,
)
from dgm.policies.lines import improver
from dgm.policies.staged import Stages
from dgm.tree import Tree
from tests.dgm.policies.test_policies import a_tree, decide, finish, name, view

TASKS = tuple(f"katas/t{n:03}" for n in range(200))
POLICIES: list[Policy[Any]] = [Darwin(), Hyper(), Sica(), Greedy()]
NEXT = 50_000
"""A decision's number that no tree made here has."""


def a_view(scores: list[tuple[int, int]], silent: frozenset[int] = frozenset(), **given: Any) -> View:
    return view(a_tree(scores, tasks=TASKS, silent=silent), evaluations=10_000, **given)


def shares(policy: Policy[Any], seen: View, draws: int = 4000) -> list[float]:
    """How often each agent was the parent."""
    generator = default_rng(0)
    chosen: Counter[str] = Counter()
    for _ in range(draws):
        action = policy.decide(policy.start(), seen, generator)
        assert isinstance(action, Expand), action
        chosen[action.parent] += 1
    return [chosen[agent] / draws for agent in seen.tree.ids]


def decided(policy: Policy[Any], seen: View) -> Action:
    return policy.decide(policy.start(), seen, default_rng(0))


# ---- stages


@pytest.mark.parametrize(
    ("score", "target"),
    [((2, 1), 10), ((3, 7), 10), ((4, 6), 60), ((9, 1), 60), ((23, 37), 60), ((24, 36), 200), ((4, 10), 60)],
)
def test_who_passes_a_gate_is_evaluated_on_more(score: tuple[int, int], target: int) -> None:
    tree = a_tree([(0, 60), score], tasks=TASKS)
    assert Stages().targets(tree)[1] == target
    assert Stages().targets(tree)[1] == target  # asking changes nothing


def test_the_seed_needs_no_gate_before_the_last_stage() -> None:
    assert list(Stages().targets(a_tree([(0, 10)], tasks=TASKS))) == [60]
    assert list(Stages().targets(a_tree([(0, 60)], tasks=TASKS))) == [60]


def test_only_the_best_two_enter_the_last_stage() -> None:
    tree = a_tree([(12, 48), (30, 30), (40, 20), (35, 25)], tasks=TASKS)
    assert list(Stages().targets(tree)) == [60, 60, 200, 200]


def test_a_stage_ends_when_nothing_of_it_is_in_flight() -> None:
    tree = a_tree([(0, 60), (5, 4)], tasks=TASKS)
    decide(tree, NEXT, 1, TASKS[9])
    assert Stages().targets(tree)[1] == 10
    finish(tree, NEXT, Outcome.UNRESOLVED)
    assert Stages().targets(tree)[1] == 60


def test_who_has_its_last_evaluation_in_flight_is_no_parent_yet() -> None:
    seen = a_view([(12, 48), (39, 20)])
    decide(seen.tree, NEXT, 1, TASKS[59])
    assert shares(Greedy(), seen, 1) == [1, 0]


def test_stages_shrink_to_the_tasks_that_there_are() -> None:
    assert Stages().of(Tree(TASKS[:24])) == (10, 24)
    assert Stages().of(Tree(TASKS[:8])) == (8,)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_tasks_come_in_their_frozen_order_the_oldest_agents_first(policy: Policy[Any]) -> None:
    seen = a_view([(3, 4), (1, 0)])
    action = decided(policy, seen)
    assert isinstance(action, Evaluate)
    assert (action.agent, action.task) == (name(0), TASKS[7])


# ---- when to expand


@pytest.mark.parametrize("generation", [1, 2, 4])
def test_a_generation_is_made_together_and_waited_for(generation: int) -> None:
    policy = Darwin(generation=generation)
    tree = a_tree([(20, 40)], tasks=TASKS)
    for n in range(generation):
        assert isinstance(decided(policy, view(tree, evaluations=999)), Expand), n
        decide(tree, NEXT + n, 0, None)
    assert isinstance(decided(policy, view(tree, evaluations=999)), Wait)


def test_asynchronously_every_free_slot_expands() -> None:
    tree = a_tree([(20, 40)], tasks=TASKS)
    for n in range(7):
        assert isinstance(decided(Darwin(), view(tree, evaluations=999)), Expand)
        decide(tree, NEXT + n, 0, None)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_without_an_archive_the_newest_is_the_parent(policy: Policy[Any]) -> None:
    seen = replace(a_view([(20, 40), (18, 42), (2, 16), (1, 17)]), parents=Parents.LATEST)
    tree = seen.tree
    for n, agent in enumerate([2] * 100):  # every stage of everyone is done, whatever the sizes are
        if tree.used[agent] < 60:
            decide(tree, NEXT + n, agent, tree.unused_tasks(agent)[0])
            finish(tree, NEXT + n, Outcome.UNRESOLVED)
    for n in range(100):
        if tree.used[3] < 60:
            decide(tree, NEXT + 200 + n, 3, tree.unused_tasks(3)[0])
            finish(tree, NEXT + 200 + n, Outcome.UNRESOLVED)
    assert shares(policy, seen, 50)[3] == 1


@pytest.mark.parametrize("policy", [*POLICIES, Huxley(), Uniform()], ids=lambda policy: policy.name)
def test_without_evolution_the_seed_is_the_parent_even_when_it_rests(policy: Policy[Any]) -> None:
    tree = a_tree([(20, 40), (18, 42), (30, 30)], tasks=TASKS[:60])
    for n in range(3):
        decide(tree, NEXT + n, 0, None)
        for attempt in (1, 2, 3):
            tree.observe(
                an_expansion(
                    NEXT + 10 * n + 5 + attempt, decision=NEXT + n, attempt=attempt, parent=name(0),
                    outcome=ExpansionOutcome.VOID,
                )
            )  # fmt: skip
    assert tree.resting[0]
    seen = replace(view(tree, evaluations=10_000), parents=Parents.SEED)
    assert shares(policy, seen, 20)[0] == 1


# ---- who is the parent


def test_darwins_chances_are_those_of_the_paper() -> None:
    """By hand: sigmoid(10 (a - .5)) is .0474, .5, .9820; the seed has two children, so a third of its share."""
    seen = a_view([(12, 48), (30, 30), (54, 6)])
    raw = np.array([0.0474 / 3, 0.5, 0.9820])
    assert shares(Darwin(sizes=(10, 60)), seen) == pytest.approx(raw / raw.sum(), abs=0.025)


def test_darwin_takes_no_parent_that_never_answered_or_resolves_everything() -> None:
    seen = a_view([(12, 48), (2, 8), (0, 10), (200, 0)], silent=frozenset({2}))
    found = shares(Darwin(), seen, 300)
    assert found[2] == found[3] == 0
    assert found[0] > 0
    assert found[1] > 0


def test_darwin_may_keep_only_what_is_not_much_worse_than_the_seed() -> None:
    seen = a_view([(18, 42), (27, 33), (2, 8), (1, 9)])
    found = shares(Darwin(keep="better", sizes=(10, 60)), seen, 500)
    assert found[2] > 0  # however much better than the seed others are
    assert found[3] == 0
    seen = a_view([(18, 42), (3, 7), (2, 8), (1, 9)])
    assert shares(Darwin(), seen, 2000)[3] > 0


def test_darwin_counts_only_children_that_joined() -> None:
    seen = a_view([(12, 48), (0, 10), (0, 10), (2, 8)], silent=frozenset({1, 2}))
    unjoined = shares(Darwin(), seen)
    assert unjoined == pytest.approx(
        [1 / 3, 0, 0, 2 / 3], abs=0.03
    )  # one child of the seed joined, so half a share


def test_hypers_chances_are_those_of_the_paper() -> None:
    """Scores .2, .3, .5 of 60; the midpoint is their mean 1/3; the seed has two children: exp(-(2/8)^3) = .9845."""
    seen = a_view([(12, 48), (18, 42), (30, 30)])
    raw = np.array([0.2086 * 0.9845, 0.4174, 0.8411])
    assert shares(Hyper(), seen) == pytest.approx(raw / raw.sum(), abs=0.025)


def test_hypers_penalty_is_nearly_flat_to_four_children_and_then_falls_off() -> None:
    scores, children = np.full(4, 0.5), np.array([0, 4, 8, 12])
    weights = Hyper().weights(scores, children, np.arange(4))
    assert weights / weights[0] == pytest.approx([1, 0.8825, 0.3679, 0.0342], abs=1e-4)


def test_hyper_counts_withheld_tasks_as_not_resolved() -> None:
    """3 of 10 at the first gate is 3 of 60."""
    seen = a_view([(12, 48), (3, 7)])
    raw = np.array([1 / (1 + np.exp(-10 * (0.2 - 0.125))), 1 / (1 + np.exp(-10 * (0.05 - 0.125)))])
    assert shares(Hyper(), seen) == pytest.approx(raw / raw.sum(), abs=0.025)


def test_a_parent_whose_improve_crashed_is_none_any_more() -> None:
    seen = a_view([(12, 48), (18, 42)])

    def expand(seq: int, parent: int, outcome: ExpansionOutcome) -> None:
        decide(seen.tree, seq, parent, None)
        seen.tree.observe(an_expansion(seq + 1, decision=seq, parent=name(parent), outcome=outcome))

    making = (ExpansionOutcome.CHILD, ExpansionOutcome.CRASHED)
    harmless = [one for one in ExpansionOutcome if one.counted and one not in making]
    for place, outcome in enumerate(harmless):
        expand(NEXT + 2 * place, 1, outcome)
    assert shares(Hyper(), seen, 50)[1] > 0
    expand(NEXT + 100, 1, ExpansionOutcome.CRASHED)
    assert shares(Hyper(), seen, 50) == [1, 0]
    expand(NEXT + 200, 0, ExpansionOutcome.CRASHED)
    assert isinstance(decided(Hyper(), seen), Wait)


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ([(9, 9), (9, 9)], 1),  # as good: the newest
        ([(9, 9), (5, 13)], 1),  # .278 is above .5 - 1.96 * .118 = .269
        ([(9, 9), (4, 14)], 0),  # .222 is below
        ([(4, 14), (9, 9), (5, 13), (1, 17)], 2),
        ([(18, 0), (17, 1)], 0),  # no doubt about the best
        ([(0, 18), (0, 18)], 1),
    ],
)
def test_sica_walks_back_to_the_first_that_is_not_clearly_worse(
    scores: list[tuple[int, int]], chosen: int
) -> None:
    seen = a_view(scores)
    assert improver(seen.tree, np.arange(len(scores))) == chosen
    assert shares(Sica(sizes=(18,)), seen, 20)[chosen] == 1


def test_sica_without_doubt_takes_the_best_the_newest_of_equals() -> None:
    seen = a_view([(9, 9), (9, 9), (8, 10)])
    assert shares(Sica(sizes=(18,), z=0), seen, 20)[1] == 1


def test_greedy_takes_the_best_the_oldest_of_equals() -> None:
    assert shares(Greedy(), a_view([(12, 48), (26, 34), (26, 34), (3, 7)]), 20)[1] == 1


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Darwin(keep="best"), "policy.keep must be all or better"),
        (lambda: Darwin(sizes=(60, 10)), "policy.sizes must be growing"),
        (lambda: Darwin(generation=-1), "policy.generation"),
        (lambda: Hyper(gate=2.0), "policy.gate"),
        (lambda: Sica(sizes=()), "policy.sizes"),
        (lambda: Sica(z=-1), "policy.z"),
        (lambda: Greedy(sizes=(0,)), "policy.sizes"),
        (lambda: Stages(top=0), "policy.top"),
    ],
)
def test_bad_parameters_are_refused(make: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()
