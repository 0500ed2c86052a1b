"""Writing files so that they are on disk, whole, before anyone is told.

The order is always: temporary name in the same directory, content, fsync, rename, fsync of the directory.
After a crash a file is therefore there whole under its name, or not at all.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
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
def replacing(path: Path, *, name_it: Callable[[Path, Path], object] = os.replace) -> Iterator[Path]:
    """Give a temporary path; on leaving, what was written there gets the name `path`, durably.

    The temporary name is beside `path`; it begins with a dot and ends in `.tmp`, so no glob for `path`'s suffix finds
    it. If the block or the disk fails, the temporary file is removed and `path` stays what it was. `name_it` is
    `os.link` where a `path` that is there must not be replaced.
    """
    try:
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
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


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` at `path`, replacing what was there; durable when this returns."""
    with replacing(path) as temporary:
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

    Names are relative to it. Temporary files are in its `tmp`, so what a crash leaves is found without looking at every
    file. A file or directory that is there may have got its name from a writer that was killed before it could wait for
    the disk, so that is made good before this one relies on it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._temporary = directory / "tmp"
        self._durable = {""}
        self._waiting: ThreadPoolExecutor | None = None

    def put(self, name: str, content: Callable[[], bytes]) -> None:
        """`put_all` for one."""
        self.put_all({name: content})

    def put_all(self, files: Mapping[str, Callable[[], bytes]]) -> None:
        """Have each content under its name, unless a file is there; all are durable when this returns.

        They wait for the disk together: all contents, then, once they have their names, all directories.
        """
        new = {name: self._directory / name for name in files if name not in self._durable}
        if not new:
            return
        make_directory(self._temporary)
        directories = {_parent(name) for name in new}
        try:
            self._settle(directories)
            self._write({path: files[name] for name, path in new.items() if not path.exists()})
            self._sync(directories)
        except OSError as error:
            raise write_failed(", ".join(map(str, [*new.values()][:3])), error) from error
        self._durable.update(new)

    def _settle(self, directories: set[str]) -> None:
        """Have these directories and those above them, durably."""
        new = directories - self._durable
        if not new:
            return
        above = {_parent(directory) for directory in new}
        self._settle(above)
        for directory in new:
            (self._directory / directory).mkdir(exist_ok=True)
        self._sync(above)
        self._durable |= new

    def _write(self, files: Mapping[Path, Callable[[], bytes]]) -> None:
        mine = secrets.token_hex(8)
        staged = {path: self._temporary / f".{mine}.{number}.tmp" for number, path in enumerate(files)}
        try:
            for path, content in files.items():
                with staged[path].open("xb") as file:
                    os.fchmod(file.fileno(), 0o644)
                    file.write(content())
            self._sync_all(list(staged.values()))
            for path, temporary in staged.items():
                temporary.replace(path)
        except BaseException:
            for temporary in staged.values():
                temporary.unlink(missing_ok=True)
            raise

    def _sync(self, directories: set[str]) -> None:
        self._sync_all([self._directory / directory for directory in directories])

    def _sync_all(self, paths: Sequence[Path]) -> None:
        """Wait for the disk in several threads: it makes durable together what waits at the same time."""
        if len(paths) < 2:
            return _sync_each(paths)
        if self._waiting is None:
            self._waiting = ThreadPoolExecutor(SYNCS, thread_name_prefix="dgm-sync")
        shares = [paths[n::SYNCS] for n in range(min(SYNCS, len(paths)))]
        for done in [self._waiting.submit(_sync_each, share) for share in shares]:
            done.result()


def _parent(name: str) -> str:
    return name.rpartition("/")[0]


def _sync_each(paths: Sequence[Path]) -> None:
    for path in paths:
        sync_file(path)
