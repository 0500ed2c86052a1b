"""A whole search with the stand-in: a few katas, threads of this process, bare processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import archive
from archive import Agent, Call, Change, Decision, Evaluation, Split
from tests.dgm.commands import ROOT, dgm
from tests.end_to_end.real import assert_whole, results_of, rows_of, small


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def told(folder: Path) -> str:
    """What the first run said."""
    said = dgm("run", *small(folder))
    assert said.status == 0, said.err
    assert said.err == ""
    return said.out


def test_the_report_shows_tree_best_agent_and_where_it_all_came_from(told: str, folder: Path) -> None:
    lines = told.splitlines()
    assert lines[0].startswith("sandbox: process; weak: ")
    assert any(re.match(r"evaluations \d+/4  expansions \d+/2  agents \d+  best ", line) for line in lines)
    tail = told[told.index("\n\n") :]
    assert "<- best belief" in tail
    assert re.search(
        r"^best-belief agent +[0-9a-f]{10}  search \d/\d  test \d/1 = \d+ % \[\d+, \d+\]$", tail, re.M
    )
    assert re.search(r"^seed +[0-9a-f]{10}  search \d/\d  test \d/1 = \d+ % \[\d+, \d+\]$", tail, re.M)
    assert "gain" in tail
    assert "rounds: 2 = 4 / 2 (evaluations / jobs in flight)" in tail
    assert any(line.startswith("width: 4 evaluations with 2 jobs in flight are 2 rounds") for line in lines)
    assert "rehearsal: a stand-in answered" in tail
    assert "sandbox: process, weaker than docker" in tail
    assert tail.splitlines()[-1] == f"archive: {folder / 'runs' / 'a'}"


def test_the_budget_is_used_and_everything_is_recorded(told: str, folder: Path) -> None:
    run = folder / "runs" / "a"
    assert_whole(run)
    searched = [row for row in rows_of(run, Evaluation) if row.split is Split.SEARCH and row.outcome.counted]
    assert len(searched) == 4
    assert len(rows_of(run, Agent)) >= 2
    calls = rows_of(run, Call)
    assert {call.model for call in calls} == {"rehearsal"}
    assert {call.rollout for call in calls} <= {row.id for row in results_of(run)}
    assert {row.sandbox for row in results_of(run)} == {"process"}


def test_the_same_command_again_prints_the_result_and_starts_nothing(told: str, folder: Path) -> None:
    before = rows_of(folder / "runs" / "a", Decision)
    again = dgm("run", *small(folder))
    assert again.status == 0
    assert again.out.strip() == told[told.index("\n\n") :].strip()
    assert rows_of(folder / "runs" / "a", Decision) == before


def test_a_finished_run_needs_no_workers(told: str, folder: Path) -> None:
    code = (
        "import sys; from dgm.cli import main; status = main(sys.argv[1:])\n"
        "assert status == 0 and not {'ray', 'docker'} & set(sys.modules), status"
    )
    command = [sys.executable, "-c", code, "run", *small(folder, workers="ray")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.whole
def test_a_replay_decides_and_ends_the_same_without_an_upstream(told: str, folder: Path) -> None:
    first, second = folder / "runs" / "a", folder / "runs" / "b"
    again = {"llm": "replay", "llm.run": first, "name": "b"}
    said = dgm("run", *small(folder, **again, **{"workers.slots": 3}))
    assert said.status == 2
    assert "was recorded with 2 slots, here are 3" in said.err
    assert "give workers.width=2" in said.err
    said = dgm("run", *small(folder, **again, **{"workers.slots": 3, "workers.width": 2}))
    assert said.status == 0, said.err
    assert "rehearsal: a stand-in answered" in said.out
    assert rows_of(second, Decision) == rows_of(first, Decision)
    assert rows_of(second, Agent) == [
        _renamed(one, other) for one, other in zip(rows_of(first, Agent), rows_of(second, Agent), strict=True)
    ]
    outcomes = [
        [(row.decision, row.outcome, row.detail) for row in results_of(run)] for run in (first, second)
    ]
    assert outcomes[0] == outcomes[1]
    assert {call.cost_microusd for call in rows_of(second, Call)} <= {0}


def _renamed(one: Agent, other: Agent) -> Agent:
    """Only the name of the expansion may differ: it contains the run's id, which contains the choice of `llm`."""
    return replace(one, expansion=other.expansion)


