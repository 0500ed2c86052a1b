"""Forks, exports, imports and garbage: what goes out is what was in, and nothing that a row names is ever lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import archive
from archive import (
    Decision,
    EntryError,
    Row,
    RunExistsError,
    RunInfo,
    RunLockedError,
    UnknownAgentError,
    UnknownBlobError,
    collect_garbage,
    create_run,
    export_agent,
    export_delta,
    fork_run,
    resume_run,
    verify,
)
from archive.testing import a_decision, an_agent, an_evaluation
from dgm.cli import main
from dgm.seeds import read_agent
from tests.dgm.scripted import Driver, Script

SEED = Path(__file__).parents[2] / "dgm" / "seed"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """A search that ended, with one slot, so that going on from any entry gives the same."""
    driver = Driver(tmp_path_factory.mktemp("searched") / "run", work=Script(void=0.1), evaluations=30)
    driver.search()
    return driver


def rows(path: Path) -> list[tuple[Row, ...]]:
    with archive.open(path) as run:
        return [entry.rows for entry in run.entries()]


@pytest.mark.parametrize("at", [1, 2, 40, 61])
def test_a_fork_holds_what_was_before_and_goes_on_as_its_run_did(
    driver: Driver, tmp_path: Path, at: int
) -> None:
    before = rows(driver.path)
    fork_run(driver.path, tmp_path / "fork", at=at)
    assert rows(tmp_path / "fork") == before[:at]
    assert verify(tmp_path / "fork").problems == ()
    with archive.open(tmp_path / "fork") as fork:
        assert fork.info.forked_at == at
        with archive.open(driver.path) as run:
            assert replace(fork.info, forked_at=None) == run.info
    replace(driver, path=tmp_path / "fork").search()
    assert rows(tmp_path / "fork") == before
    assert verify(tmp_path / "fork").problems == ()
    assert rows(driver.path) == before


def test_a_fork_shares_blobs_and_code_and_outlives_its_run(driver: Driver, tmp_path: Path) -> None:
    shutil.copytree(driver.path, tmp_path / "run")
    fork_run(tmp_path / "run", tmp_path / "fork", at=len(rows(driver.path)))
    for store in ("blobs", "code.git/objects"):
        files = [path for path in (tmp_path / "fork" / store).rglob("*") if path.is_file()]
        assert files
        assert all(path.stat().st_nlink == 2 for path in files)
    shutil.rmtree(tmp_path / "run")
    assert verify(tmp_path / "fork").problems == ()


def test_a_fork_of_a_run_that_is_written_takes_its_journals_along(driver: Driver, tmp_path: Path) -> None:
    shutil.copytree(driver.path, tmp_path / "run")
    (tmp_path / "run" / "journal").mkdir()
    for decision in (3, 9, 70):
        (tmp_path / "run" / "journal" / f"{decision:08d}.jsonl").write_text(f"paid {decision}\n")
    with resume_run(tmp_path / "run"):
        assert main(["fork", str(tmp_path / "run"), "--at", "10", str(tmp_path / "fork")]) == 0
    copied = {path.name: path.read_text() for path in (tmp_path / "fork" / "journal").iterdir()}
    assert copied == {"00000003.jsonl": "paid 3\n", "00000009.jsonl": "paid 9\n"}
    assert (tmp_path / "fork" / "journal" / "00000003.jsonl").stat().st_nlink == 1


def test_garbage_of_a_run_is_not_what_its_fork_needs_nor_what_an_open_decision_needs(
    driver: Driver, tmp_path: Path
) -> None:
    before = rows(driver.path)
    run, fork = tmp_path / "run", tmp_path / "fork"
    shutil.copytree(driver.path, run)
    at = next(seq for seq in range(40, 60) if isinstance(before[seq - 1][0], Decision))
    (run / "journal").mkdir()
    (run / "journal" / f"{at - 1:08d}.jsonl").touch()
    fork_run(run, fork, at=at)
    assert collect_garbage(run).files == ()
    garbage = collect_garbage(fork)
    assert garbage.blobs
    assert garbage.objects
    for path in (run, fork):
        assert verify(path).problems == ()
    assert [path.name for path in (fork / "journal").iterdir()] == [f"{at - 1:08d}.jsonl"]
    replace(driver, path=fork).search()
    assert rows(fork) == rows(run) == before


def test_a_fork_is_not_put_into_its_run(driver: Driver, capsys: pytest.CaptureFixture[str]) -> None:
    for inside in (driver.path / "blobs" / "fork", driver.path / "fork"):
        assert main(["fork", str(driver.path), "--at", "30", str(inside)]) == 2
        assert "inside the run" in capsys.readouterr().err
        assert not inside.exists()


def test_what_a_killed_fork_left_is_removed_by_the_next(driver: Driver, tmp_path: Path) -> None:
    script = (
        "import os, shutil, signal, sys; from archive import fork_run\n"
        "def watch(frame, event, function):\n"
        "    if event == 'c_call' and function is getattr(os, sys.argv[3]) and sys.argv[4] in str(frame.f_locals):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.setprofile(watch)\n"
        "fork_run(sys.argv[2], sys.argv[1], at=30)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    new, left = tmp_path / "fork", []
    for call, place in (("link", "/.fork."), ("rename", "/..fork.")):
        command = [sys.executable, "-c", script, str(new), str(driver.path), call, place]
        assert subprocess.run(command, env=environment, check=False).returncode == -9
        left.append([path.suffix for path in tmp_path.iterdir()])
    assert left == [[".fork"], [".new"]]
    fork_run(driver.path, new, at=30)
    assert [path.name for path in tmp_path.iterdir()] == ["fork"]


@pytest.mark.parametrize("at", [0, -1, 10_000])
def test_a_fork_begins_inside_its_run(driver: Driver, tmp_path: Path, at: int) -> None:
    with pytest.raises(EntryError, match=f"got {at}"):
        fork_run(driver.path, tmp_path / "fork", at=at)
    (tmp_path / "there").mkdir()
    with pytest.raises(RunExistsError, match="there exists"):
        fork_run(driver.path, tmp_path / "there", at=1)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def newest(path: Path) -> str:
    with archive.open(path) as run:
        return str(run.agents["id"].to_pylist()[-1])


def test_an_exported_agent_is_its_tree_its_lineage_and_its_transcripts(
    driver: Driver, tmp_path: Path
) -> None:
    id = newest(driver.path)
    assert main(["export", str(driver.path), "--agent", id[:12], str(tmp_path / "out")]) == 0
    with archive.open(driver.path) as run:
        assert read_agent(str(tmp_path / "out" / "agent")) == run.code.files(id)
        line = [*reversed(run.lineage.ancestors(id)), id]
        patches = {path.read_text() for path in (tmp_path / "out" / "patches").iterdir()}
        assert patches == {run.code.patch(a, b) for a, b in pairwise(line)}
    lineage = json.loads((tmp_path / "out" / "lineage.json").read_text())
    assert [step["agent"] for step in lineage] == line
    assert [step["depth"] for step in lineage] == list(range(len(line)))
    with archive.open(driver.path) as run:
        score = next(row for row in run.leaderboard().to_pylist() if row["agent"] == id)
    text = (tmp_path / "out" / "README.md").read_text()
    assert id in text
    assert f"{score['resolved']} of {score['resolved'] + score['unresolved']} evaluations" in text


def test_an_export_goes_to_a_directory_of_its_own(driver: Driver, tmp_path: Path) -> None:
    id = newest(driver.path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with archive.open(driver.path) as run:
        for export in (
            lambda: export_agent(run, id, tmp_path / "mine"),
            lambda: export_delta(run, tmp_path / "mine"),
        ):
            with pytest.raises(RunExistsError, match="not empty"):
                export()
        with pytest.raises(UnknownAgentError):
            export_agent(run, "0" * 40, tmp_path / "none")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    assert not (tmp_path / "none").exists()


@pytest.fixture
def talkative(tmp_path: Path) -> Path:
    """A run of one agent with 16 transcripts of a megabyte each."""
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1)) as run:
        id = run.code.commit({"agent.toml": b""}, message="seed", seq=0)
        run.append(an_agent(0, id=id))
        for number in range(16):
            seq = run.next_seq
            run.append(a_decision(seq, agent=id))
            transcript = run.blobs.put(random.Random(number).randbytes(1_000_000))
            run.append(replace(an_evaluation(seq + 1, agent=id), transcript=transcript))
    return tmp_path / "run"


def test_an_export_holds_one_transcript_at_a_time(talkative: Path, tmp_path: Path) -> None:
    with archive.open(talkative) as run:
        tracemalloc.start()
        try:
            export_agent(run, newest(talkative), tmp_path / "out")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 8_000_000
    assert len(list((tmp_path / "out" / "transcripts").iterdir())) == 16


def test_an_export_that_fails_leaves_nothing(talkative: Path, tmp_path: Path) -> None:
    next((talkative / "blobs").rglob("*.zst")).unlink()
    (tmp_path / "empty").mkdir()
    with archive.open(talkative) as run:
        for name in ("new", "empty"):
            with pytest.raises(UnknownBlobError):
                export_agent(run, newest(talkative), tmp_path / name)
    assert not (tmp_path / "new").exists()
    assert not list((tmp_path / "empty").iterdir())


def test_the_tables_as_delta_tables(driver: Driver, tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    assert main(["export", str(driver.path), "--delta", str(tmp_path / "delta")]) == 0
    with archive.open(driver.path) as run:
        for table in ("decisions", "expansions", "agents", "evaluations", "calls", "changes"):
            expected = getattr(run, table).to_pylist()
            found = deltalake.DeltaTable(str(tmp_path / "delta" / table)).to_pyarrow_table().to_pylist()
            assert found == expected, table


def test_an_agent_of_ones_own_is_checked_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SEED, tmp_path / "own")
    (tmp_path / "own" / "__pycache__").mkdir(exist_ok=True)
    (tmp_path / "own" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert main(["import", "own", "mine"]) == 0
    assert "dgm run agent=agents/mine" in capsys.readouterr().out
    assert read_agent("agents/mine") == read_agent("own")
    assert not list((tmp_path / "agents").rglob("*.pyc"))
    assert main(["import", "own", "mine"]) == 2
    for elsewhere in ("../beside", str(tmp_path / "beside"), "a/b", ".."):
        assert main(["import", "own", elsewhere]) == 2
        assert "one directory under agents/" in capsys.readouterr().err
    (tmp_path / "own" / "agent.toml").write_text("[agent]\n")
    assert main(["import", "own", "other"]) == 2
    assert "is not an agent" in capsys.readouterr().err
    assert main(["import", "nothing"]) == 2
    assert [path.name for path in (tmp_path / "agents").iterdir()] == ["mine"]


def test_an_exported_agent_is_imported_and_its_tables_are_not(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "run"
    with create_run(own, RunInfo(id="run", seed=1)) as run:
        run.append(seed := an_agent(0, id=run.code.commit(read_agent(str(SEED)), message="Seed", seq=0)))
    assert main(["export", str(own), "--agent", "seed", "out"]) == 0
    assert main(["import", "out/agent", "again"]) == 0
    assert read_agent("agents/again") == read_agent(str(SEED))
    with archive.open(own) as reader:
        assert read_agent("agents/again") == reader.code.files(seed.id)
    pytest.importorskip("deltalake")
    assert main(["export", str(own), "--delta", "tables"]) == 0
    capsys.readouterr()
    for wrong in ("out", "tables"):
        assert main(["import", wrong, "no"]) == 2
        assert f"a directory with an agent.toml, got '{wrong}'" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "agents").iterdir()] == ["again"]


@pytest.fixture
def littered(driver: Driver, tmp_path: Path) -> Path:
    """A run in which a killed driver left a blob, a child and temporary files that no row names."""
    path = Path(shutil.copytree(driver.path, tmp_path / "run"))
    with resume_run(path) as run:
        run.blobs.put(b"of a result that was never recorded")
        run.code.commit({"agent.toml": b"lost", "a/b": b"c"}, parents=[newest(path)], message="lost", seq=999)
    for place in ("blobs/ab", "code.git/objects/ab", "blobs/tmp"):
        (path / place).mkdir(exist_ok=True)
        (path / place / ".left.x.tmp").write_bytes(b"half")
    return path


def test_garbage_is_what_no_row_names(littered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = rows(littered)
    everything = {path for path in littered.rglob("*") if path.is_file()}
    assert main(["gc", str(littered), "--dry-run"]) == 0
    assert "would remove 1 blobs, 5 git objects, 1 refs, 3 temporary files" in capsys.readouterr().out
    assert {path for path in littered.rglob("*") if path.is_file()} == everything
    assert main(["gc", str(littered)]) == 0
    assert "removed 1 blobs, 5 git objects, 1 refs, 3 temporary files" in capsys.readouterr().out
    assert len(everything) - len([path for path in littered.rglob("*") if path.is_file()]) == 10
    assert verify(littered).problems == ()
    assert rows(littered) == before
    assert collect_garbage(littered).files == ()


def test_nothing_is_removed_while_a_driver_holds_the_run(littered: Path) -> None:
    with resume_run(littered), pytest.raises(RunLockedError):
        collect_garbage(littered)
    script = (
        "import sys; from archive import resume_run; resume_run(sys.argv[1]); print(1, flush=True); input()"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", script, str(littered)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"1\n"
        assert main(["gc", str(littered)]) == 2
        holder.kill()
    assert main(["gc", str(littered)]) == 0
