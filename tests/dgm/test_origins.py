from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from archive import RunInfo, create_run
from dgm.llm.upstreams import Replay
from dgm.origins import Origin, origin


def run(path: Path, name: str, of: str | None = None) -> Path:
    llm = {"name": name} if of is None else {"name": name, "run": of}
    create_run(path, RunInfo(id="run", seed=1, config={"llm": llm})).close()
    return path


@pytest.mark.parametrize(("name", "rehearsed"), [("rehearsal", True), ("openai", False)])
def test_a_replay_of_a_replay_is_followed_to_who_answered(tmp_path: Path, name: str, rehearsed: bool) -> None:
    first = run(tmp_path / "first", name)
    second = run(tmp_path / "second", "replay", str(first))
    third = {"llm": {"name": "replay", "run": str(second)}}
    assert origin(third) == Origin(replayed=(str(second), str(first)), rehearsed=rehearsed)
    assert Replay(run=str(first)).real == Replay(run=str(second)).real == (not rehearsed)


def test_where_the_trail_ends_a_model_may_have_answered(tmp_path: Path) -> None:
    first, second = tmp_path / "first", run(tmp_path / "second", "replay", str(tmp_path / "first"))
    run(first, "rehearsal")
    shutil.rmtree(first)
    assert origin({"llm": {"name": "replay", "run": str(second)}}).rehearsed is None
    assert Replay(run=str(second)).real


def test_runs_that_replay_each_other_end_nowhere(tmp_path: Path) -> None:
    run(tmp_path / "run", "replay", str(tmp_path / "run"))
    assert origin({"llm": {"name": "replay", "run": str(tmp_path / "run")}}).rehearsed is None
    assert Replay(run=str(tmp_path / "run")).real


@pytest.mark.parametrize("config", [{}, {"llm": None}, {"llm": {"name": "openai"}}])
def test_a_run_that_says_nothing_of_a_rehearsal_was_none(config: dict[str, object]) -> None:
    assert origin(config) == Origin(rehearsed=False)
