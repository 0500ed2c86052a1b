"""Statistics that steer, on trees worked by hand and by properties."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import Agent, Lineage
from dgm.cmp import Beta, Counts, best_beliefs, clade_counts, clade_posterior, posterior

NAMES = tuple(f"{n:040x}" for n in range(12))


def lineage(parents: tuple[int | None, ...]) -> Lineage:
    rows = []
    for n, parent in enumerate(parents):
        depth = 0 if parent is None else rows[parent].depth + 1
        rows.append(
            Agent(
                id=NAMES[n],
                seq=n,
                parent=None if parent is None else NAMES[parent],
                depth=depth,
                tree=f"{n:040x}",
            )
        )
    return Lineage(rows)


@st.composite
def searches(draw: st.DrawFn) -> tuple[Lineage, Mapping[str, Counts]]:
    size = draw(st.integers(1, len(NAMES)))
    parents: list[int | None] = [None, *(draw(st.integers(0, n - 1)) for n in range(1, size))]
    small = st.integers(0, 20)
    counts = {NAMES[n]: Counts(draw(small), draw(small)) for n in range(size)}
    return lineage(tuple(parents)), counts


def test_a_clade_worked_by_hand() -> None:
    #    0 (1/2)
    #    ├─ 1 (0/3)
    #    │   └─ 3 (2/2)
    #    └─ 2 (1/1)
    tree = lineage((None, 0, 0, 1))
    counts = {NAMES[0]: Counts(1, 1), NAMES[1]: Counts(0, 3), NAMES[2]: Counts(1, 0), NAMES[3]: Counts(2, 0)}
    assert clade_counts(tree, counts, NAMES[1]) == Counts(2, 3)
    assert clade_counts(tree, counts, NAMES[0]) == Counts(4, 4)
    assert clade_posterior(tree, counts, NAMES[1]) == Beta(3, 4)
    assert clade_posterior(tree, {}, NAMES[1]) == Beta(1, 1)


@given(searches())
def test_asking_twice_changes_nothing(search: tuple[Lineage, Mapping[str, Counts]]) -> None:
    """The released HGM extends a node's own list with its descendants' outcomes at every choice; ours cannot."""
    tree, counts = search
    before = dict(counts)
    first = {agent: clade_counts(tree, counts, agent) for agent in counts}
    for _ in range(3):
        assert {agent: clade_counts(tree, counts, agent) for agent in counts} == first
    assert dict(counts) == before


@given(searches(), st.randoms(use_true_random=False))
def test_the_order_in_which_agents_and_counts_came_does_not_matter(
    search: tuple[Lineage, Mapping[str, Counts]], random: Random
) -> None:
    """Siblings in any order, each after its parent; counts in any order."""
    tree, counts = search
    order, waiting = list[str](), [NAMES[0]]
    while waiting:
        order.append(waiting.pop(random.randrange(len(waiting))))
        waiting += tree.children(order[-1])
    shuffled = Lineage(tree.agent(id) for id in order)
    mixed = {agent: counts[agent] for agent in order}
    for agent in counts:
        assert clade_counts(shuffled, mixed, agent) == clade_counts(tree, counts, agent)


@given(searches())
def test_a_clade_is_its_root_and_the_clades_of_its_children(
    search: tuple[Lineage, Mapping[str, Counts]],
) -> None:
    tree, counts = search
    for agent in counts:
        parts = sum((clade_counts(tree, counts, child) for child in tree.children(agent)), counts[agent])
        assert clade_counts(tree, counts, agent) == parts


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_success_never_lowers_the_mean(resolved: int, unresolved: int) -> None:
    assert posterior(Counts(resolved + 1, unresolved)).mean > posterior(Counts(resolved, unresolved)).mean
    assert posterior(Counts(resolved, unresolved + 1)).mean < posterior(Counts(resolved, unresolved)).mean


def test_the_interval_of_a_uniform_belief() -> None:
    assert Beta(1, 1).interval(0.9) == pytest.approx((0.05, 0.95))
    assert Beta(1, 1).quantile(0.05) == pytest.approx(0.05)


def _best(*scores: tuple[int, int], tasks: int = 24) -> int:
    resolved, unresolved = np.array(scores).T
    return best_beliefs(resolved, unresolved, tasks=tasks, count=1)[0]


def test_best_belief_wants_evidence_not_luck() -> None:
    assert _best((6, 14), (9, 0), (12, 6)) == 2  # nine of nine is too few to compete
    assert _best((6, 14), (10, 0), (12, 6)) == 1  # 5 % quantile .76 against .49
    assert _best((0, 0), (3, 6)) == 0  # the seed competes without evidence


def test_best_belief_needs_no_more_evaluations_than_there_are_tasks() -> None:
    assert _best((1, 3), (4, 0), tasks=4) == 1


def test_best_belief_breaks_ties_by_age() -> None:
    assert _best((5, 5), (8, 4), (8, 4)) == 1
