"""`dgm simulate --from RUN`: from a run on disk to the advice, the saved world, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dgm.advising import POLICIES, compared, composed, framed, source_of
from dgm.policies import Huxley
from dgm.simulate import Rasch
from tests.dgm.commands import dgm
from tests.dgm.simulate.archives import recorded, written

FEW = ("policy=huxley,pedigree", "seeds=2", "processes=1")
WORLD = Rasch(tasks=12, broken=0.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    search = recorded(Huxley(), WORLD, 1, total=60, seed_known=False, workers=2)
    return written(search, tmp_path_factory.mktemp("runs") / "one", confirm=("c/1", "c/2"))


def test_a_run_says_what_to_choose_next(run: Path, tmp_path: Path) -> None:
    said = dgm("simulate", f"--from={run}", "--save", str(tmp_path / "world" / "mine.yaml"), *FEW, "--json")
    assert said.status == 0, said.err
    found = said.json
    assert found["runs"] == ["one"]
    assert found["fit"]["children"] == found["thin_logs"]["children"] > 0
    assert found["thin_logs"]["missing"] == 200 - found["fit"]["children"]
    assert all(one["low"] <= one["mean"] <= one["high"] for one in found["fit"]["parameters"].values())
    assert {(one["policy"], one["workers"], one["confirm"]) for one in found["tried"]} > {
        (policy, 2, 22) for policy in ("huxley", "pedigree")
    }
    assert found["in_use"]["policy"] == "huxley"
    assert found["tried"][0]["to_in_use"] == {"mean": 0.0, "interval": [0.0, 0.0]}
    low, high = found["chosen"]["true_accuracy"]["interval"]
    assert low <= found["chosen"]["true_accuracy"]["mean"] <= high
    assert "step 1 of 6, fitting a world: " in said.err
    assert "step 6 of 6, what to expect: 2 searches with each of " in said.err
    searched = dgm(
        "simulate", "--config-dir", str(tmp_path), "world=mine", "seeds=2", "processes=1", "--json"
    )
    assert searched.status == 0, searched.err
    assert [one["world"] for one in searched.json["results"]] == ["fitted"]


def test_the_same_for_people_with_another_budget_and_part_of_the_world(run: Path) -> None:
    given = (
        "budget.total=20",
        "budget.confirm=0",
        "budget.expansion_cost=2",
        "world.sd=0",
        "policy=huxley",
        "seeds=2",
    )
    said = dgm("simulate", "--from", str(run), *given, "processes=1")
    assert said.status == 0, said.err
    for words in (
        "World fitted to one: ",
        "nothing can be said yet",
        "Choice: policy=huxley",
        "world.drift=",
    ):
        assert words in said.out
    assert "weak: of " in said.out
    line = next(line for line in said.out.splitlines() if line.startswith("This world: dgm simulate "))
    words = line.removeprefix("This world: dgm ").split()
    assert dgm(*words, "budget.total=20", "seeds=1", "processes=1").status == 0


def test_in_use_is_the_policy_of_the_run_with_its_settings(run: Path) -> None:
    source = source_of(run)
    assert compared("darwin") == (*POLICIES, "darwin")
    assert compared("pedigree") == compared("one's own") == POLICIES
    settings = {"_target_": "dgm.policies.Pedigree", "floor": 1, "mix": 0.5, "patience": 0.2}
    ran = replace(source, policy="pedigree", settings=settings)
    arguments = ("policy=pedigree,pedigree", "policy.mix=0.1")
    plans = composed(arguments, ran)
    policy = plans["pedigree"]["policy"]
    assert (policy["floor"], policy["mix"], policy["patience"]) == (1, 0.1, 0.2)
    assert framed(ran, plans, set()).set_floor == {"pedigree": 1}
    another = replace(ran, settings={**settings, "_target_": "other.Policy"})
    assert composed(arguments, another)["pedigree"]["policy"]["floor"] is None


def test_what_cannot_be_fitted_or_asked_is_refused(run: Path, tmp_path: Path) -> None:
    alone = recorded(Huxley(), Rasch(tasks=12, no_child=1.0), 1, total=20, seed_known=False)
    childless = written(alone, tmp_path / "childless")
    other = written(alone, tmp_path / "other", seed_tree="a" * 40)
    for words, arguments in (
        ("no world can be fitted to a run without children", ("--from", str(childless))),
        ("the same seed agent", ("--from", str(run), "--from", str(other))),
        ("--from takes no -m", ("--from", str(run), "-m")),
        ("it makes the worlds", ("--from", str(run), "world=B")),
        ("--from wants a run", ("--from",)),
        ("seeds must be at least 2", ("--from", str(run), "seeds=1")),
        ("first_seed must not be negative", ("--from", str(run), "first_seed=-1")),
        ("give both", ("--save", "x.yaml")),
    ):
        said = dgm("simulate", *FEW, *arguments)
        assert said.status == 2
        assert words in said.err
