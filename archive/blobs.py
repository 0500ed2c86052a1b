"""Large texts of a run (transcripts, logs, answers), named by the SHA-256 of their content, zstd on disk.

A blob is at `<first two digits>/<all digits>.zst`. Writing one that is there already does nothing; two
processes that write the same blob at the same time both succeed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import zstandard

from .disk import OnceWritten
from .errors import CorruptArchiveError, UnknownBlobError
from .places import Place

_DIGEST = re.compile(r"[0-9a-f]{64}")


class BlobReader:
    """The blobs under one directory, here or far away. Holds no open file."""

    def __init__(self, directory: Place) -> None:
        self._place = directory

    def get(self, digest: str) -> bytes:
        """The content named `digest`, compared with its name before it is returned."""
        path = self._place / _name(digest)
        try:
            packed = path.read_bytes()
        except FileNotFoundError:
            raise UnknownBlobError(f"no blob {digest} in {self._place}") from None
        try:
            content = zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise CorruptArchiveError(f"not a whole zstd frame ({error})", path=path) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise CorruptArchiveError("the content does not have the hash that it is named by", path=path)
        return content

    def has(self, digest: str) -> bool:
        return (self._place / _name(digest)).exists()


class Blobs(BlobReader):
    """The blobs under one directory of this machine, and a way to add some. May be used from anywhere that sees the
    directory."""

    def __init__(self, directory: str | Path) -> None:
        super().__init__(Path(directory))
        self._directory = Path(directory)
        self._files = OnceWritten(self._directory)

    def put(self, content: bytes) -> str:
        """Keep `content` and return its digest; durable when this returns."""
        return self.put_all([content])[0]

    def put_all(self, contents: Sequence[bytes]) -> list[str]:
        """`put` for all of them, in hardly more than the time of one."""
        named = [(hashlib.sha256(content).hexdigest(), content) for content in contents]
        pack = zstandard.ZstdCompressor(level=3, write_checksum=False).compress
        self._files.put_all({_name(digest): partial(pack, content) for digest, content in named})
        return [digest for digest, _ in named]

    def __iter__(self) -> Iterator[str]:
        """The digests of all blobs, in order."""
        for path in sorted(self._directory.glob("[0-9a-f][0-9a-f]/*.zst")):
            yield path.stem

    def path(self, digest: str) -> Path:
        """Where the blob of this name is, or would be."""
        return self._directory / _name(digest)


def _name(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise UnknownBlobError(f"a blob is named by 64 hexadecimal digits, got {digest!r}")
    return f"{digest[:2]}/{digest}.zst"
