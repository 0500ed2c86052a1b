"""Several operators in one run: who may ask, how they are drawn and learned, and that each draw can be made again."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.random import SeedSequence

import archive
from archive import Agent, Decision, DecisionKind, Expansion, ExpansionOutcome, Outcome, Row, Split
from archive.testing import a_decision, an_agent, an_evaluation, an_expansion
from dgm.asking import FELL_BACK, MANY, SAW, SINGLE, TWO, Asker, Mix, Question, contrasts, kin
from dgm.bandit import Bandit
from dgm.jobs import ExpandJob, Job, Result
from dgm.operators import Mixed
from dgm.report.operators import operators
from dgm.search import StoppedError
from dgm.tree import Tree
from tests.dgm.scripted import Driver, Script, chance
from tests.dgm.test_replay import replayed

TASKS = ("t0", "t1", "t2", "t3")
EVEN = Mix(weights={SINGLE: 1.0, MANY: 1.0, TWO: 1.0})
LEARNED = replace(EVEN, learned=True, bandit=Bandit(frugality=0.0, explore=0.1))
SEED = an_agent(0)


class Rows:
    """A run in memory, folded as it grows."""

    def __init__(self, mix: Mix = EVEN) -> None:
        self.mix, self.tree, self.asker = mix, Tree(TASKS), Asker(mix)
        self.all: list[Row] = []
        self.fold(SEED)

    @property
    def next(self) -> int:
        return len(self.all)

    def fold(self, row: Row) -> None:
        self.all.append(row)
        self.tree.observe(row)
        self.asker.observe(row, self.tree)

    def evaluate(self, agent: Agent, task: str, outcome: Outcome, split: Split = Split.SEARCH) -> None:
        decision = replace(a_decision(self.next, agent=agent.id, task=task), split=split)
        self.fold(decision)
        row = an_evaluation(self.next, decision=decision.seq, agent=agent.id, task=task, outcome=outcome)
        self.fold(replace(row, split=split))

    def ask(self, agent: Agent, operator: str) -> Decision:
        decision = replace(a_decision(self.next, agent=agent.id, task=None), operator=operator)
        self.fold(decision)
        return decision

    def expand(
        self, agent: Agent, operator: str = SINGLE, outcome: ExpansionOutcome = ExpansionOutcome.CHILD
    ) -> Agent:
        decision = self.ask(agent, operator)
        made = an_agent(self.next, parent=agent)
        child = made if outcome is ExpansionOutcome.CHILD else None
        row = an_expansion(self.next, decision=decision.seq, parent=agent.id, child=child and child.id)
        self.fold(replace(row, outcome=outcome, operator=operator))
        if child is not None:
            self.fold(child)
        return made

    def draw(self, agent: Agent = SEED, n: int = 0) -> Question:
        question = self.asker.draw(agent.id, self.tree, SeedSequence(n))
        assert question is not None
        return question

    def chances(self, agent: Agent = SEED) -> dict[str, float]:
        told = self.draw(agent).saw[SAW]
        assert isinstance(told, dict)
        chances: dict[str, float] = told["chances"]
        return chances

    def again(self) -> Asker:
        """What a driver that goes on knows: the tree whole, then the rows one by one."""
        asker = Asker(self.mix)
        for row in self.all:
            asker.observe(row, self.tree)
        return asker


def test_a_run_with_one_operator_draws_none() -> None:
    rows = Rows()
    assert Asker().draw(SEED.id, rows.tree, SeedSequence(0)) is None


class TestWhoMayAsk:
    def test_without_results_only_the_one_that_needs_nothing(self) -> None:
        question = Rows().draw()
        assert question == Question(
            operator=SINGLE,
            saw={SAW: {"chances": {SINGLE: 1.0}, "missing": [MANY, TWO], FELL_BACK: False}},
        )

    def test_two_failures_of_the_search_split(self) -> None:
        rows = Rows()
        rows.evaluate(SEED, "t0", Outcome.CRASHED)
        rows.evaluate(SEED, "t1", Outcome.RESOLVED)
        rows.evaluate(SEED, "t2", Outcome.VOID)
        rows.evaluate(SEED, "c0", Outcome.UNRESOLVED, Split.CONFIRM)
        assert rows.chances() == {SINGLE: 1.0}
        rows.evaluate(SEED, "t3", Outcome.UNRESOLVED)
        assert rows.chances() == pytest.approx({SINGLE: 0.5, MANY: 0.5})

    def test_what_stands_in_says_so(self) -> None:
        question = Rows(Mix(weights={SINGLE: 0.0, MANY: 2.0, TWO: 1.0})).draw()
        assert question.operator == SINGLE
        assert question.saw == {SAW: {"chances": {SINGLE: 1.0}, "missing": [MANY, TWO], FELL_BACK: True}}

    def test_another_lineage_that_did_otherwise(self) -> None:
        rows = Rows(Mix(weights={TWO: 1.0}))
        one, other = rows.expand(SEED), rows.expand(SEED)
        below = rows.expand(one)
        for agent, outcome in (
            (SEED, Outcome.RESOLVED),
            (one, Outcome.UNRESOLVED),
            (below, Outcome.RESOLVED),
        ):
            rows.evaluate(agent, "t0", outcome)
        assert rows.draw(one).operator == SINGLE  # only an ancestor and a descendant did otherwise
        rows.evaluate(other, "t0", Outcome.UNRESOLVED)
        assert rows.draw(one).operator == SINGLE  # did the same
        rows.evaluate(other, "t1", Outcome.RESOLVED)
        assert rows.draw(one).operator == SINGLE  # on another task
        rows.evaluate(one, "t1", Outcome.TIMED_OUT)
        assert rows.draw(one) == Question(
            operator=TWO,
            context=(other.id,),
            saw={SAW: {"chances": {TWO: 1.0}, "missing": [], FELL_BACK: False}},
        )
        assert rows.draw(other).context == (below.id,)  # failed t0, which that resolved
        assert rows.draw(below).context == (other.id,)  # the other way round: nobody resolved what it failed

    def test_pairs_are_in_order_and_failures_of_the_parent_come_first(self) -> None:
        parents = np.array([-1, 0, 0, 1, 2])
        marks = np.array([[2, 2, 2], [1, 2, 1], [2, 1, 0], [2, 2, 2], [0, 0, 2]], dtype=np.int8)
        assert kin(1, parents).tolist() == [True, True, False, True, False]
        assert contrasts(marks, 1, parents).tolist() == [[2, 0], [4, 2]]
        marks[1] = (0, 2, 2)
        assert contrasts(marks, 1, parents).tolist() == [[2, 1]]
        assert contrasts(marks, 0, parents).shape == (0, 2)  # everybody descends from the seed


def test_weights_are_shared_by_those_that_may_ask() -> None:
    rows = Rows(Mix(weights={SINGLE: 1.0, MANY: 3.0, TWO: 4.0}))
    for task in TASKS[:2]:
        rows.evaluate(SEED, task, Outcome.UNRESOLVED)
    assert rows.chances() == pytest.approx({SINGLE: 0.25, MANY: 0.75})
    drawn = Counter(rows.draw(n=n).operator for n in range(400))
    assert 60 < drawn[SINGLE] < 140
    assert rows.draw(n=7) == rows.draw(n=7)


class TestLearned:
    def grown(self, good: str = MANY) -> Rows:
        """Children that one operator asked for resolve what the seed and all others fail."""
        rows = Rows(LEARNED)
        for task in TASKS:
            rows.evaluate(SEED, task, Outcome.UNRESOLVED)
        for n in range(12):
            operator = (SINGLE, MANY, TWO)[n % 3]
            child = rows.expand(SEED, operator)
            for task in TASKS[:3]:
                rows.evaluate(child, task, Outcome.RESOLVED if operator == good else Outcome.UNRESOLVED)
        return rows

    @pytest.mark.parametrize("good", [SINGLE, MANY])
    def test_the_operator_with_better_children_asks_more_often(self, good: str) -> None:
        chances = self.grown(good).chances()
        assert max(chances, key=lambda name: chances[name]) == good
        assert chances[good] > 0.6
        assert min(chances.values()) > 0.02  # every draw stays possible

    def test_expansions_without_a_child_count_against_it_and_voids_not_at_all(self) -> None:
        rows, flying = self.grown(), self.grown()
        before = rows.chances()
        rows.expand(SEED, MANY, ExpansionOutcome.VOID)
        flying.ask(SEED, MANY)
        assert rows.chances() == flying.chances()  # its decision is still open
        for _ in range(5):
            rows.expand(SEED, MANY, ExpansionOutcome.DUPLICATE)
        assert rows.chances()[MANY] < before[MANY]

    def test_expansions_in_flight_narrow_the_belief(self) -> None:
        rows = self.grown()
        before = rows.chances()
        for _ in range(5):
            rows.ask(SEED, SINGLE)
        assert rows.chances() != before

    def test_a_driver_that_goes_on_draws_the_same(self) -> None:
        """Whatever came in between: the fold is of the rows, not of when they were looked at."""
        rows = Rows(LEARNED)
        agents = [SEED]
        for n in range(60):
            agent = agents[int(chance(n, "agent") * len(agents))]
            if chance(n, "kind") < 0.3:
                outcome = (
                    list(ExpansionOutcome)[int(chance(n, "end") * 9)] if n % 2 else ExpansionOutcome.CHILD
                )
                child = rows.expand(agent, (SINGLE, MANY, TWO)[n % 3], outcome)
                agents += [child] if child.id in rows.tree else []
            elif left := rows.tree.unused_tasks(rows.tree.index(agent.id)):
                outcome = list(Outcome)[int(chance(n, "outcome") * 3) % 2] if n % 7 else Outcome.VOID
                rows.evaluate(agent, left[0], outcome)
            again = rows.again()
            for one in agents:
                assert again.draw(one.id, rows.tree, SeedSequence(n)) == rows.draw(one, n)


@pytest.mark.parametrize("bandit", [False, True])
def test_each_choice_can_be_made_again_and_outlives_its_driver(tmp_path: Path, bandit: bool) -> None:
    """A run is stopped again and again, so that jobs are planned anew after later results have come."""
    asked: dict[int, list[tuple[str, str, int]]] = {}
    script = Script(2, delay_s=0.001, void=0.1)

    def work(job: Job) -> Result:
        if isinstance(job, ExpandJob):
            told = (job.operator, job.brief, sum(piece.other is not None for piece in job.evidence))
            asked.setdefault(job.decision, []).append(told)
        return script(job)

    operator = Mixed(weights={SINGLE: 0.1, MANY: 1.0, TWO: 1.0}, bandit=bandit)
    driver = Driver(tmp_path / "run", seed=2, slots=3, evaluations=45, work=work, operator=operator)
    lives = 0
    while lives < 40:
        lives += 1
        with suppress(StoppedError):
            driver.search(stops=partial(next, iter([0] * 12 + [2] * 99)))
            break
    assert lives > 1
    assert replayed(driver).difference is None
    assert all(len(set(told)) == 1 for told in asked.values())
    assert any(len(told) > 1 for told in asked.values())
    with archive.open(driver.path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
        decided = {
            row.seq: row for row in rows if isinstance(row, Decision) and row.kind is DecisionKind.EXPAND
        }
        lineage = run.lineage
    expansions = [row for row in rows if isinstance(row, Expansion)]
    assert {row.operator for row in expansions} - {SINGLE}
    for row in expansions:
        decision = decided[row.decision]
        assert (row.operator, row.context_parents) == (decision.operator, decision.context_parents)
        assert asked[row.decision][0][0] == row.operator
        assert asked[row.decision][0][2] == len(row.context_parents) == (row.operator == TWO)
        for other in row.context_parents:
            assert row.parent not in (other, *lineage.ancestors(other))
            assert other not in lineage.ancestors(row.parent)
        if row.child is not None:
            assert lineage.agent(row.child).context_parents == row.context_parents


def test_an_operator_by_itself_falls_back_until_it_has_what_it_needs(tmp_path: Path) -> None:
    """One job at a time, so that this run is always the same."""
    driver = Driver(tmp_path / "run", evaluations=60, operator=Mixed(weights={TWO: 1.0}))
    driver.search()
    with archive.open(driver.path) as run:
        rows = [row for entry in run.entries() for row in entry.rows if isinstance(row, Expansion)]
    assert {(row.operator, row.flags, len(row.context_parents)) for row in rows} == {
        (SINGLE, (FELL_BACK,), 0),
        (TWO, (), 1),
    }


def test_what_came_of_each_operator() -> None:
    rows = Rows()
    for n, task in enumerate(TASKS):
        rows.evaluate(SEED, task, Outcome.RESOLVED if n == 0 else Outcome.UNRESOLVED)
    for n, operator in enumerate((SINGLE, MANY, MANY)):
        child = rows.expand(SEED, operator)
        rows.evaluate(child, "t0", Outcome.RESOLVED)
        rows.evaluate(child, "t1", Outcome.RESOLVED if n == 2 else Outcome.UNRESOLVED)
    rows.expand(SEED, MANY)
    rows.expand(SEED, MANY, ExpansionOutcome.DUPLICATE)
    rows.expand(SEED, MANY, ExpansionOutcome.VOID)
    many, single = operators(rows.all, rows.tree).to_pylist()
    assert (many["operator"], many["expansions"], many["children"], many["duplicates"]) == (MANY, 4, 3, 1)
    assert (many["evaluated"], many["gain"]) == (2, pytest.approx((0.25 + 0.75) / 2))
    assert many["gain_se"] == pytest.approx(0.25)
    assert 0.3 < many["credit"] < 0.6  # a duplicate counts 0, a child that nobody has evaluated a half
    assert (single["operator"], single["evaluated"], single["gain"]) == (SINGLE, 1, 0.25)
    assert (single["gain_se"], single["chance"]) == (None, None)
