"""What sealing left: for each closed segment, the parts that took its place, with their sizes and checksums.

A seal `seals/<first entry>-<last entry>.json` is one line with its own checksum, written when its parts are on disk and
before their segment is deleted:

    {"first":0,"last":4095,"parts":{"decisions":{"rows":2048,"bytes":91331,"sha256":"..."},...},"crc32":"..."}

So a part that is missing, cut short or foreign is noticed when a run is opened, by name and size, without reading it;
`verify` compares the checksums.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .disk import make_directory, write_durably
from .errors import CorruptArchiveError
from .log import decode_line, encode_line
from .places import Place, contents, sizes_in

_NAME = re.compile(r"(\d{12})-(\d{12})\.json")


@dataclass(frozen=True, kw_only=True)
class SealedPart:
    """One part as it was when it was sealed. `size` is in bytes, `sha256` that of the file."""

    rows: int
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Seal:
    """The parts, by table, that hold entries `first` to `last`."""

    first: int
    last: int
    parts: Mapping[str, SealedPart]


def sealed_part(path: Place, rows: int) -> SealedPart:
    """What a seal says of the file at `path`."""
    content = path.read_bytes()
    return SealedPart(rows=rows, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def write_seal(run: Path, seal: Seal) -> None:
    """Write a seal, durable when this returns."""
    parts = {table: asdict(part) for table, part in seal.parts.items()}
    make_directory(run / "seals")
    write_durably(
        seal_path(run, seal.first, seal.last),
        encode_line({"first": seal.first, "last": seal.last, "parts": parts}),
    )


def seal_path(run: Path, first: int, last: int) -> Path:
    return run / "seals" / _name(first, last)


def _name(first: int, last: int) -> str:
    return f"{first:012d}-{last:012d}.json"


def seal_names(run: Place) -> list[str]:
    """The names of a run's seals, in order."""
    return [name for name in sizes_in(run / "seals") if _NAME.fullmatch(name)]


def seal_paths(run: Path) -> list[Path]:
    return [run / "seals" / name for name in seal_names(run)]


def read_seals(run: Place) -> list[Seal]:
    """All seals of a run, in order."""
    paths = [run / "seals" / name for name in seal_names(run)]
    return [_parse(path, content) for path, content in zip(paths, contents(paths), strict=True)]


def sealed_spans(run: Path) -> list[tuple[int, int]]:
    """First and last entry of each sealed segment, in order, by the names of the seals."""
    names = (_NAME.fullmatch(path.name) for path in seal_paths(run))
    return [(int(name[1]), int(name[2])) for name in names if name]


def read_seal(path: Path) -> Seal:
    """Read one seal, compared with its checksum and its name."""
    return _parse(path, path.read_bytes())


def _parse(path: Place, line: bytes) -> Seal:
    try:
        content = decode_line(line.removesuffix(b"\n"))
        parts = {table: SealedPart(**part) for table, part in content["parts"].items()}
        seal = Seal(first=content["first"], last=content["last"], parts=parts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptArchiveError(f"not a seal as it was written ({error})", path=path) from error
    if path.name != _name(seal.first, seal.last):
        raise CorruptArchiveError(
            f"this seal is of entries {seal.first} to {seal.last}, unlike its name", path=path
        )
    return seal
