"""Writing files so that they are on disk, whole, before anyone is told.

The order is always: temporary name in the same directory, content, fsync, rename, fsync of the directory.
After a crash a file is therefore there whole under its name, or not at all.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import write_failed

SYNCS = 16
"""So many files wait for the disk side by side: it makes them durable together, in about the time of one."""


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_directory(directory: Path) -> None:
    """Create `directory` and its missing parents, durably. One that exists is left as it is."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    try:
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)
    except OSError as error:
        raise write_failed(str(directory), error) from error


@contextmanager
def replacing(
    path: Path, *, within: Path | None = None, name_it: Callable[[Path, Path], object] = os.replace
) -> Iterator[Path]:
    """Give a temporary path; on leaving, what was written there gets the name `path`, durably.

    The temporary name is in `within`, by default beside `path`; it begins with a dot and ends in `.tmp`, so no glob
    for `path`'s suffix finds it. If the block or the disk fails, the temporary file is removed and `path` stays what
    it was. `name_it` is `os.link` where a `path` that is there must not be replaced.
    """
    try:
        fd, name = tempfile.mkstemp(dir=within or path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(fd)
    except OSError as error:
        raise write_failed(str(path), error) from error
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        sync_file(temporary)
        name_it(temporary, path)
        sync_directory(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise write_failed(str(path), error) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_durably(path: Path, content: bytes, *, within: Path | None = None) -> None:
    """Put `content` at `path`, replacing what was there; durable when this returns."""
    with replacing(path, within=within) as temporary:
        temporary.write_bytes(content)


def create_durably(path: Path, content: bytes) -> None:
    """Put `content` at `path`, which must not be there; FileExistsError if it is. Durable when this returns."""
    with replacing(path, name_it=os.link) as temporary:
        temporary.write_bytes(content)


def remove_temporary_files(directory: Path) -> None:
    """Remove what killed writers left in `directory` under temporary names. Only for who alone may write there."""
    for path in directory.glob(".*.tmp"):
        path.unlink(missing_ok=True)


class OnceWritten:
    """Files under one directory that never change once they have their name, in fan-out directories below it.

    Temporary files are in its `tmp`, so what a crash leaves is found without looking at every file. A file or directory
    that is there may have got its name from a writer that was killed before it could wait for the disk, so that is
    made good before this one relies on it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._temporary = directory / "tmp"
        self._durable: set[str] = set()
        self._waiting: ThreadPoolExecutor | None = None

    def put_all(self, files: Mapping[Path, Callable[[], bytes]]) -> None:
        """`put` for all of them, in any order."""
        new = {path: content for path, content in files.items() if str(path) not in self._durable}
        if len(new) < 2:
            for path, content in new.items():
                self.put(path, content)
            return
        if self._waiting is None:
            self._waiting = ThreadPoolExecutor(SYNCS, thread_name_prefix="dgm-sync")
        for done in [self._waiting.submit(self.put, path, content) for path, content in new.items()]:
            done.result()

    def put(self, path: Path, content: Callable[[], bytes]) -> None:
        """Have `content` at `path`, unless a file is there; durable when this returns."""
        if (name := str(path)) in self._durable:
            return
        self._settle(path.parent)
        if path.exists():
            self._sync(path.parent)
        else:
            make_directory(self._temporary)
            write_durably(path, content(), within=self._temporary)
        self._durable.add(name)

    def _settle(self, directory: Path) -> None:
        if (name := str(directory)) in self._durable or directory == self._directory:
            return
        self._settle(directory.parent)
        make_directory(directory)
        self._sync(directory.parent)
        self._durable.add(name)

    def _sync(self, directory: Path) -> None:
        try:
            sync_directory(directory)
        except OSError as error:
            raise write_failed(str(directory), error) from error
