"""The unchanged seed with k attempts per task: how many cost what a search did, and what they come to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import archive
from archive import Evaluation, Outcome, Row, RunInfo, Split, Usage, create_run
from archive.testing import a_decision, an_agent, an_evaluation, an_expansion, id_at
from dgm.deciding import Bounds, Decider
from dgm.errors import ConfigError
from dgm.matching import costs, matched
from dgm.policies import Attempts
from dgm.results import attempts
from dgm.tree import Tree

TESTS = ("katas/t0", "katas/t1")
SPLITS = {Split.SEARCH: ("katas/anagram",), Split.TEST: TESTS}


def paid(dollars: float, tokens: int) -> Usage:
    return Usage(calls=1, input_tokens=tokens, output_tokens=tokens, cost_microusd=round(dollars * 1e6))


def a_run(path: Path, money: float = 1.0) -> Path:
    """A search for 12 dollars and a test in which the seed paid 4 for two attempts; tokens: 60 and 10."""
    seed = an_agent(0)
    child = replace(an_agent(2, parent=seed), id=id_at(2))
    rows: list[tuple[Row, ...]] = [
        (a_decision(1, task=None),),
        (
            replace(an_expansion(2, child=child.id), usage=paid(6 * money, 20)),
            child,
        ),
        (a_decision(3, agent=child.id),),
        (replace(an_evaluation(4, agent=child.id, outcome=Outcome.VOID), usage=paid(2 * money, 5)),),
        (replace(an_evaluation(5, decision=3, attempt=2, agent=child.id), usage=paid(4 * money, 5)),),
    ]
    for agent in (seed.id, child.id):
        for task in TESTS:
            n = len(rows) + 1
            rows.append((replace(a_decision(n, agent=agent, task=task), split=Split.TEST),))
            done = an_evaluation(n + 1, agent=agent, task=task)
            rows.append(
                (replace(done, split=Split.TEST, usage=paid((2 if agent == seed.id else 9) * money, 2)),)
            )
    with create_run(path, RunInfo(id="run", seed=0, splits=SPLITS)) as run:
        run.append(seed)
        for entry in rows:
            run.append(*entry)
    return path


def test_what_a_run_paid_for(tmp_path: Path) -> None:
    with archive.open(a_run(tmp_path / "run")) as run:
        found = costs(run)
    assert (found.search.cost_microusd, found.test.cost_microusd) == (12_000_000, 22_000_000)
    assert (found.seed.cost_microusd, found.attempts) == (4_000_000, 2)


@pytest.mark.parametrize(
    ("money", "repeats"),
    [
        (1.0, 3),  # 12 dollars are six attempts at 2: three at each of two tests
        (0.0, 8),  # 60 tokens are 15 attempts at 4, rounded to even
    ],
)
def test_a_baseline_gets_the_attempts_that_its_model_paid_for(
    tmp_path: Path, money: float, repeats: int
) -> None:
    config = {
        "policy": {"like": str(a_run(tmp_path / "run", money))},
        "budget": {"test_repeats": 2, "confirm": 0},
    }
    assert matched(config)["budget"] == {"test_repeats": repeats, "confirm": 0}


def test_without_a_model_run_nothing_changes() -> None:
    for policy in ({"like": None}, {}):
        config = {"policy": policy, "budget": {"test_repeats": 2}}
        assert matched(config) is config


def test_a_run_that_says_no_cost_is_refused(tmp_path: Path) -> None:
    with create_run(tmp_path / "run", RunInfo(id="run", seed=0, splits=SPLITS)) as run:
        run.append(an_agent(0))
    for path, told in ((tmp_path / "run", "let it end first"), (tmp_path / "none", "policy.like: ")):
        with pytest.raises(ConfigError, match=told):
            matched({"policy": {"like": str(path)}, "budget": {"test_repeats": 2}})


def test_all_that_is_decided_are_attempts_of_the_seed() -> None:
    decider = Decider(policy=Attempts(), tree=Tree(SPLITS[Split.SEARCH]), tests=TESTS, operator="none")
    decider.observe(an_agent(0))
    bounds = Bounds(seed=0, evaluations=100, expansions=20, test_repeats=3, confirm=30)
    met = []
    while (decision := decider.decide(len(met) + 1, bounds, 4)) is not None:
        decider.observe(decision)
        met.append((decision.agent, decision.split, decision.task, decision.repeat))
    assert met == [(id_at(0), Split.TEST, task, repeat) for repeat in range(3) for task in TESTS]


def attempt(n: int, task: str, answer: str | None, outcome: Outcome) -> Evaluation:
    """One attempt; without an answer nothing was graded."""
    graded = {"tier": "A", "digests": {"submission": answer}} if answer else {"tier": "", "digests": {}}
    return replace(an_evaluation(2 * n, task=task, outcome=outcome), split=Split.TEST, repeat=n, **graded)


RIGHT, WRONG, LATE = Outcome.RESOLVED, Outcome.UNRESOLVED, Outcome.TIMED_OUT


@pytest.mark.parametrize(
    ("given", "single", "frequent", "oracle"),
    [
        ([("a", WRONG), ("b", RIGHT), ("b", RIGHT)], 2 / 3, 1, 1),
        ([("b", RIGHT), ("a", WRONG), ("a", WRONG)], 1 / 3, 0, 1),
        ([("b", RIGHT), ("a", WRONG), ("c", WRONG)], 1 / 3, 1, 1),  # equally often: the earliest
        ([(None, LATE), (None, LATE), ("b", RIGHT)], 1 / 3, 1, 1),  # a user sees that nothing came
        ([("a", WRONG), ("a", WRONG), ("c", WRONG)], 0, 0, 0),
        ([(None, LATE), (None, LATE), (None, LATE)], 0, 0, 0),
    ],
)
def test_what_k_attempts_come_to(
    given: list[tuple[str | None, Outcome]], single: float, frequent: float, oracle: float
) -> None:
    rows = [attempt(n + 1, TESTS[0], *one) for n, one in enumerate(given)]
    found = attempts(rows, id_at(0))
    assert found.k == 3
    assert found.single.mean == pytest.approx(single)
    assert (found.frequent.mean, found.any.mean) == (frequent, oracle)


def test_every_task_has_the_same_number_of_attempts() -> None:
    rows = [attempt(n, TESTS[0], "a", WRONG) for n in range(1, 3)] + [attempt(3, TESTS[1], "a", RIGHT)]
    found = attempts([*rows, attempt(4, TESTS[0], "a", RIGHT)], id_at(0))
    assert (found.k, found.single.mean, found.any.mean) == (1, 0.5, 0.5)
    assert attempts([], id_at(0)).k == 0
