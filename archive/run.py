"""The directory of one run, and the one driver who writes it.

    runs/<name>/run.json            what was fixed at creation
                lock                flock of the driver
                log/                write-ahead log (archive.log)
                decisions/ ...      one directory of Parquet parts per table (archive.parquet)
                index/              narrow columns of many parts together (archive.index)
                blobs/ code.git/    transcripts and agents, durable before the line that names them

A run is created under a hidden name beside its place and renamed when it is whole, so a crash leaves all of
it or nothing. It is locked from before that, so nobody else can open it in between.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from .blobs import Blobs
from .codec import PlainRow, encode
from .disk import make_directory, remove_temporary_files, sync_directory
from .errors import CorruptArchiveError, NotWritableError, RunExistsError, WriteFailedError, write_failed
from .gitstore import GitStore
from .indexing import refresh_index
from .info import RunInfo, read_info, write_info
from .ledger import Ledger
from .lock import RunLock
from .log import (
    SegmentWriter,
    adopt_segment,
    create_segment,
    encode_line,
    read_segments,
    remove_lost_segments,
    segment_path,
)
from .parquet import create_tables, seal
from .recall import past_of
from .records import ROW_TYPES, Entry, Row
from .snapshot import Snapshot
from .upgrade import upgrade

log = logging.getLogger(__name__)

Clock = Callable[[], float]
"""Seconds that only grow; where they start does not matter."""

SEGMENT_LINES = 4096
SEGMENT_SECONDS = 600.0


def create_run(
    path: str | Path,
    info: RunInfo,
    *,
    clock: Clock = time.monotonic,
    segment_lines: int = SEGMENT_LINES,
    segment_seconds: float = SEGMENT_SECONDS,
) -> Run:
    """Make the directory of a new run and open it for writing. A crash leaves a whole run or nothing."""
    path = Path(path).absolute()
    _refuse_existing(path)
    make_directory(path.parent)
    remove_leftovers(path, ".{name}.*.new")
    try:
        new = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new"))
    except OSError as error:
        raise write_failed(str(path), error) from error
    lock = None
    try:
        lock = RunLock(new / "lock")
        new.chmod(0o755)
        for directory in ("log", "seals", "blobs"):
            make_directory(new / directory)
        create_tables(new)
        GitStore.create(new / "code.git").close()
        create_segment(new / "log", 0, dict.fromkeys(ROW_TYPES, 0), epoch=1)
        write_info(new, info)
        sync_directory(new)
        _place(new, path)
        lock.path = path / "lock"
    except BaseException:
        if lock is not None:
            lock.close()
        shutil.rmtree(new, ignore_errors=True)
        raise
    return _locked_run(path, lock, clock, segment_lines, segment_seconds)


def resume_run(
    path: str | Path,
    *,
    clock: Clock = time.monotonic,
    segment_lines: int = SEGMENT_LINES,
    segment_seconds: float = SEGMENT_SECONDS,
) -> Run:
    """Open an existing run for writing, at the point where its last driver left it, however that ended."""
    path = Path(path).absolute()
    read_info(path)
    return _locked_run(path, RunLock(path / "lock"), clock, segment_lines, segment_seconds)


class Run:
    """A run that this process writes: an `Archive` on disk, with its `blobs` and `code`. Use with `with`."""

    def __init__(
        self, path: Path, lock: RunLock, *, clock: Clock, segment_lines: int, segment_seconds: float
    ) -> None:
        """For `create_run` and `resume_run`, which take the lock."""
        self.path = path
        self.info = read_info(path)
        self._lock = lock
        self._clock = clock
        self._segment_lines = segment_lines
        self._segment_seconds = segment_seconds
        self._closed = False
        _remove_temporary_files(path)
        upgrade(path)
        self._seal_closed()
        snapshot = Snapshot(path)
        self._ledger = Ledger(past_of(snapshot))
        self._epoch = snapshot.open_segment.epoch + 1
        adopted = adopt_segment(path / "log", snapshot.open_segment)
        remove_lost_segments(path / "log", self._epoch)
        self._writer = SegmentWriter(adopted, fence=lock.check)
        self._began: float | None = None
        self._rolled = True
        self.blobs = Blobs(path / "blobs")
        self.code = GitStore(path / "code.git")

    @property
    def next_seq(self) -> int:
        return self._ledger.next_seq

    @property
    def driver(self) -> str:
        """Names this driver among all that ever write the run; see `archive.holder_of`."""
        return self._lock.token

    def append(self, *rows: Row) -> int:
        return self.append_many([rows])[0]

    def append_many(self, entries: Sequence[Sequence[Row]]) -> Sequence[int]:
        if self._closed:
            raise NotWritableError(f"{self.path} is closed")
        self._check_sound()
        new = [Entry(seq, tuple(rows)) for seq, rows in enumerate(entries, self.next_seq)]
        lines = [_line(entry) for entry in new]
        with self._fenced():
            self._roll_if_due()
            with self._ledger.noting([entry.rows for entry in new]):
                self._writer.append(*lines)
        return [entry.seq for entry in new]

    def entries(self, since: int = 0) -> Iterator[Entry]:
        return Snapshot(self.path).entries(since)

    def close(self) -> None:
        """Seal what is in the log and let go of the run. If the disk is full, it stays in the log: nothing is
        lost."""
        if self._closed:
            return
        self._closed = True
        try:
            with self._fenced():
                self._check_sound()
                if self._writer.lines:
                    self._roll()
                self._seal_closed()
        except NotWritableError as error:
            log.warning("left unsealed, the next driver will see to it: %s", error)
        finally:
            self._writer.close()
            self.code.close()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _roll_if_due(self) -> None:
        if self._began is None:
            self._began = self._clock()
        old = self._clock() - self._began >= self._segment_seconds
        if self._writer.lines and (old or self._writer.lines >= self._segment_lines):
            self._roll()
            self._began = self._clock()

    def _roll(self) -> None:
        """Open a new segment, then seal the old one. A failure in between is made good by the next seal."""
        directory, old, self._rolled = self.path / "log", self._writer, False
        try:
            path = create_segment(directory, self.next_seq, self._ledger.rows_by_table, epoch=self._epoch)
            self._lock.check()
            self._writer = SegmentWriter(path, fence=self._lock.check)
        finally:
            self._rolled = self._writer is not old or not segment_path(directory, self.next_seq).exists()
        old.close()
        self._seal_closed()

    @contextmanager
    def _fenced(self) -> Iterator[None]:
        """What fails because files are gone fails because another driver has the run, if one has."""
        try:
            yield
        except (WriteFailedError, FileNotFoundError):
            self._lock.check()
            raise

    def _check_sound(self) -> None:
        """Raise unless log and ledger agree; an interrupt in the middle of an append may have parted them."""
        if not (self._rolled and self._ledger.steady) or self._writer.next_seq != self._ledger.next_seq:
            raise NotWritableError(f"an append to {self.path} was interrupted; open the run again")
        self._writer.check()

    def _seal_closed(self) -> None:
        for segment in read_segments(self.path / "log")[:-1]:
            self._lock.check()
            seal(self.path, segment)
        self._lock.check()
        try:
            refresh_index(self.path)
        except (WriteFailedError, CorruptArchiveError) as error:
            log.warning("the index is not complete, so that %s takes longer to open: %s", self.path, error)


def _locked_run(path: Path, lock: RunLock, clock: Clock, segment_lines: int, segment_seconds: float) -> Run:
    try:
        return Run(path, lock, clock=clock, segment_lines=segment_lines, segment_seconds=segment_seconds)
    except BaseException:
        lock.close()
        raise


def _line(entry: Entry) -> bytes:
    tables: dict[str, list[PlainRow]] = {}
    for row in entry.rows:
        table, plain = encode(row)
        tables.setdefault(table, []).append(plain)
    return encode_line({"seq": entry.seq, "rows": tables})


def _refuse_existing(path: Path) -> None:
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise RunExistsError(f"{path} exists; resume it if it is a run, or choose another name")


def _place(new: Path, path: Path) -> None:
    try:
        new.rename(path)
        sync_directory(path.parent)
    except OSError as error:
        _refuse_existing(path)
        raise write_failed(str(path), error) from error


def remove_leftovers(path: Path, *patterns: str) -> None:
    """Remove what writers of `path` that were killed left beside it; one that is still going on is left alone.

    In `patterns` of their hidden directories, `{name}` stands for the name of `path`.
    """
    for left in (found for pattern in patterns for found in path.parent.glob(pattern.format(name=path.name))):
        try:
            fd = os.open(left / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(fd)


def _remove_temporary_files(run: Path) -> None:
    """What a crash left under temporary names; we hold the lock, so nobody writes them."""
    for directory in (".", "log", "seals", "index", "blobs/tmp", "code.git/tmp", "code.git", *ROW_TYPES):
        remove_temporary_files(run / directory)
