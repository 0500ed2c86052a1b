"""The write-ahead log: segments of checksummed JSON lines.

A segment `log/<number of its first entry>.jsonl` begins with a header line, then holds one line per entry:

    {"format_version":2,"first":4096,"epoch":3,"sealed":{"decisions":2048,...},"crc32":"..."}
    {"seq":4096,"rows":{"evaluations":[{...}],"calls":[{...},{...}]},"crc32":"..."}

`crc32` is the checksum of the line's bytes before `,"crc32"`. The header says how many rows of each table
were in all entries before the segment, so a part that went missing is noticed. A segment gets its name with
its header on disk; there is always exactly one that is open, the last, and what a closed one holds never
changes.

`epoch` counts the drivers that opened the run. A driver begins by putting a copy of the open segment, with its own
epoch, in the place of the one that it found: whatever an earlier driver still writes goes into a file that has no name
any more. A segment gets its name only if nobody has it, and one without entries, of a lower epoch than another, was
left by a driver that lost the run in between: it is passed over, and removed by the next driver.

A crash may leave a torn end in the open segment: bytes after the last newline, or a last line of which whole
disk sectors are still zero. No append has returned for it, so readers ignore it and the writer cuts it off.
Any other line that does not fit its checksum is damage and is reported with its file and line, never skipped.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .codec import PlainRow
from .disk import create_durably, write_durably
from .errors import CorruptArchiveError, NotWritableError, write_failed
from .places import Place, sizes_in

FORMAT_VERSION = 3
"""Version of everything in a run's directory. A release writes this one; a driver upgrades a run of an earlier one."""

READABLE = (1, 2, 3)
"""The versions that can be read."""

_SUFFIX = len(b',"crc32":"00000000"}')
_SECTOR = 512
_NAME = re.compile(r"\d.*\.jsonl")

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

PlainEntry = tuple[int, dict[str, list[PlainRow]]]
"""An entry as the log holds it: number, then table -> rows."""


def encode_line(value: Mapping[str, Any]) -> bytes:
    """A line with its checksum and newline."""
    text = _json(value).encode()
    return b'%s,"crc32":"%08x"}\n' % (text[:-1], zlib.crc32(text[:-1]))


def decode_line(line: bytes) -> dict[str, Any]:
    """What a line without its newline holds; `ValueError` if it is not what was written."""
    body, suffix = line[:-_SUFFIX], line[-_SUFFIX:]
    if suffix != b',"crc32":"%08x"}' % zlib.crc32(body):
        raise ValueError("the line does not have the checksum that it was written with")
    value: dict[str, Any] = json.loads(body + b"}")
    return value


@dataclass(frozen=True, kw_only=True)
class Segment:
    """What a segment file held when it was read. `end` is the offset after its last whole line, in bytes."""

    path: Place
    first: int
    epoch: int
    sealed: Mapping[str, int]
    entries: Sequence[PlainEntry]
    end: int

    @property
    def next_seq(self) -> int:
        return self.first + len(self.entries)


def segment_path(directory: Path, first: int) -> Path:
    return directory / f"{first:012d}.jsonl"


def segment_names(directory: Place) -> list[str]:
    """The names of the segments of a run, oldest first."""
    return [name for name in sizes_in(directory) if _NAME.fullmatch(name)]


def segment_paths(directory: Path) -> list[Path]:
    """The segments of a run, oldest first."""
    return [directory / name for name in segment_names(directory)]


def create_segment(directory: Path, first: int, sealed: Mapping[str, int], *, epoch: int) -> Path:
    """Make an empty segment, durable under its name when this returns."""
    path = segment_path(directory, first)
    remove_lost_segments(directory, epoch)
    try:
        create_durably(path, _header(first, sealed, epoch))
    except FileExistsError as error:
        raise write_failed(str(path), error) from error
    return path


def adopt_segment(directory: Path, segment: Segment) -> Path:
    """Put a copy with the next epoch in the place of the open segment. What is torn at its end is left out."""
    path = segment_path(directory, segment.first)
    header = _header(segment.first, segment.sealed, segment.epoch + 1)
    lines = path.read_bytes()[: segment.end].partition(b"\n")[2]
    write_durably(path, header + lines)
    return path


def remove_lost_segments(directory: Path, epoch: int) -> None:
    """Remove what drivers before this epoch may have left when they lost the run: segments that never had an entry."""
    for path in segment_paths(directory):
        if _is_lost(path.read_bytes(), epoch):
            path.unlink(missing_ok=True)


def read_segments(directory: Place) -> list[Segment]:
    """The segments that hold the log, oldest first; the last is the open one."""
    found = {name: (directory / name).read_bytes() for name in segment_names(directory)}
    epoch = max(map(_epoch, found.values()), default=0)
    names = [name for name in found if not _is_lost(found[name], epoch)]
    return [_parse(directory / name, found[name], is_open=name == names[-1]) for name in names]


