"""`dgm simulate`: every world composed, tables for people, one document for programs, wrong input refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dgm.commands import ROOT, dgm

WORLDS = sorted(path.stem for path in (ROOT / "configs" / "world").glob("*.yaml"))
FEW = ("budget.total=30", "seeds=2", "processes=1")


def test_every_world_can_be_searched() -> None:
    said = dgm("simulate", "-m", f"world={','.join(WORLDS)}", *FEW, "--json")
    assert said.status == 0, said.err
    assert [one["world"] for one in said.json["results"]] == WORLDS


def test_policies_are_compared_seed_by_seed() -> None:
    said = dgm("simulate", "-m", "policy=huxley,darwin,hyper,sica,greedy,uniform", "world=B", *FEW, "--json")
    assert said.status == 0, said.err
    results = said.json["results"]
    assert {one["policy"] for one in results} == {"huxley", "darwin", "hyper", "sica", "greedy", "uniform"}
    assert all(one["true_accuracy"]["interval"][0] <= one["true_accuracy"]["mean"] for one in results)
    assert {one["against"] for one in said.json["paired"]} == {"huxley"}
    assert len(said.json["paired"]) == 5
    told = dgm("simulate", "-m", "policy=huxley,uniform", "world=B", *FEW).out
    assert "B: uniform - huxley = " in told


def test_processes_change_nothing() -> None:
    one, two = [dgm("simulate", "world=C", *FEW[:2], f"processes={n}", "--json") for n in (1, 2)]
    assert one.json == two.json


def test_a_world_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    own = "_target_: dgm.simulate.Rasch\nname: mine\ntasks: 5\ndrift: 0.5\n"
    (tmp_path / "world" / "mine.yaml").write_text(own)
    said = dgm("simulate", "--config-dir", str(tmp_path), "world=mine", *FEW, "--json")
    assert said.status == 0, said.err
    assert said.json["results"][0]["world"] == "mine"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("world=Q", "world"),
        ("world.sd=wide", "sd"),
        ("world.nonsense=1", "nonsense"),
        ("budget.workers=0", "budget.workers must be at least 1"),
        ("seeds=0", "seeds must be at least 1"),
        ("policy=newton", "newton"),
    ],
)
def test_wrong_input_is_refused(wrong: str, told: str) -> None:
    said = dgm("simulate", wrong, "processes=1")
    assert (said.status, said.out) == (2, "")
    assert told in said.err
    assert "Traceback" not in said.err
