"""Runs of earlier format versions are read as they are, and become ours when a driver opens them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

import archive
from archive import (
    FORMAT_VERSION,
    SCHEMAS,
    Agent,
    Blobs,
    CorruptArchiveError,
    Entry,
    GitStore,
    Split,
    resume_run,
    tree_hash,
)
from archive.info import read_version, set_version
from archive.parquet import list_parts
from archive.seals import seal_paths
from archive.testing import a_change, a_search


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A run of version 1 as its killed driver left it: 18 entries are sealed, 7 in the log."""
    with tarfile.open(Path(__file__).parent / "version-1.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path / "version-1"


@pytest.fixture
def expected(tmp_path: Path) -> list[Entry]:
    with GitStore.create(tmp_path / "code.git") as code:
        found = a_search(12, lambda seq: code.commit({"agent.toml": b"%d" % seq}, message="agent", seq=seq))
    return [
        Entry(
            seq,
            tuple(
                replace(row, tree=tree_hash({"agent.toml": b"%d" % seq})) if isinstance(row, Agent) else row
                for row in rows
            ),
        )
        for seq, rows in enumerate(found)
    ]


@pytest.mark.parametrize("table", SCHEMAS)
def test_columns_that_an_older_release_did_not_write_are_there(old: Path, table: str) -> None:
    names = [field.name for field in SCHEMAS[table] if pa.types.is_string(field.type)]
    with archive.open(old) as run:
        assert run.columns(table, *names).column_names == names
        assert run.columns(table, *names).num_rows == getattr(run, table).num_rows


def test_a_run_of_version_1_is_read(old: Path, expected: list[Entry]) -> None:
    assert read_version(old) == 1
    with archive.open(old) as run:
        assert list(run.entries()) == expected
        assert run.info.splits[Split.SEARCH] == ("katas/anagram",)
        assert [run.code.tree(agent.id) for agent in run.lineage] == [agent.tree for agent in run.lineage]
        assert run.blobs.get(next(iter(Blobs(run.directory / "blobs")))) == b"a transcript"
        for table in SCHEMAS:
            assert getattr(run, table).schema == SCHEMAS[table]
        assert set(run.evaluations["sample"].to_pylist()) == {""}
        assert set(run.expansions["parent_patch_bytes"].to_pylist()) == {None}
        assert run.evaluations["limits"].to_pylist() == [[]] * run.evaluations.num_rows
    assert read_version(old) == 1
    assert not seal_paths(old)


def test_a_driver_upgrades_it_and_goes_on(old: Path, expected: list[Entry]) -> None:
    with resume_run(old, segment_lines=9) as run:
        assert read_version(old) == FORMAT_VERSION
        run.append(a_change(25))
    assert len(seal_paths(old)) == 3
    with archive.open(old) as reader:
        assert list(reader.entries()) == [*expected, Entry(25, (a_change(25),))]
    part = list_parts(old)["evaluations"][0].path
    part.unlink()
    with pytest.raises(CorruptArchiveError, match=f"{part.name}: the part is missing"):
        archive.open(old)


def test_a_run_of_version_2_is_read_and_becomes_ours(old: Path, expected: list[Entry]) -> None:
    resume_run(old).close()
    sealed = seal_paths(old)
    set_version(old, 2)
    with archive.open(old) as reader:
        assert list(reader.entries()) == expected
    resume_run(old).close()
    assert read_version(old) == FORMAT_VERSION
    assert seal_paths(old) == sealed


@pytest.mark.parametrize("kill", range(1, 5))
def test_an_upgrade_killed_at_any_step_is_done_again(old: Path, expected: list[Entry], kill: int) -> None:
    script = """
import os, signal, sys
from archive import resume_run
left = int(sys.argv[2])
def count(event, args):
    global left
    if event == "os.rename":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
resume_run(sys.argv[1]).close()
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script, str(old), str(kill)], env=environment)
    assert done.returncode == -signal.SIGKILL
    with archive.open(old) as reader:
        assert list(reader.entries()) == expected
    resume_run(old).close()
    assert json.loads((old / "run.json").read_text())["format_version"] == FORMAT_VERSION
    with archive.open(old) as reader:
        assert list(reader.entries()) == expected
