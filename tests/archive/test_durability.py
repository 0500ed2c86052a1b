"""What is on disk before what: every name that an entry relies on is there for good before its line is."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import pytest

import archive
from archive import Blobs, GitStore, Run, RunInfo, create_run, resume_run
from archive.testing import a_search


@dataclass
class Disk:
    """What a power cut would leave: files whose content was synced, names whose directory was synced since."""

    synced: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    at_each_line: list[set[str]] = field(default_factory=list)

    def watch(self, frame: FrameType, event: str, function: object) -> None:
        if event != "c_call" or function is not os.fsync:
            return
        holder = frame.f_locals
        fd = holder["fd"] if "fd" in holder else holder["self"]._fd
        path, status = Path(f"/proc/self/fd/{fd}").readlink(), os.fstat(fd)
        if path.is_dir():
            for entry in os.scandir(path):
                if entry.is_dir() or entry.inode() in self.synced:
                    self.names.add(entry.path)
        else:
            self.synced.add(status.st_ino)
            if frame.f_code.co_filename.endswith("archive/log.py"):
                self.at_each_line.append(set(self.names))

    def reached(self, path: Path, top: Path) -> bool:
        """Whether `path` is found from `top` down."""
        return path == top or (str(path) in self.names and self.reached(path.parent, top))


@contextmanager
def watched() -> Iterator[Disk]:
    disk = Disk()
    threading.setprofile(disk.watch)
    sys.setprofile(disk.watch)
    try:
        yield disk
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def files(top: Path) -> set[Path]:
    return {path for path in top.rglob("*") if path.is_file() and path.name != "lock"}


def test_everything_in_a_new_run_is_durable(tmp_path: Path) -> None:
    with watched() as disk:
        run = create_run(tmp_path / "run", RunInfo(id="run", seed=1))
    for path in files(run.path):
        assert path.stat().st_ino in disk.synced, path
    run.close()


def write(run: Run, number: int) -> None:
    """A blob, an agent, then the entry that would name them."""
    run.blobs.put_all([b"blob %d" % number, b"another %d" % number])
    run.code.commit({"a/b/c.txt": b"%d" % number, "same.txt": b"same"}, message="agent", seq=number)
    run.append(*a_search(20)[number])


def test_blobs_and_agents_are_durable_before_the_line_that_names_them(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunInfo(id="run", seed=1), segment_lines=4)
    with watched() as disk:
        for number in range(10):
            write(run, number)
            before = disk.at_each_line[-1]
            for path in files(run.path / "blobs") | files(run.path / "code.git" / "objects"):
                assert {str(path), str(path.parent)} <= before, path
                assert path.stat().st_ino in disk.synced
            refs = files(run.path / "code.git" / "refs")
            assert {str(path) for path in refs} <= before
            assert len(refs) == number + 1
        run.close()
    for path in files(run.path) - {run.path / "run.json"}:
        if "schema" not in path.name and path.parent.name != "code.git":
            assert path.stat().st_ino in disk.synced, path
            assert disk.reached(path.parent if path.parent == run.path else path, path.parent), path


def test_a_name_that_a_killed_writer_left_is_made_durable_before_it_is_relied_on(tmp_path: Path) -> None:
    """The first writer had no time to wait for the directories, the second must."""
    blobs, content = Blobs(tmp_path / "blobs"), b"made just before a kill"
    digest = blobs.put(content)
    with GitStore.create(tmp_path / "code.git") as code:
        id = code.commit({"a.txt": b"a"}, message="agent", seq=1)
    with watched() as disk, GitStore(tmp_path / "code.git") as code:
        assert Blobs(tmp_path / "blobs").put(content) == digest
        assert code.commit({"a.txt": b"a"}, message="agent", seq=1) == id
    wanted = [
        tmp_path / "blobs" / digest[:2] / f"{digest}.zst",
        tmp_path / "code.git" / "refs" / "agents" / id,
    ]
    wanted += list((tmp_path / "code.git" / "objects").rglob("??/*"))
    scanned = {str(Path(name).parent) for name in disk.names} | disk.names
    for path in wanted:
        assert {str(path.parent)} <= scanned, path


@pytest.mark.parametrize("store", ["blobs/tmp", "code.git/tmp", "log", "evaluations", "code.git"])
def test_what_a_kill_left_under_a_temporary_name_is_removed_by_the_next_driver(
    tmp_path: Path, store: str
) -> None:
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1)) as run:
        run.blobs.put(b"x")
        run.code.commit({"a": b"a"}, message="agent", seq=0)
    left = run.path / store / ".whatever.k8xq.tmp"
    left.write_bytes(b"half")
    with archive.open(run.path) as reader:
        assert reader.next_seq == 0
        assert left.exists()
    resume_run(run.path).close()
    assert not left.exists()
