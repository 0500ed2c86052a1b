"""What crosses the wall of a box, in both directions, without ever touching the host's file system.

Inwards: `pack` makes a deterministic tar whose headers give every file its owner and mode. Outwards:
`read_tar` parses the engine's archive strictly, `repack` keeps regular files under names that mean the same
everywhere. Anything else (links, devices, fifos, odd names, doubles) rejects the whole submission, with the
reason; `.git` directories and byte code caches are left behind. Caps count the bytes that really arrive, not
those declared.
"""

from __future__ import annotations

import tarfile
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sandbox.base import Files, Limits
from sandbox.errors import SubmissionRejectedError

MAX_NAME = 200
"""Characters of a whole relative path."""

MAX_DEPTH = 12
"""Components of a path."""

LEFT_BEHIND = frozenset({".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"})
"""Components that tools leave in a workspace; what lies below them is neither kept nor rejected."""

MTIME = 946_684_800
"""2000-01-01: the same everywhere, and late enough for formats that know no earlier year than 1980."""

_BLOCK = 512
_PLAIN_NAME, _PLAIN_SIZE = 99, 0o77777777777  # characters and bytes that a header holds without an extension
_MAX_EXTENDED = 64 << 10  # bytes of one extended header; a path has at most 4096
_MOST_HEADERS = 2  # extended headers before one entry: a long name and a long target
_FORBIDDEN_CATEGORIES = frozenset(
    {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
)  # control, bidi and invisible marks, unassigned
_PAX_IGNORED = frozenset({b"mtime", b"atime", b"ctime", b"uid", b"gid", b"uname", b"gname"})


class Kind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"
    FIFO = "fifo"
    DEVICE = "device"
    UNKNOWN = "entry of an unknown type"


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a stream that came out of a box. `name` is as the guest made it."""

    name: bytes
    kind: Kind
    content: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Caps:
    """How much may come out. `entries` counts directories and what is left behind too."""

    content_bytes: int
    entries: int

    @classmethod
    def of(cls, limits: Limits) -> Caps:
        return cls(content_bytes=limits.disk_bytes, entries=limits.disk_files)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One directory that goes in: `files` below `path`, owned by `uid`, with these modes."""

    path: str
    files: Files
    uid: int
    file_mode: int = 0o644
    directory_mode: int = 0o755


def name_fault(name: str) -> str | None:
    """Why `name` may not be the path of a submitted file; None when it may."""
    if not name or len(name) > MAX_NAME:
        return f"a path has 1 to {MAX_NAME} characters, this one has {len(name)}"
    parts = name.split("/")
    if len(parts) > MAX_DEPTH:
        return f"at most {MAX_DEPTH} levels of directories, this path has {len(parts)}"
    plain = name.isascii() and name.isprintable()
    if "\\" in name or not (plain or all(unicodedata.category(c) not in _FORBIDDEN_CATEGORIES for c in name)):
        return "a path may not hold backslashes, control, bidirectional or invisible characters"
    for part in parts:
        if part in ("", ".", ".."):
            return "a path must be relative, without empty, '.' or '..' parts"
        if part.startswith("-"):
            return "no part of a path may begin with a dash"
        # What some file systems take for .git: other cases, compatibility forms, streams, trailing dots, the short
        # name.
        folded = unicodedata.normalize("NFKC", part).casefold().partition(":")[0].rstrip(". ")
        if folded == ".git" or folded.startswith("git~"):
            return "no part of a path may be .git or look like it"
    return None


def canonical(name: str) -> str:
    """Names with the same canonical form are one file somewhere: a submission holds only one of them."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def pack(parcels: Iterable[Parcel], *, root: str = "") -> bytes:
    """A deterministic tar of `parcels` below `root`: sorted, times fixed, owners and modes as given."""
    pieces: list[bytes] = []
    for parcel in parcels:
        base = f"{root}/{parcel.path}".strip("/")
        directories = {base} | {f"{base}/{d}" for name in parcel.files for d in _parents(name)}
        for directory in sorted(directories):
            pieces.append(_header(directory, parcel.uid, parcel.directory_mode, tarfile.DIRTYPE, 0))
        for name in sorted(parcel.files):
            content = parcel.files[name]
            pieces.append(
                _header(f"{base}/{name}", parcel.uid, parcel.file_mode, tarfile.REGTYPE, len(content))
            )
            pieces += (content, bytes(-len(content) % _BLOCK))
    pieces.append(bytes(2 * _BLOCK))
    return b"".join(pieces)


def _header(name: str, uid: int, mode: int, kind: bytes, size: int) -> bytes:
    """One header, as `tarfile` writes it in the PAX format, but for plain entries ten times as fast."""
    if not name.isascii() or len(name) > _PLAIN_NAME or size > _PLAIN_SIZE:
        return _extended_header(name, uid, mode, kind, size)
    path = name + "/" if kind == tarfile.DIRTYPE else name
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, uid, uid, size, MTIME)
    head = path.encode("ascii").ljust(100, b"\0") + numbers
    tail = (kind + bytes(100) + b"ustar\x0000").ljust(_BLOCK - len(head) - 8, b"\0")
    return head + b"%06o\0 " % (sum(head) + 8 * 32 + sum(tail)) + tail


def _extended_header(name: str, uid: int, mode: int, kind: bytes, size: int) -> bytes:
    header = tarfile.TarInfo(name)
    header.uid = header.gid = uid
    header.mode = mode
    header.mtime = MTIME
    header.type = kind
    header.size = size
    return header.tobuf(tarfile.PAX_FORMAT)


def _parents(name: str) -> Iterator[str]:
    parts = name.split("/")[:-1]
    for end in range(1, len(parts) + 1):
        yield "/".join(parts[:end])


def repack(members: Iterable[Member], caps: Caps) -> dict[str, bytes]:
    """The regular files among `members` under checked names. The first broken rule rejects everything."""
    kept: dict[str, bytes] = {}
    seen: dict[str, str] = {}
    total = 0
    for count, member in enumerate(members, start=1):
        if count > caps.entries:
            raise SubmissionRejectedError("", f"more than {caps.entries} files and directories")
        total += len(member.content)
        if total > caps.content_bytes:
            raise SubmissionRejectedError("", f"more than {caps.content_bytes} bytes")
        shown = member.name.decode("utf-8", "backslashreplace")
        parts = member.name.rstrip(b"/").split(b"/")
        if any(part.decode("utf-8", "replace") in LEFT_BEHIND for part in parts):
            continue
        if member.kind is Kind.DIRECTORY:
            if len(parts) > MAX_DEPTH:  # below some depth the engine leaves out files without a word
                raise SubmissionRejectedError(shown, f"at most {MAX_DEPTH} levels of directories")
            continue
        if member.kind is not Kind.FILE:
            raise SubmissionRejectedError(
                shown, f"only regular files may be handed in, this is a {member.kind}"
            )
        try:
            name = member.name.decode("utf-8")
        except UnicodeDecodeError:
            raise SubmissionRejectedError(shown, "a path must be valid UTF-8") from None
        if fault := name_fault(name):
            raise SubmissionRejectedError(name, fault)
        if name.endswith((".pyc", ".pyo")):
            continue
        for path in (*_parents(name), name):
            other = seen.setdefault(canonical(path), path)
            if other != path or (path == name and name in kept) or path in kept:
                raise SubmissionRejectedError(name, f"collides with {other!a} on some file systems")
        kept[name] = member.content
    for name in kept:
        if any(parent in kept for parent in _parents(name)):
            raise SubmissionRejectedError(name, "one of its directories is also a file")
    return dict(sorted(kept.items()))


def below(members: Iterable[Member], directory: str) -> Iterator[Member]:
    """Only what lies below `directory`, named relative to it. It must be there, and be a directory."""
    prefix = directory.strip("/").encode() + b"/"
    found = False
    for member in members:
        name = member.name.removeprefix(b"./")
        if name.rstrip(b"/") + b"/" == prefix:
            found = True
            if member.kind is not Kind.DIRECTORY:
                raise SubmissionRejectedError(directory, f"must be a directory, this is a {member.kind}")
        elif name.startswith(prefix):
            yield Member(name[len(prefix) :], member.kind, member.content)
    if not found:
        raise SubmissionRejectedError(directory, "is not in the archive")


def read_tar(chunks: Iterable[bytes], *, max_bytes: int) -> Iterator[Member]:
    """The entries of a tar stream, one at a time; at most `max_bytes` of the stream are read.

    The standard library's reader is lenient by design; the engine writes few forms, so everything else is
    refused here.
    """
    stream = _Stream(chunks, max_bytes)
    extended: dict[bytes, bytes] = {}
    headers = 0
    while True:
        block = stream.take(_BLOCK)
        if not block.strip(b"\0"):
            return
        if _octal(block[148:156]) != sum(block[:148]) + 8 * 32 + sum(block[156:]):
            raise SubmissionRejectedError("", "archive header with a wrong checksum")
        flag = block[156:157]
        size = _octal(block[124:136])
        if flag in (b"x", b"L", b"K"):
            headers += 1
            if size > _MAX_EXTENDED or headers > _MOST_HEADERS:
                raise SubmissionRejectedError("", "archive with an oversized extended header")
            data = stream.take_padded(size)
            if flag == b"x":
                extended.update(_pax(data))
            elif flag == b"L":
                extended[b"path"] = data.rstrip(b"\0")
            continue
        name = block[:100].split(b"\0", 1)[0]
        if block[257:263] == b"ustar\0" and (prefix := block[345:500].split(b"\0", 1)[0]):
            name = prefix + b"/" + name
        name = extended.get(b"path", name)
        if b"size" in extended:
            size = _decimal(extended[b"size"])
        kind = _KINDS.get(flag, Kind.UNKNOWN)
        if kind is not Kind.FILE and size:
            raise SubmissionRejectedError(name.decode("utf-8", "backslashreplace"), f"a {kind} with content")
        extended.clear()
        headers = 0
        yield Member(name, kind, stream.take_padded(size))


_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"1": Kind.HARDLINK,
    b"2": Kind.SYMLINK,
    b"3": Kind.DEVICE,
    b"4": Kind.DEVICE,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
}


def _octal(field: bytes) -> int:
    text = field.strip(b" \0")
    if not all(48 <= byte <= 55 for byte in text):
        raise SubmissionRejectedError("", "archive header with a number that is not octal")
    return int(text or b"0", 8)


def _decimal(field: bytes) -> int:
    if not field.isdigit() or len(field) > 18:
        raise SubmissionRejectedError("", "archive header with a wrong size")
    return int(field)


def _pax(data: bytes) -> dict[bytes, bytes]:
    """Records `length key=value newline`. Only path and size matter; unknown keys are refused."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        digits, space, _ = data[at : at + 20].partition(b" ")
        length = _decimal(digits)
        record = data[at + len(digits) + 1 : at + length]
        at += length
        key, equals, value = record[:-1].partition(b"=")
        if not space or not equals or record[-1:] != b"\n" or b"\0" in value or at > len(data):
            raise SubmissionRejectedError("", "archive with a broken extended header")
        if key in (b"path", b"size"):
            found[key] = value
        elif key != b"linkpath" and key not in _PAX_IGNORED and not key.startswith(b"SCHILY.xattr."):
            raise SubmissionRejectedError("", f"archive with an extended header {key.decode('latin-1')!a}")
    return found


class _Stream:
    """Exact reads from an iterator of chunks, with a cap on what is ever taken from it."""

    def __init__(self, chunks: Iterable[bytes], max_bytes: int) -> None:
        self._chunks = iter(chunks)
        self._left = max_bytes
        self._buffer = bytearray()

    def take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if size - len(self._buffer) > self._left:
                raise SubmissionRejectedError("", "archive larger than the workspace may be")
            chunk = next(self._chunks, None)
            if chunk is None:
                raise SubmissionRejectedError("", "archive that ends in the middle of an entry")
            self._left -= len(chunk)
            self._buffer += chunk
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def take_padded(self, size: int) -> bytes:
        return self.take(-(-size // _BLOCK) * _BLOCK)[:size]
