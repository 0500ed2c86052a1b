"""Where a run is read from: a directory here, or one that fsspec reaches (`s3://bucket/run`, `memory://run`, ...).

A `RemotePath` is the part of `pathlib.Path` that reading needs, so one code reads both. Nothing that it tells is
cached: each listing asks anew, which is what reading beside a driver needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .errors import ForeignDirectoryError, MissingPackageError, UnreachableError

_TOGETHER = 64
"""Files that are asked for at the same time."""


class Files(Protocol):
    """What we use of an fsspec file system."""

    def cat_file(self, path: str) -> bytes: ...
    def cat(self, path: list[str], *, on_error: str) -> Mapping[str, bytes]: ...
    def ls(self, path: str, *, detail: bool) -> list[Mapping[str, Any]]: ...
    def isdir(self, path: str) -> bool: ...
    def exists(self, path: str) -> bool: ...
    def info(self, path: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class RemotePath:
    """A file or directory of `files`. `failures` are the errors with which its service says that it cannot be asked."""

    files: Files = field(repr=False, compare=False)
    protocol: str
    key: str
    failures: tuple[type[Exception], ...] = field(default=(), repr=False, compare=False)

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(self.files, self.protocol, f"{self.key}/{name}", self.failures)

    def __str__(self) -> str:
        return f"{self.protocol}://{self.key.lstrip('/')}"

    def __fspath__(self) -> str:
        return str(self)

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0] or self.name

    @property
    def parent(self) -> RemotePath:
        return RemotePath(self.files, self.protocol, self.key.rpartition("/")[0], self.failures)

    def read_bytes(self) -> bytes:
        with self._asking():
            return self.files.cat_file(self.key)

    def read_text(self, encoding: str) -> str:
        return self.read_bytes().decode(encoding)

    def is_dir(self) -> bool:
        with self._asking():
            return self.files.isdir(self.key)

    def exists(self) -> bool:
        with self._asking():
            return self.files.exists(self.key)

    def size(self) -> int:
        with self._asking():
            return int(self.files.info(self.key)["size"])

    def sizes(self) -> dict[str, int]:
        """Name -> bytes of the files in this directory; none if it is not there, since a store of objects has no
        empty directories."""
        try:
            with self._asking():
                found = self.files.ls(self.key, detail=True)
        except FileNotFoundError:
            return {}
        return {
            str(one["name"]).rpartition("/")[2]: int(one["size"]) for one in found if one["type"] == "file"
        }

    def read_all(self, keys: list[str]) -> Mapping[str, bytes]:
        with self._asking():
            return self.files.cat(keys, on_error="raise")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except self.failures as error:
            raise UnreachableError(
                f"{self} cannot be read ({error}); check address and credentials"
            ) from error


Place = Path | RemotePath
"""A file or directory that is read."""


def place_of(path: str | os.PathLike[str], options: Mapping[str, object]) -> Place:
    """The place that the user means: a path, or an address such as `s3://bucket/run` with options for its service."""
    text = os.fspath(path)
    protocol, separator, rest = text.partition("://")
    if not separator:
        return Path(text).absolute()
    if protocol in ("file", "local"):
        return Path(rest).absolute()
    try:
        from fsspec.core import url_to_fs  # here, because it is an optional package

        files, key = url_to_fs(text.rstrip("/"), use_listings_cache=False, **options)
        return RemotePath(files, protocol, key.rstrip("/"), _failures(protocol))
    except ImportError as error:
        raise MissingPackageError(
            f"{text} needs another package ({error}); for s3:// install dgm[s3]"
        ) from error
    except ValueError as error:
        raise ForeignDirectoryError(f"{text} is no address of a run ({error})") from error


def sizes_in(directory: Place) -> dict[str, int]:
    """Name -> bytes of what stands in `directory`, in order; nothing if it is not there."""
    if isinstance(directory, RemotePath):
        return dict(sorted(directory.sizes().items()))
    found: dict[str, int] = {}
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                try:
                    found[entry.name] = entry.stat().st_size
                except FileNotFoundError:
                    continue  # it was a temporary name
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return dict(sorted(found.items()))


def size_of(file: Place) -> int:
    return file.size() if isinstance(file, RemotePath) else file.stat().st_size


def contents(files: Sequence[Place]) -> Iterator[bytes]:
    """What each file holds, in order; those far away are asked for many at a time."""
    for begin in range(0, len(files), _TOGETHER):
        together = files[begin : begin + _TOGETHER]
        if isinstance(together[0], RemotePath):
            keys = [file.key for file in together if isinstance(file, RemotePath)]
            found = together[0].read_all(keys)
            yield from (found[key] for key in keys)
        else:
            yield from (file.read_bytes() for file in together)


def _failures(protocol: str) -> tuple[type[Exception], ...]:
    if protocol in ("s3", "s3a"):
        from botocore.exceptions import BotoCoreError

        return (BotoCoreError,)
    return ()
