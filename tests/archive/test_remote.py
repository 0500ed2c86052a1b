"""Runs that are read from afar: the same rows as here, the same refusals, and no gap beside a driver that seals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import archive
from archive import (
    CorruptArchiveError,
    Entry,
    ForeignDirectoryError,
    FormatVersionError,
    MissingPackageError,
    NotLocalError,
    Run,
    RunInfo,
    RunReader,
    UnknownBlobError,
    UnreachableError,
    create_run,
    fork_run,
)
from archive.places import RemotePath, sizes_in
from archive.testing import a_change, a_search

fsspec = pytest.importorskip("fsspec")

INFO = RunInfo(id="run", seed=1)
ENTRIES = [Entry(seq, rows) for seq, rows in enumerate(a_search(20))]
TABLES = ("decisions", "expansions", "agents", "evaluations", "calls", "changes")


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run with parts, a tail and a blob, whose driver is there."""
    with create_run(tmp_path_factory.mktemp("runs") / "run", INFO, segment_lines=7) as run:
        run.blobs.put(b"transcript")
        for entry in ENTRIES:
            run.append(*entry.rows)
        yield run


def copied(run: Run, to: str) -> dict[str, bytes]:
    """The files of a run, without its git repository, by where they go."""
    paths = (path for path in run.path.rglob("*") if path.is_file() and "code.git" not in path.parts)
    return {f"{to}/{path.relative_to(run.path)}": path.read_bytes() for path in paths}


@pytest.fixture
def remote(living: Run) -> Iterator[str]:
    """A copy of it in the memory of this process."""
    files = fsspec.filesystem("memory")
    files.pipe(copied(living, "/bucket/run"))
    yield "memory://bucket/run"
    files.rm("/bucket", recursive=True)


def check_same(far: RunReader, near: RunReader) -> None:
    assert far.info == near.info
    assert far.next_seq == len(ENTRIES)
    assert list(far.entries()) == list(near.entries()) == ENTRIES
    for table in TABLES:
        assert getattr(far, table).equals(getattr(near, table)), table
    assert far.columns("calls", "rollout", "n").equals(near.columns("calls", "rollout", "n"))
    assert far.leaderboard().equals(near.leaderboard())
    (digest,) = living_blobs(near)
    assert far.blobs.get(digest) == b"transcript"
    assert far.blobs.has(digest)
    with pytest.raises(UnknownBlobError, match="run/blobs"):
        far.blobs.get("0" * 64)


def living_blobs(near: RunReader) -> list[str]:
    return [path.stem for path in (near.directory / "blobs").rglob("*.zst")]


def test_a_run_far_away_is_what_it_is_here(living: Run, remote: str) -> None:
    with archive.open(remote) as far, archive.open(living.path) as near:
        check_same(far, near)
    with archive.open(f"file://{living.path}") as near:
        assert near.path == living.path


