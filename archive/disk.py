"""Writing files so that they are on disk, whole, before anyone is told.

The order is always: temporary name in the same directory, content, fsync, rename, fsync of the directory.
After a crash a file is therefore there whole under its name, or not at all.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import write_failed


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
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on leaving, what was written there gets the name `path`, durably.

    The temporary name begins with a dot and ends in `.tmp`, so no glob for `path`'s suffix finds it. If the
    block or the disk fails, the temporary file is removed and `path` stays what it was.
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
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise write_failed(str(path), error) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` at `path`, replacing what was there; durable when this returns."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
