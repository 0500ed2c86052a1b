from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archive
from dgm.config import run_id
from dgm.launch import next_width
from dgm.prepare import expansions, prepare
from dgm.resume import shrinkage
from tests.dgm.commands import composed
from tests.dgm.scripted import Driver


def budget(**changes: Any) -> dict[str, Any]:
    rollout = {"calls": 40, "tokens": None, "usd": None, "solve_s": 120.0}
    return {"evaluations": 100, "expansions": None, "test_repeats": 2, "rollout": rollout, **changes}


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (budget(), []),
        (budget(evaluations=200), []),
        (budget(expansions=31), []),
        (budget(evaluations=99), ["budget.evaluations: 100 -> 99"]),
        (budget(expansions=30), ["budget.expansions: 31 -> 30"]),
        (budget(evaluations=200, expansions=30), ["budget.expansions: 31 -> 30"]),
        (budget(test_repeats=1), ["budget.test_repeats: 2 -> 1"]),
        (budget(rollout={"calls": None, "tokens": None, "usd": None, "solve_s": 120.0}), []),
        (
            budget(rollout={"calls": 40, "tokens": 9, "usd": None, "solve_s": 60.0}),
            ["budget.rollout.tokens: None -> 9", "budget.rollout.solve_s: 120.0 -> 60.0"],
        ),
    ],
)
def test_a_budget_shrinks_where_a_limit_falls(after: dict[str, Any], told: list[str]) -> None:
    assert shrinkage(budget(), after) == told


def test_a_shrunken_cap_on_money_may_be_lifted() -> None:
    before = budget(rollout={"calls": 40, "tokens": None, "usd": 1.0, "solve_s": 120.0})
    assert shrinkage(before, budget()) == []


@pytest.mark.parametrize(("evaluations", "cap"), [(0, 0), (1, 2), (8, 6), (100, 31), (800, 110)])
def test_the_default_cap_on_expansions_is_the_papers(evaluations: int, cap: int) -> None:
    assert expansions({"evaluations": evaluations, "expansions": None}) == cap


def test_a_prepared_run_deals_the_katas_as_frozen() -> None:
    prepared = prepare(composed("workers=local"))
    assert [len(tasks) for tasks in prepared.splits.values()] == [24, 9, 15]
    assert prepared.path.as_posix() == "runs/huxley-rehearsal-0"
    assert prepared.limits.seconds == 300.0
    assert len(run_id(prepared.config)) == 32


@pytest.mark.parametrize("name", ["a", "A-1.b_c", "policy.alpha=0.5,seed=1", "ünïcode", "1", "x" * 100])
def test_names_that_are_one_component_are_taken(name: str) -> None:
    assert prepare(composed("workers=local", f"name='{name}'")).path.name == name


@pytest.mark.parametrize(
    ("overrides", "width"),
    [
        (("workers=local", "workers.slots=8"), 8),
        (("workers=local", "workers.slots=8", "workers.width=5"), 5),
        (("workers=local", "workers.slots=8", "workers.width=auto", "budget.evaluations=201"), 3),
        (("workers.address=far:1",), 3),
        (("workers.address=far:1", "workers.width=auto", "budget.evaluations=101"), 2),
        (("workers.address=far:1", "workers.width=7"), 7),
    ],
)
def test_whether_a_run_is_finished_is_judged_at_the_width_that_it_would_go_on_with(
    run_of_width_3: Path, overrides: tuple[str, ...], width: int
) -> None:
    with archive.open(run_of_width_3) as run:
        assert next_width(prepare(composed(*overrides)), run) == width


@pytest.fixture(scope="module")
def run_of_width_3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    driver = Driver(tmp_path_factory.mktemp("width") / "run", slots=3, evaluations=5)
    driver.search()
    return driver.path
