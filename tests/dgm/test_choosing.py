"""Models that are learned: what counts for and against one, and that each choice can be told and made again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import SeedSequence

import archive
from archive import (
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    Outcome,
    Row,
    Split,
    Usage,
)
from archive.testing import a_decision, a_regrade, an_agent, an_evaluation, an_expansion
from dgm.bandit import Arm
from dgm.choosing import KEEP, SAW, SAW_BESIDE, Choices, Chooser, beside_of, improved, model_of
from dgm.config import Plain
from dgm.errors import ConfigError
from dgm.jobs import EvaluateResult, ExpandJob, Job, Result
from dgm.llm import CallRecord, RolloutRecord, Tokens
from dgm.prepare import prepare
from dgm.search import StoppedError
from dgm.tree import Tree
from tests.dgm.commands import composed
from tests.dgm.scripted import Driver, Script, chance
from tests.dgm.test_replay import replayed

BOTH = Choices(weights={role: {"good": 1.0, "bad": 1.0} for role in ("solve", "improve")})
SEED = an_agent(0)


class Rows:
    """A run in memory, folded as it grows."""

    def __init__(self) -> None:
        self.tree, self.chooser, self._next = Tree(("t0", "t1", "t2", "t3")), Chooser(BOTH), 1
        self._fold(SEED)

    def _fold(self, *rows: Row) -> None:
        for row in rows:
            self.tree.observe(row)
            self.chooser.observe(row)

    def decide(self, model: str, agent: str = SEED.id, task: str | None = None) -> int:
        seq, self._next = self._next, self._next + 1
        decision = a_decision(seq, agent=agent, task=task)
        self._fold(replace(decision, saw={SAW: {"name": model, "probability": 0.5, "chances": {}}}))
        return seq

    def evaluate(
        self, model: str, task: str, *outcomes: Outcome, agent: str = SEED.id, cost: int = 0
    ) -> None:
        decision = self.decide(model, agent, task)
        for attempt, outcome in enumerate(outcomes, start=1):
            row = an_evaluation(
                self._next, decision=decision, attempt=attempt, agent=agent, task=task, outcome=outcome
            )
            self._fold(replace(row, usage=Usage(calls=1, cost_microusd=cost)))
            self._next += 1

    def expand(self, model: str, outcome: ExpansionOutcome, parent: str = SEED.id) -> str:
        decision, seq = self.decide(model, parent), self._next
        self._next += 1
        if outcome is not ExpansionOutcome.CHILD:
            self._fold(an_expansion(seq, decision=decision, parent=parent, outcome=outcome))
            return ""
        child = an_agent(seq, parent=SEED)
        self._fold(an_expansion(seq, decision=decision, parent=parent, child=child.id), child)
        return child.id

    def arm(self, role: str, model: str) -> Arm:
        return self.chooser.arms(role, self.tree)[model]


def test_an_evaluation_counts_what_it_resolved_and_a_void_is_none() -> None:
    rows = Rows()
    rows.evaluate("good", "t0", Outcome.VOID, Outcome.RESOLVED, cost=300)
    rows.evaluate("bad", "t1", Outcome.TIMED_OUT, cost=50)
    rows.evaluate("bad", "t2", Outcome.VOID, cost=9_000)
    good, bad = rows.arm("solve", "good"), rows.arm("solve", "bad")
    assert (good.successes, good.failures, good.cost, good.in_flight) == (KEEP, 0.0, 600.0, 0)
    assert (bad.successes, bad.failures, bad.cost, bad.in_flight) == (0.0, 1.0, 50.0, 1)
    assert rows.arm("improve", "good") == Arm()


def test_of_a_regraded_evaluation_the_last_grade_counts() -> None:
    rows = Rows()
    rows.evaluate("good", "t0", Outcome.RESOLVED)
    before = an_evaluation(2, decision=1, task="t0")
    for row, successes in (
        (a_regrade(3, before, outcome=Outcome.UNRESOLVED), 0.0),
        (a_regrade(4, before, attempt=2, outcome=Outcome.VOID), 0.0),
        (a_regrade(5, before, attempt=3, outcome=Outcome.RESOLVED), 1.0),
    ):
        rows.chooser.observe(row)
        assert rows.arm("solve", "good").successes == successes
        assert rows.arm("solve", "good").pulls == 1


def test_an_expansion_counts_by_how_its_child_does_beside_its_parent() -> None:
    rows = Rows()
    for task, outcome in (("t0", Outcome.RESOLVED), ("t1", Outcome.UNRESOLVED)):
        rows.evaluate("good", task, outcome)
    child = rows.expand("good", ExpansionOutcome.CHILD)
    for outcome in (ExpansionOutcome.GATED, ExpansionOutcome.BUDGET_SPENT, ExpansionOutcome.VOID):
        rows.expand("bad", outcome)
    assert rows.arm("improve", "bad").pulls == pytest.approx(1 + KEEP)
    assert (rows.arm("improve", "bad").successes, rows.arm("improve", "bad").in_flight) == (0.0, 1)
    new = rows.arm("improve", "good").successes
    assert new == pytest.approx(0.5 * KEEP**2)
    for n in range(4):
        rows.evaluate("good", f"t{n}", Outcome.RESOLVED, agent=child)
        assert rows.arm("improve", "good").successes > new
        new = rows.arm("improve", "good").successes


def test_a_childs_gain_is_what_draws_of_both_beliefs_say() -> None:
    counts = [np.array(column) for column in ([7, 0, 2], [3, 4, 2], [10, 5, 1], [15, 5, 0])]
    generator = np.random.default_rng(0)
    parent = generator.beta(1 + counts[2], 1 + counts[3], (100_000, 3))
    mean = (1 + counts[2]) / (2 + counts[2] + counts[3])
    child = generator.beta(4 * mean + counts[0], 4 * (1 - mean) + counts[1], (100_000, 3))
    assert improved(*counts) == pytest.approx((child > parent).mean(axis=0), abs=0.03)


def by_model(job: Job) -> Result:
    """The good model resolves what the bad one does not, the bad one costs more, and some jobs are void."""
    result = Script(void=0.05)(job)
    role = "improve" if isinstance(job, ExpandJob) else "solve"
    call = CallRecord(
        n=0, model=str(job.model), role=role, status=200, tokens=Tokens(input=1), latency_s=0.0, journal=False,
        cost_microusd=100 if job.model == "good" else 300, estimated=False, request="", response="",
    )  # fmt: skip
    if isinstance(result, EvaluateResult) and result.outcome.counted and job.model is not None:
        resolved = chance(job.id) < (0.7 if job.model == "good" else 0.2)
        result = replace(result, outcome=Outcome.RESOLVED if resolved else Outcome.UNRESOLVED)
    return replace(result, record=RolloutRecord(id=job.id, calls=(call,)))


def rows_of(driver: Driver) -> list[Row]:
    with archive.open(driver.path) as run:
        return [row for entry in run.entries() for row in entry.rows]


def test_the_better_model_gets_more_and_every_choice_can_be_made_again(tmp_path: Path) -> None:
    driver = Driver(tmp_path / "run", slots=3, evaluations=80, confirm=8, work=by_model, choices=BOTH)
    stopping = iter(range(1000))
    with pytest.raises(StoppedError):
        driver.search(stops=lambda: int(next(stopping) > 12))
    begun = [row for row in rows_of(driver) if isinstance(row, Decision)]
    driver.search()
    rows = rows_of(driver)
    decisions = [row for row in rows if isinstance(row, Decision)]
    assert decisions[: len(begun)] == begun
    search = [row for row in decisions if row.split in (None, Split.SEARCH)]
    assert all(model_of(row) in ("good", "bad") for row in search)
    assert all(model_of(row) is None for row in decisions if row not in search)
    models = Counter(model_of(row) for row in search if row.kind is DecisionKind.EVALUATE)
    assert models["good"] > 2 * models["bad"]
    for row in search:
        told = row.saw[SAW]
        assert isinstance(told, dict)
        assert told["probability"] == told["chances"][told["name"]]
        assert sum(told["chances"].values()) == pytest.approx(1)
    # What was drawn is what every try of the job was given, and the run says the same when it is asked again.
    given = {row.decision: {call.model for call in rows_with(rows, row)} for row in rows_of_results(rows)}
    assert all(given[row.seq] == {str(model_of(row))} for row in decisions if row.seq in given)
    assert replayed(driver).difference is None
    other = replace(driver, choices=Choices(weights={"solve": {"good": 1.0, "bad": 5.0}}))
    assert replayed(other).difference is not None


def rows_of_results(rows: list[Row]) -> list[Evaluation | Expansion]:
    return [row for row in rows if isinstance(row, Evaluation | Expansion)]


def rows_with(rows: list[Row], result: Evaluation | Expansion) -> list[archive.Call]:
    return [row for row in rows if isinstance(row, archive.Call) and row.rollout == result.id]


def test_the_draw_is_the_decisions_own() -> None:
    rows = Rows()
    drawn = [
        rows.chooser.draw(DecisionKind.EXPAND, None, rows.tree, SeedSequence(0, spawn_key=(7, 3)))
        for _ in range(2)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0]
    for split in (Split.CONFIRM, Split.TEST):
        assert not rows.chooser.draw(DecisionKind.EVALUATE, split, rows.tree, SeedSequence(0))


BASE = (
    "workers=local",
    "llm=openai",
    "llm.base_url=http://127.0.0.1:9/v1",
    "llm.models.improve={a: 1, b: 2}",
)


def of(*overrides: str) -> Plain:
    return composed(*BASE, *overrides)


def test_what_is_learned_is_what_the_configuration_says() -> None:
    assert prepare(of()).choices.weights == {}
    assert prepare(of("llm.choice=weights")).choices.weights == {}
    chosen = prepare(of("llm.choice=bandit", "llm.frugality=0.5")).choices
    assert chosen.weights == {"improve": {"a": 1.0, "b": 2.0}}  # a role with one model has nothing to choose
    assert chosen.bandit.frugality == 0.5
    assert prepare(of("llm.choice={improve: bandit}")).choices.weights == chosen.weights
    assert prepare(of("llm.choice={solve: bandit}")).choices.weights == {}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("llm.choice=luck", r"llm\.choice must be weights or bandit"),
        ("llm.choice={judge: bandit}", r"llm\.choice\.judge is of a role that llm\.models does not have"),
        ("llm.frugality=-1", r"llm\.frugality must be at least 0"),
    ],
)
def test_what_is_no_choice_is_refused(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        prepare(of(override))


def test_a_role_beside_has_models_that_are_learned_from_what_the_expansions_came_to() -> None:
    weights = {"improve": {"only": 1.0, "other": 1.0}, "diagnose": {"good": 1.0, "bad": 1.0}}
    tree, chooser = Tree(("t0", "t1")), Chooser(Choices(weights=weights))

    def fold(*rows: Row) -> None:
        for row in rows:
            tree.observe(row)
            chooser.observe(row)

    fold(SEED)
    for seq in range(1, 60, 2):
        name = "good" if seq % 4 == 1 else "bad"
        saw = {SAW: {"name": "only"}, SAW_BESIDE: {"diagnose": {"name": name}}}
        decision = replace(a_decision(seq, agent=SEED.id, task=None), saw=saw)
        assert beside_of(decision, ("diagnose", "judge")) == {"diagnose": name, "judge": None}
        fold(decision)
        assert chooser.arms("diagnose", tree)[name].in_flight == 1
        if name == "good":
            child = an_agent(seq + 1, parent=SEED)
            fold(an_expansion(seq + 1, decision=seq, parent=SEED.id, child=child.id), child)
        else:
            outcome = ExpansionOutcome.NO_CHANGE
            fold(an_expansion(seq + 1, decision=seq, parent=SEED.id, outcome=outcome))
    arms = chooser.arms("diagnose", tree)
    assert arms["good"].successes > 5 > arms["bad"].successes == 0.0
    told = chooser.draw(DecisionKind.EXPAND, None, tree, SeedSequence(1))
    chances = told[SAW_BESIDE]["diagnose"]["chances"]
    assert chances["good"] > 0.8
    alone = Chooser(Choices(weights={"improve": weights["improve"]}))
    assert alone.draw(DecisionKind.EXPAND, None, tree, SeedSequence(1)).keys() == {SAW}
    assert chooser.draw(DecisionKind.EVALUATE, Split.SEARCH, tree, SeedSequence(1)) == {}


def test_a_cap_on_money_needs_the_price_of_every_role() -> None:
    priced = ("llm.price={a: {input: 1.0, output: 1.0}}", "llm.price.b.input=1")
    priced = (*priced, "llm.price.b.output=4", "budget.usd=5")
    given = of("llm.models.diagnose=dear", *priced)
    with pytest.raises(
        ConfigError, match=r"the price of model 'dear' is unknown; set llm\.price\.dear\.input"
    ):
        prepare(given)
    with pytest.raises(ConfigError, match=r"llm\.models\.critic: no job asks for that role"):
        prepare(of("llm.models.critic=a"))
    prepared = prepare(of("llm.models={judge: {a: 2, b: 1}}", *priced))
    assert prepared.upstream.beside() == ("judge",)