def _header(first: int, sealed: Mapping[str, int], epoch: int) -> bytes:
    return encode_line(
        {"format_version": FORMAT_VERSION, "first": first, "epoch": epoch, "sealed": dict(sealed)}
    )


def _is_lost(content: bytes, epoch: int) -> bool:
    """Whether a segment has a whole header of an earlier epoch and nothing after it."""
    header, _, rest = content.partition(b"\n")
    return bool(header) and not rest and 0 < _epoch(content) < epoch


def _epoch(content: bytes) -> int:
    """The epoch that a segment's header names; 0 if it has none, or is damaged, which reading it will tell."""
    try:
        epoch = decode_line(content.partition(b"\n")[0]).get("epoch", 0)
    except ValueError:
        return 0
    return epoch if isinstance(epoch, int) else 0


def read_segment(path: Path, *, is_open: bool) -> Segment:
    """Read a segment; only the open one may have a torn end."""
    return _parse(path, path.read_bytes(), is_open=is_open)


def _parse(path: Place, content: bytes, *, is_open: bool) -> Segment:
    lines = content.split(b"\n")
    tail = lines.pop()
    end = len(content) - len(tail)
    if tail and not is_open:
        raise CorruptArchiveError("a closed segment ends in a torn line", path=path, line=len(lines) + 1)
    if tail and _fits(tail[:-1]):
        raise CorruptArchiveError("the newline after this line was changed", path=path, line=len(lines) + 1)
    # The first sector of a line may hold but a few bytes of it, after the line before; no line begins with a zero.
    if (
        is_open
        and not tail
        and len(lines) > 1
        and (bytes(_SECTOR) in lines[-1] or lines[-1].startswith(b"\0"))
    ):
        end -= len(lines.pop()) + 1
    if not lines:
        raise CorruptArchiveError("the segment has no header; it was emptied or cut short", path=path)
    header = _decoded(path, 1, lines[0])
    first, sealed, epoch = header.get("first"), header.get("sealed"), header.get("epoch", 0)
    if not isinstance(first, int) or not isinstance(sealed, dict) or path.name != f"{first:012d}.jsonl":
        raise CorruptArchiveError(f"the header names entry {first!r}, unlike the file", path=path, line=1)
    entries = [
        _entry(path, number, line, first + number - 2) for number, line in enumerate(lines[1:], start=2)
    ]
    return Segment(path=path, first=first, epoch=int(epoch), sealed=sealed, entries=entries, end=end)


def _entry(path: Place, number: int, line: bytes, seq: int) -> PlainEntry:
    value = _decoded(path, number, line)
    if value.get("seq") != seq:
        raise CorruptArchiveError(f"expected entry {seq}, found {value.get('seq')!r}", path=path, line=number)
    return seq, value["rows"]


def _decoded(path: Place, number: int, line: bytes) -> dict[str, Any]:
    try:
        return decode_line(line)
    except ValueError as error:
        raise CorruptArchiveError(str(error), path=path, line=number) from error


def _fits(line: bytes) -> bool:
    try:
        decode_line(line)
    except ValueError:
        return False
    return True


class SegmentWriter:
    """Appends lines to the open segment, each durable when `append` returns.

    `fence` raises once another driver has the run; it is asked before each append and after it, so that no append that
    returned can have come too late.
    """

    def __init__(self, path: Path, *, fence: Callable[[], None] = lambda: None) -> None:
        """Go on where the segment at `path` ends; what is torn after it is cut off."""
        segment = read_segment(path, is_open=True)
        self._fence = fence
        self.path = path
        self.first = segment.first
        self._mark = (segment.end, len(segment.entries))
        self._unusable = ""
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if os.fstat(self._fd).st_size > segment.end:
            self._cut_back()

    @property
    def lines(self) -> int:
        """Entries in this segment."""
        return self._mark[1]

    @property
    def next_seq(self) -> int:
        return self.first + self.lines

    def check(self) -> None:
        """Raise unless the segment is as we left it, so that a line may follow."""
        self._fence()
        if not self._unusable:
            status = os.fstat(self._fd)
            if status.st_size != self._mark[0] or status.st_nlink == 0:
                self._unusable = "the log is not as this driver left it"
        if self._unusable:
            raise NotWritableError(f"{self.path}: {self._unusable}; open the run again")

    def append(self, *lines: bytes) -> None:
        """Write `lines` and wait until they are on disk. If that fails, the segment is what it was before."""
        self.check()
        end, count = self._mark
        content = memoryview(b"".join(lines))
        try:
            written = 0
            while written < len(content):
                written += os.write(self._fd, content[written:])
            os.fsync(self._fd)
        except OSError as error:
            self._cut_back()
            raise write_failed(f"entry {self.next_seq} to {self.path}", error) from error
        except BaseException:
            self._cut_back()
            raise
        self._mark = (end + len(content), count + len(lines))
        self.check()

    def close(self) -> None:
        os.close(self._fd)

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._mark[0])
            os.fsync(self._fd)
        except OSError as error:
            self._unusable = f"a failed append could not be cut off ({error.strerror})"
