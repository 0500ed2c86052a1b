"""`dgm simulate`: every world composed, tables for people, one document for programs, wrong input refused."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.dgm.commands import ROOT, dgm

WORLDS = sorted(path.stem for path in (ROOT / "configs" / "world").glob("*.yaml"))
FEW = ("budget.total=30", "seeds=2", "processes=1")


@pytest.mark.whole
def test_every_world_can_be_searched() -> None:
    said = dgm("simulate", "-m", f"world={','.join(WORLDS)}", *FEW, "--json")
    assert said.status == 0, said.err
    assert [one["world"] for one in said.json["results"]] == WORLDS


@pytest.mark.whole
def test_policies_are_compared_seed_by_seed() -> None:
    names = ["huxley", "pedigree", "darwin", "hyper", "sica", "greedy", "uniform"]
    said = dgm("simulate", "-m", f"policy={','.join(names)}", "world=B", *FEW, "--json")
    assert said.status == 0, said.err
    results = said.json["results"]
    assert {one["policy"] for one in results} == set(names)
    assert all(one["true_accuracy"]["interval"][0] <= one["true_accuracy"]["mean"] for one in results)
    assert {one["against"] for one in said.json["paired"]} == {"huxley"}
    assert len(said.json["paired"]) == len(names) - 1
    told = dgm("simulate", "-m", "policy=huxley,uniform", "world=B", *FEW).out
    assert "B: uniform - huxley = " in told


@pytest.mark.whole
def test_processes_change_nothing_in_a_sweep() -> None:
    sweep = ("-m", "policy=huxley,sica", "world=C", "budget.workers=1,5", *FEW[:2])
    one, two = [dgm("simulate", *sweep, f"processes={n}", "--json") for n in (1, 2)]
    assert one.status == 0, one.err
    assert one.json == two.json
    places = [(row["policy"], row["budget"]["workers"]) for row in one.json["results"]]
    assert sorted(places) == [("huxley", 1), ("huxley", 5), ("sica", 1), ("sica", 5)]
    pairs = [(row["policy"], row["against"], row["budget"]) for row in one.json["paired"]]
    assert pairs == [("sica", "huxley", {"workers": 1}), ("sica", "huxley", {"workers": 5})]


def test_searches_that_differ_in_one_parameter_are_told_apart_and_paired_in_the_same_world_only() -> None:
    sweep = ("-m", "policy=huxley", "policy.alpha=0.6,0.9", "world=B", "world.sd=0.1,0.5")
    found = dgm("simulate", *sweep, *FEW, "--json").json
    assert {row["policy"] for row in found["results"]} == {"huxley alpha=0.6", "huxley alpha=0.9"}
    assert [(row["world"], row["policy"], row["against"]) for row in found["paired"]] == [
        (f"B sd={sd}", "huxley alpha=0.9", "huxley alpha=0.6") for sd in (0.1, 0.5)
    ]


def test_the_example_of_a_world_of_ones_own_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = ROOT / "docs" / "examples"
    monkeypatch.syspath_prepend(str(examples))
    sweep = ("-m", "world=relapse", "policy=huxley,uniform", "world.relapse=0.0,1.0")
    said = dgm("simulate", "--config-dir", str(examples), *sweep, *FEW, "--json")
    assert said.status == 0, said.err
    shares = {(row["world"], row["policy"]): row["reachable"]["mean"] for row in said.json["results"]}
    assert shares["relapse relapse=0.0", "huxley"] > shares["relapse relapse=1.0", "huxley"]
    assert len((examples / "relapse.py").read_text().splitlines()) < 40


def test_a_world_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "none.yaml").write_text("_target_: fractions.Fraction\n")
    said = dgm("simulate", "--config-dir", str(tmp_path), "world=none", *FEW)
    assert (said.status, said.out) == (2, "")
    assert "got Fraction without name, instance, child" in said.err


@pytest.mark.whole
@pytest.mark.parametrize("sweep", [(), ("budget.workers=1,4",)], ids=["by world", "over workers"])
def test_a_plot_shows_every_policy_and_world(tmp_path: Path, sweep: tuple[str, ...]) -> None:
    path = tmp_path / "gains.svg"
    said = dgm("simulate", "-m", "policy=huxley,uniform,sica", "world=A,Z", *sweep, *FEW, "--plot", str(path))
    assert said.status == 0, said.err
    texts = "".join(re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text()))
    assert all(word in texts for word in ("huxley", "uniform", "sica", "A", "Z"))
    assert "ain over huxley" in texts
    assert ("budget.workers" in texts) == bool(sweep)
    assert "uniform - huxley" in said.out


def test_a_plot_can_be_a_png_beside_the_document(tmp_path: Path) -> None:
    said = dgm("simulate", "world=B", *FEW, "--json", f"--plot={tmp_path / 'one.png'}")
    assert said.json["results"][0]["policy"] == "huxley"
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_a_plot_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = dgm("simulate", *FEW, "--plot", str(tmp_path / "one.png"))
    assert (said.status, said.out) == (2, "")
    assert "matplotlib, which is not installed: pip install matplotlib" in said.err


@pytest.mark.parametrize(
    ("number", "whole_terminal"), [(signal.SIGINT, True), (signal.SIGTERM, False)], ids=["ctrl-c", "SIGTERM"]
)
def test_a_stopped_simulation_leaves_no_process(number: signal.Signals, whole_terminal: bool) -> None:
    command = "import sys; from dgm.cli import main; sys.exit(main(sys.argv[1:]))"
    endless = ("simulate", "budget.total=5000", "seeds=1000000", "processes=2")
    main = subprocess.Popen(
        [sys.executable, "-c", command, *endless],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT,
    )  # fmt: skip
    try:
        children = Path(f"/proc/{main.pid}/task/{main.pid}/children")
        while main.poll() is None and len(children.read_text().split()) < 2:
            time.sleep(0.05)
        (os.killpg if whole_terminal else os.kill)(main.pid, number)
        out, err = main.communicate()  # ends when nobody holds the pipes any more
        assert (main.returncode, out) == (130, "")
        assert "Traceback" not in err
        with pytest.raises(ProcessLookupError):
            os.killpg(main.pid, 0)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(main.pid, signal.SIGKILL)


def test_a_world_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    own = "_target_: dgm.simulate.Rasch\nname: mine\ntasks: 5\ndrift: 0.5\n"
    (tmp_path / "world" / "mine.yaml").write_text(own)
    said = dgm("simulate", "--config-dir", str(tmp_path), "world=mine", *FEW, "--json")
    assert said.status == 0, said.err
    assert said.json["results"][0]["world"] == "mine"


def test_late_results_and_workers_exclude_each_other() -> None:
    said = dgm("simulate", "budget.late=3", "budget.workers=2")
    assert (said.status, said.out) == (2, "")
    assert "not both" in said.err


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("--plot=gains.txt", "--plot writes .png, .svg, .pdf, got 'gains.txt'"),
        ("--plot=nowhere/gains.png", "there is no directory"),
        ("--plot", "--plot wants a file"),
        ("budget.total=-1", "budget.total must be at least 0"),
        ("processes=-1", "processes must not be negative"),
        ("world=Q", "world"),
        ("world.sd=wide", "sd"),
        ("world.nonsense=1", "nonsense"),
        ("budget.workers=0", "budget.workers must be at least 1"),
        ("seeds=0", "seeds must be at least 1"),
        ("first_seed=-3", "first_seed must not be negative"),
        ("policy=newton", "newton"),
    ],
)
def test_wrong_input_is_refused(wrong: str, told: str) -> None:
    said = dgm("simulate", "processes=1", wrong)
    assert (said.status, said.out) == (2, "")
    assert told in said.err
    assert "Traceback" not in said.err
