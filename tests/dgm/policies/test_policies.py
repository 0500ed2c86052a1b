"""Policies on trees made by hand, and on a bandit whose best arm is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng

from archive import Agent, Decision, DecisionKind, ExpansionOutcome, Outcome, Split
from archive.testing import an_evaluation, an_expansion
from dgm.policies import Action, Evaluate, Expand, Huxley, Policy, Uniform, View, Wait
from dgm.tree import MAX_ATTEMPTS, Tree

TASKS = tuple(f"katas/t{n}" for n in range(24))
POLICIES: list[Policy[None]] = [Huxley(), Uniform()]


def name(n: int) -> str:
    return f"{n:040x}"


def a_tree(
    scores: list[tuple[int, int]],
    parents: list[int] | None = None,
    tasks: tuple[str, ...] = TASKS,
    silent: frozenset[int] = frozenset(),
) -> Tree:
    """Agents with (resolved, unresolved) counts, each the child of its entry in `parents` (default the seed).

    The `silent` never leave an answer where they resolve nothing.
    """
    tree = Tree(tasks)
    for n in range(len(scores)):
        parent = None if n == 0 else name((parents or [0] * len(scores))[n])
        tree.observe(Agent(id=name(n), seq=n, parent=parent, depth=int(n > 0), tree=name(n)))
    seq = len(scores)
    for n, (resolved, unresolved) in enumerate(scores):
        failed = Outcome.NO_ANSWER if n in silent else Outcome.UNRESOLVED
        for place in range(resolved + unresolved):
            decide(tree, seq, n, tasks[place])
            finish(tree, seq, Outcome.RESOLVED if place < resolved else failed)
            seq += 1
    return tree


def decide(tree: Tree, seq: int, agent: int, task: str | None) -> None:
    kind = DecisionKind.EXPAND if task is None else DecisionKind.EVALUATE
    split = None if task is None else Split.SEARCH
    tree.observe(
        Decision(seq=seq, kind=kind, agent=name(agent), task=task, split=split, policy="p", policy_version=1)
    )


def finish(tree: Tree, seq: int, outcome: Outcome) -> None:
    decision = tree.open[seq].decision
    assert decision.task is not None
    tree.observe(
        an_evaluation(seq + 10_000, decision=seq, agent=decision.agent, task=decision.task, outcome=outcome)
    )


def view(tree: Tree, *, slots: int = 1, evaluations: int = 100, expansions: int = 30) -> View:
    return View(
        tree=tree,
        slots=slots,
        evaluations_budget=evaluations,
        evaluations_started=tree.evaluations_started,
        expansions_budget=expansions,
        expansions_started=tree.expansions_started,
    )


def act(policy: Policy[None], seen: View, seed: int = 0) -> Action:
    return policy.decide(policy.start(), seen, default_rng(seed))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize(("slots", "first"), [(1, 1), (2, 2), (5, 5), (20, 5)])
def test_a_search_starts_with_expansions_of_the_seed(policy: Policy[None], slots: int, first: int) -> None:
    tree = a_tree([(0, 0)])
    for seq in range(1, 1 + first):
        action = act(policy, view(tree, slots=slots))
        assert isinstance(action, Expand)
        assert action.parent == name(0)
        decide(tree, seq, 0, None)
    assert isinstance(act(policy, view(tree, slots=slots)), Evaluate)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_slots_that_come_later_bring_no_more_first_expansions(policy: Policy[None]) -> None:
    tree = a_tree([(0, 0)])
    decide(tree, 1, 0, None)
    assert isinstance(act(policy, view(tree, slots=5)), Expand)
    decide(tree, 2, 0, TASKS[0])
    assert isinstance(act(policy, view(tree, slots=5)), Evaluate)


def set_aside(tree: Tree, seq: int, agent: int) -> None:
    decide(tree, seq, agent, None)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        tree.observe(
            an_expansion(
                seq, decision=seq, attempt=attempt, parent=name(agent), outcome=ExpansionOutcome.VOID
            )
        )


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_parent_that_rests_is_passed_over_unless_all_do(policy: Policy[None]) -> None:
    tree = a_tree([(3, 9), (2, 4), (4, 4)])

    def parents() -> set[str]:
        return {action.parent for n in range(60) if isinstance(action := act(policy, view(tree), n), Expand)}

    assert parents() == {name(0), name(1), name(2)}
    set_aside(tree, 900, 1)
    assert parents() == {name(0), name(2)}
    set_aside(tree, 901, 0)
    assert parents() == {name(2)}
    set_aside(tree, 902, 2)
    assert parents() == {name(0), name(1), name(2)}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_widening_follows_the_exponent(policy: Policy[None]) -> None:
    """Expand iff N ** 0.6 >= agents + expansions in flight: with two agents from four evaluations on."""
    assert 3**0.6 < 2 < 4**0.6
    seen = view(a_tree([(1, 2), (0, 0)]))
    assert isinstance(act(policy, replace(seen, expansions_started=1)), Evaluate)
    seen = view(a_tree([(1, 3), (0, 0)]))
    assert isinstance(act(policy, replace(seen, expansions_started=1)), Expand)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_an_agent_without_a_counted_evaluation_is_no_parent(policy: Policy[None]) -> None:
    seen = replace(view(a_tree([(2, 3), (0, 0)])), expansions_started=1)
    parents = {action.parent for n in range(50) if isinstance(action := act(policy, seen, n), Expand)}
    assert parents == {name(0)}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_when_every_task_is_used_only_an_expansion_can_help(policy: Policy[None]) -> None:
    tasks = TASKS[:1]
    seen = replace(view(a_tree([(1, 0), (0, 1), (1, 0)], tasks=tasks)), expansions_started=5)
    assert isinstance(act(policy, seen), Expand)
    decide(seen.tree, 900, 0, None)
    assert isinstance(act(policy, seen), Wait)  # its child will need evaluations


def _preferred(choose: Callable[[int], Action]) -> str:
    picked = [action.parent for n in range(300) if isinstance(action := choose(n), Expand)]
    return max(set(picked), key=picked.count)


@pytest.mark.parametrize("make", [Huxley, Uniform])
def test_only_who_resolved_something_is_a_parent_if_that_is_needed(make: Callable[..., Policy[None]]) -> None:
    scores = [(4, 4), (0, 3), (1, 2), (0, 0)]
    for needs_success, parents in ((True, {0, 2}), (False, {0, 1, 2})):
        policy, seen = make(alpha=1.0, needs_success=needs_success), view(a_tree(scores))
        chosen = {action.parent for n in range(60) if isinstance(action := act(policy, seen, n), Expand)}
        assert chosen == {name(n) for n in parents}
    nobody = act(make(alpha=1.0, needs_success=True), view(a_tree([(0, 4), (0, 3)])))
    assert isinstance(nobody, Expand)
    assert nobody.parent == name(0)


def test_draws_sharpen_as_the_budget_ends_unless_the_cool_down_is_off() -> None:
    seen = view(a_tree([(4, 4), (1, 2)]), evaluations=22)
    assert act(Huxley(), seen).saw["tau"] == 2
    assert act(Huxley(cool_down=False), seen).saw["tau"] == 1


def test_huxley_expands_by_clades_not_by_own_scores() -> None:
    """Agent 1 scores worse than agent 2, but its child shows what its clade can do."""
    tree = a_tree([(3, 9), (2, 4), (4, 4), (12, 2)], parents=[0, 0, 0, 1])
    seen = replace(view(tree, evaluations=200), evaluations_started=40, expansions_started=5)
    picked = [action.parent for n in range(400) if isinstance(action := act(Huxley(), seen, n), Expand)]
    shares = {n: picked.count(name(n)) / len(picked) for n in range(4)}
    assert shares[1] > 5 * shares[2]
    assert shares[3] > shares[2]


def test_huxley_evaluates_its_best_arm_most() -> None:
    """A bandit with five arms whose best is known: it gets the largest share of the evaluations."""
    tasks = tuple(f"katas/b{n}" for n in range(200))
    odds = [0.2, 0.3, 0.35, 0.8, 0.25]
    shares = []
    for seed in range(5):
        tree = a_tree([(0, 0)] * 5, tasks=tasks)
        generator = default_rng(seed)
        for seq in range(10, 210):
            seen = replace(view(tree, evaluations=200, expansions=0))
            action = Huxley().decide(None, seen, generator)
            assert isinstance(action, Evaluate)
            decide(tree, seq, tree.index(action.agent), action.task)
            won = generator.random() < odds[tree.index(action.agent)]
            finish(tree, seq, Outcome.RESOLVED if won else Outcome.UNRESOLVED)
        shares.append((tree.resolved + tree.unresolved)[3] / 200)
    assert np.mean(shares) > 0.5


def test_uniform_is_indifferent() -> None:
    seen = replace(view(a_tree([(0, 12), (12, 0)]), evaluations=200), expansions_started=3)
    picked = [action.parent for n in range(400) if isinstance(action := act(Uniform(), seen, n), Expand)]
    assert 0.4 < picked.count(name(0)) / len(picked) < 0.6


def test_a_decision_says_what_it_saw_and_what_it_left() -> None:
    seen = replace(view(a_tree([(3, 9), (2, 4), (4, 4)])), expansions_started=3)
    action = act(Huxley(), seen)
    assert isinstance(action, Expand)
    values = [row["value"] for row in action.runners_up]
    assert values == sorted(values, reverse=True)
    assert action.runners_up[0]["agent"] == action.parent
    assert action.saw["evaluations_started"] == 26


@pytest.mark.parametrize("alpha", [0.0, -1.0, 1.5])
def test_a_bad_exponent_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\]"):
        Huxley(alpha=alpha)