def test_a_larger_budget_goes_on_and_is_noted(told: str, folder: Path) -> None:
    run = folder / "runs" / "a"
    before = _entries(run)
    said = dgm("run", *small(folder, **{"budget.evaluations": 5, "workers.slots": 1}))
    assert said.status == 0, said.err
    after = _entries(run)
    assert after[: len(before)] == before
    changes = rows_of(run, Change)
    assert [change.kind for change in changes] == ["budget", "workers"]
    assert '"evaluations": 4' in changes[0].before
    assert '"evaluations": 5' in changes[0].after
    assert_whole(run)
    searched = [row for row in rows_of(run, Evaluation) if row.split is Split.SEARCH and row.outcome.counted]
    assert len(searched) == 5
    said = dgm("run", *small(folder))
    assert said.status == 2
    assert "budget.evaluations: 5 -> 4" in said.err


def test_every_decision_is_made_again_as_recorded(told: str, folder: Path) -> None:
    run = folder / "runs" / "a"
    said = dgm("replay", str(run))
    assert (said.status, said.err) == (0, "")
    count = len(rows_of(run, Decision))
    assert said.out.strip() == f"{count} decisions made again from the rows before them: all as recorded"


def _entries(run: Path) -> list[object]:
    with archive.open(run) as reader:
        return list(reader.entries())


@pytest.mark.whole
def test_a_sweep_of_narrow_searches_runs_them_side_by_side(tmp_path: Path) -> None:
    values = {"policy": "uniform", "budget.evaluations": 1, "budget.expansions": 0, "budget.test_repeats": 0}
    arguments = [one for one in small(tmp_path, **values) if not one.startswith("name=")]
    said = dgm("run", *arguments, "workers.width=1", "seed=1,2", "-m")
    assert said.status == 0, said.err
    for name in ("uniform-rehearsal-1", "uniform-rehearsal-2"):
        assert f"{name}: archive: {tmp_path / 'runs' / name}\n" in said.out
        assert f"{name}: done\n" in said.out
    runs = tmp_path / "runs"
    assert sorted(path.name for path in runs.iterdir()) == ["uniform-rehearsal-1", "uniform-rehearsal-2"]
    for run in runs.iterdir():
        assert_whole(run)
        assert {row.policy for row in rows_of(run, Decision)} == {"uniform"}
        assert {row.saw["slots"] for row in rows_of(run, Decision)} == {1}
        with archive.open(run) as reader:
            assert reader.info.config["workers"]["slots"] == 2


def test_a_run_does_not_go_on_with_tasks_that_were_changed(tmp_path: Path) -> None:
    least = {"budget.expansions": 0, "budget.test_repeats": 0}
    first = dgm("run", *small(tmp_path, **least, **{"budget.evaluations": 1}))
    assert first.status == 0, first.err
    for page in (tmp_path / "tasks").rglob("instructions.md"):
        page.write_text(page.read_text() + "\nOne more thing.\n")
    again = dgm("run", *small(tmp_path, **least, **{"budget.evaluations": 2}))
    assert again.status == 2
    assert "has evaluations of tasks that were changed since: polyglot/" in again.err


def test_every_verdict_of_a_real_run_stands_when_it_is_graded_again(told: str, folder: Path) -> None:
    run = folder / "runs" / "a"
    before, best = rows_of(run, Evaluation), dgm("best", str(run), "--json").json
    graded = {row.id for row in before if row.tier and row.replaces is None}
    said = dgm("regrade", str(run))
    assert said.status == 0, said.out
    again = [row for row in rows_of(run, Evaluation) if row.replaces]
    assert {row.replaces for row in again} == graded
    assert f"{len(graded)} answers graded again: {len(graded)} verdicts as before, 0 changed" in said.out
    after = dgm("best", str(run), "--json").json
    assert (after["test"], after["search"], after["gain"]) == (best["test"], best["search"], best["gain"])
    assert_whole(run)