def test_a_run_in_s3(living: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    server = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    for name, value in {
        "ACCESS_KEY_ID": "test",
        "SECRET_ACCESS_KEY": "test",
        "DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        options = {"endpoint_url": f"http://{host}:{port}"}
        files = s3fs.S3FileSystem(**options)
        files.mkdir("bucket")
        files.pipe(copied(living, "bucket/run"))
        with (
            archive.open("s3://bucket/run", storage_options=options) as far,
            archive.open(living.path) as near,
        ):
            check_same(far, near)
        files.pipe_file("bucket/run/log/000000000035.jsonl", b"")
        with pytest.raises(CorruptArchiveError, match=r"s3://bucket/run/log/000000000035\.jsonl"):
            archive.open("s3://bucket/run", storage_options=options)
        with pytest.raises(ForeignDirectoryError, match="s3://bucket/none is not there"):
            archive.open("s3://bucket/none", storage_options=options)
    finally:
        moto.stop()


def test_what_only_a_directory_here_can_give_is_told(remote: str, tmp_path: Path) -> None:
    with (
        archive.open(remote) as far,
        pytest.raises(NotLocalError, match=r"memory://bucket/run.* copy the run here"),
    ):
        _ = far.code
    with pytest.raises(NotLocalError):
        fork_run(remote, tmp_path / "fork", at=1)
    assert list(tmp_path.iterdir()) == []


def change(path: str, how: Callable[[bytes], bytes]) -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file(f"/bucket/run/{path}", how(files.cat_file(f"/bucket/run/{path}")))


def remove(path: str) -> None:
    fsspec.filesystem("memory").rm(f"/bucket/run/{path}")


DAMAGE: Mapping[str, tuple[Callable[[], None], type[Exception], str]] = {
    "a newer format": (
        lambda: change(
            "run.json", lambda text: json.dumps(json.loads(text) | {"format_version": 99}).encode()
        ),
        FormatVersionError,
        "memory://bucket/run has format version 99, this release reads 1 to",
    ),
    "a foreign directory": (lambda: remove("run.json"), ForeignDirectoryError, "it has no run.json"),
    "a missing part": (
        lambda: remove("calls/part-000000000000-000000000006.parquet"),
        CorruptArchiveError,
        "calls/part-000000000000-000000000006.parquet: the part is missing",
    ),
    "a part cut short": (
        lambda: change("decisions/part-000000000000-000000000006.parquet", lambda text: text[:-1]),
        CorruptArchiveError,
        "it was cut short or changed",
    ),
    "a missing seal": (
        lambda: remove("seals/000000000007-000000000013.json"),
        CorruptArchiveError,
        "no seal names this part",
    ),
    "a changed seal": (
        lambda: change("seals/000000000007-000000000013.json", lambda text: text.replace(b"7", b"8", 1)),
        CorruptArchiveError,
        "not a seal as it was written",
    ),
    "a torn line": (
        lambda: change("log/000000000035.jsonl", lambda text: text.replace(b"seq", b"sep", 1)),
        CorruptArchiveError,
        "log/000000000035.jsonl, line 2",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_and_what_is_no_run_of_ours_is_refused(name: str, remote: str) -> None:
    damage, error, message = DAMAGE[name]
    damage()
    with pytest.raises(error, match=message):
        archive.open(remote)


def test_addresses_that_lead_nowhere() -> None:
    with pytest.raises(ForeignDirectoryError, match="memory://none is not there"):
        archive.open("memory://none")
    with pytest.raises(ForeignDirectoryError, match="nosuch://a is no address of a run"):
        archive.open("nosuch://a")
    with pytest.raises(MissingPackageError, match="needs another package"):
        archive.open("lakefs://a")


class Moving:
    """The files of a run that goes on while it is read: request number n is answered by its state after the marks
    up to n."""

    def __init__(self, states: Sequence[Path], marks: Sequence[int]) -> None:
        self._states, self._marks = states, marks
        self.requests = 0

    def _now(self, path: str) -> Path:
        state = self._states[sum(mark <= self.requests for mark in self._marks)]
        self.requests += 1
        return state / path.removeprefix("run/")

    def cat_file(self, path: str) -> bytes:
        return self._now(path).read_bytes()

    def cat(self, path: list[str], *, on_error: str) -> Mapping[str, bytes]:
        return {one: self.cat_file(one) for one in path}

    def ls(self, path: str, *, detail: bool) -> list[Mapping[str, Any]]:
        found = self._now(path).iterdir()
        return [{"name": str(one), "size": one.stat().st_size, "type": "file"} for one in found]

    def isdir(self, path: str) -> bool:
        return True

    def exists(self, path: str) -> bool:
        return self._now(path).exists()

    def info(self, path: str) -> Mapping[str, Any]:
        return {"size": self._now(path).stat().st_size}


def test_no_row_is_dropped_or_doubled_while_the_driver_seals(tmp_path: Path) -> None:
    """At any two requests of a reader, the driver goes on by enough entries to seal several segments."""
    states = [tmp_path / name for name in "abc"]
    with create_run(tmp_path / "run", INFO, segment_lines=2) as run:
        for state in states:
            for _ in range(5):
                run.append(a_change(run.next_seq))
            shutil.copytree(run.path, state)
    lengths = set()
    for first in range(100):
        for second in range(first, 100, 3):
            files = Moving(states, (first, second))
            far = RunReader(RemotePath(files, "far", "run"))
            assert [entry.seq for entry in far.entries()] == list(range(far.next_seq))
            lengths.add(far.next_seq)
            if files.requests <= second:
                break
        if files.requests <= first:
            break
    assert first > 12
    assert lengths == {5, 10, 15}


def test_many_parts_are_asked_for_together(tmp_path: Path) -> None:
    class Counting(Moving):
        asked: list[int]

        def cat(self, path: list[str], *, on_error: str) -> Mapping[str, bytes]:
            self.asked.append(len(path))
            return super().cat(path, on_error=on_error)

    with create_run(tmp_path / "run", INFO, segment_lines=2) as run:
        for seq in range(21):
            run.append(a_change(seq))
        files = Counting([run.path], [])
        files.asked = []
        far = RunReader(RemotePath(files, "far", "run"))
        assert files.asked == [10]  # the seals
        assert far.changes["seq"].to_pylist() == list(range(21))
        assert files.asked == [10, 10]


def test_what_keeps_changing_while_it_is_read_is_told(tmp_path: Path) -> None:
    for name in range(300):
        (tmp_path / f"{name}" / "log").mkdir(parents=True)
        (tmp_path / f"{name}" / "log" / f"{name:012d}.jsonl").touch()
    with create_run(tmp_path / "run", INFO) as run:
        shutil.copy(run.path / "run.json", tmp_path / "0")
    files = Moving([tmp_path / f"{name}" for name in range(300)], range(2, 301))
    with pytest.raises(CorruptArchiveError, match="far://run: the log changed during each of 100 looks"):
        RunReader(RemotePath(files, "far", "run"))


def test_a_service_that_cannot_be_asked_is_told() -> None:
    class Broken(Moving):
        def _now(self, path: str) -> Path:
            raise TimeoutError("no answer")

    place = RemotePath(Broken([], []), "far", "bucket/run", (TimeoutError,))
    with pytest.raises(
        UnreachableError, match=r"far://bucket/run/log cannot be read \(no answer\); check address"
    ):
        sizes_in(place / "log")
