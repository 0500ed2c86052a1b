"""The incremental tree against a pure recomputation from the rows, over histories in which everything happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from archive import (
    Agent,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    Lineage,
    Outcome,
    Row,
    Split,
    is_result,
)
from archive.testing import a_regrade
from dgm.cmp import Counts, clade_counts, posterior
from dgm.tree import MAX_ATTEMPTS, Tree
from tests.dgm.test_fold import facts
from tests.dgm.test_fold_random import SPLITS, a_run

histories = st.builds(
    lambda seed, steps: [row for entry in a_run(default_rng(seed), steps) for row in entry],
    st.integers(0, 2**32 - 1),
    st.integers(1, 120),
)
"""Voids and tries, tasks and expansions set aside, re-grades of re-grades, all splits, much in flight."""


def folded(rows: Sequence[Row]) -> Tree:
    tree = Tree(SPLITS[Split.SEARCH])
    for row in rows:
        tree.observe(row)
    return tree


class Recomputed:
    """What a tree should say, each figure from all rows anew, by what it means."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.agents = [row for row in rows if isinstance(row, Agent)]
        self._decisions = {row.seq: row for row in rows if isinstance(row, Decision)}
        self._first = [row for row in rows if is_result(row)]
        counted = {row.decision for row in self._first if row.outcome.counted}
        voids = Counter(row.decision for row in self._first if not row.outcome.counted)
        self.aside = {seq for seq in self._decisions if seq not in counted and voids[seq] >= MAX_ATTEMPTS}
        self.open = set(self._decisions) - counted - self.aside
        self._graded = counted
        self._rows = rows

    def own(self) -> dict[str, Counts]:
        """The last counted grade of each search decision that has one."""
        grades: dict[int, Evaluation] = {}
        for row in self._rows:
            if isinstance(row, Evaluation) and row.outcome.counted and row.decision in self._graded:
                grades[row.decision] = row
        found: dict[str, Counts] = defaultdict(Counts)
        for row in grades.values():
            if row.split is Split.SEARCH:
                won = row.outcome is Outcome.RESOLVED
                found[row.agent] += Counts(int(won), int(not won))
        return found

    def searches(self) -> list[Decision]:
        return [row for row in self._decisions.values() if row.split is Split.SEARCH]

    def expands(self) -> list[Decision]:
        return [row for row in self._decisions.values() if row.kind is DecisionKind.EXPAND]

    def used(self, agent: str) -> set[str | None]:
        return {row.task for row in self.searches() if row.agent == agent}

    def in_flight(self, decisions: Sequence[Decision], agent: str) -> int:
        return sum(row.seq in self.open and row.agent == agent for row in decisions)

    def started(self, decisions: Sequence[Decision]) -> int:
        return sum(row.seq not in self.aside for row in decisions)

    def usage(self) -> tuple[int, int]:
        return sum(row.usage.cost_microusd for row in self._first), sum(
            row.usage.calls for row in self._first
        )


def own(tree: Tree, i: int) -> Counts:
    return Counts(int(tree.resolved[i]), int(tree.unresolved[i]))


def clade(tree: Tree, i: int) -> Counts:
    return Counts(int(tree.clade_resolved[i]), int(tree.clade_unresolved[i]))


@settings(max_examples=60)
@given(histories)
def test_what_a_tree_says_is_a_recomputation_from_all_rows(rows: list[Row]) -> None:
    tree, all_rows = folded(rows), Recomputed(rows)
    lineage, counts = Lineage(all_rows.agents), all_rows.own()
    searches, expands = all_rows.searches(), all_rows.expands()
    assert tree.ids == [agent.id for agent in all_rows.agents]
    assert set(tree.open) == all_rows.open
    assert tree.evaluations_started == all_rows.started(searches)
    assert tree.expansions_started == all_rows.started(expands)
    assert (tree.cost_microusd, tree.calls) == all_rows.usage()
    for i, agent in enumerate(all_rows.agents):
        assert tree.parents[i] == (-1 if agent.parent is None else tree.index(agent.parent))
        assert tree.depths[i] == agent.depth
        assert tree.children[i] == len(lineage.children(agent.id))
        assert own(tree, i) == tree.counts(agent.id) == counts[agent.id]
        assert clade(tree, i) == clade_counts(lineage, counts, agent.id)
        assert tree.evaluating[i] == all_rows.in_flight(searches, agent.id)
        assert tree.expanding[i] == all_rows.in_flight(expands, agent.id)
        used = all_rows.used(agent.id)
        assert tree.used[i] == len(used)
        assert tree.unused_tasks(i) == tuple(task for task in tree.tasks if task not in used)


@settings(max_examples=30)
@given(histories)
def test_asking_twice_changes_nothing(rows: list[Row]) -> None:
    asked, left_alone = Tree(SPLITS[Split.SEARCH]), folded(rows)
    for row in rows:
        asked.observe(row)
        assert facts(asked) == facts(asked)
        asked.best()
    assert facts(asked) == facts(left_alone)


@settings(max_examples=40)
@given(histories, st.randoms(use_true_random=False))
def test_the_order_in_which_results_come_does_not_matter(rows: list[Row], random: Random) -> None:
    """Tries and re-grades of one decision stay in their order; what rests is a matter of order and left out."""
    results: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if isinstance(row, Expansion | Evaluation):
            results[row.decision].append(row)
    order = list(results)
    random.shuffle(order)
    before = [row for row in rows if not isinstance(row, Expansion | Evaluation)]
    one, other = (
        facts(folded(rows)),
        facts(folded([*before, *(row for key in order for row in results[key])])),
    )
    del one["resting"], other["resting"]
    assert one == other


@settings(max_examples=40)
@given(histories)
def test_a_clade_is_its_root_and_the_clades_of_its_children(rows: list[Row]) -> None:
    tree = folded(rows)
    for i in range(len(tree)):
        parts = (clade(tree, int(child)) for child in np.flatnonzero(tree.parents == i))
        assert clade(tree, i) == sum(parts, own(tree, i))


@settings(max_examples=40)
@given(histories)
def test_one_more_success_raises_the_mean_of_its_ancestors_and_of_nobody_else(rows: list[Row]) -> None:
    """Each failure that counts, graded again as a success."""
    last = {row.decision: row for row in rows if isinstance(row, Evaluation) and row.outcome.counted}
    failed = [
        row for row in last.values() if row.split is Split.SEARCH and row.outcome is not Outcome.RESOLVED
    ]
    tree, lineage = folded(rows), Lineage(row for row in rows if isinstance(row, Agent))
    for number, row in enumerate(failed):
        before = [posterior(clade(tree, i)).mean for i in range(len(tree))]
        tree.observe(a_regrade(10_000 + number, row, attempt=1000 + number, outcome=Outcome.RESOLVED))
        line = {row.agent, *lineage.ancestors(row.agent)}
        for i, agent in enumerate(tree.ids):
            after = posterior(clade(tree, i)).mean
            assert (after > before[i]) if agent in line else (after == before[i])
