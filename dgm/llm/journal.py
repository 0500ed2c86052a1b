"""The journal of one decision: each answered call on disk before the agent sees the answer.

One JSON line per call: `{"check": <first 16 digits of the SHA-256 of the rest>, "call": {...}}`, appended and
synced. When a later try asks the same at the same place, the answer is taken from here and nothing is
bought. From the first place where a request differs, what was recorded belongs to another conversation: a
line `{"cut": n}` says so, and only calls that come after it count for places from `n` on. A torn last line is
cut off; damage anywhere else is an error, since money was paid for what stood there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from dgm.llm.errors import JournalError
from dgm.llm.values import Tokens
from dgm.llm.wire import Body


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One answered call. `request` is the canonical digest; `chunks` is set if the answer was a stream.

    `cache`: another rollout had bought it, so that `cost_microusd` is what it is worth and not what this one paid.
    `role` is the one that was asked; "", in journals of earlier releases, is the rollout's own.
    """

    n: int
    rollout: str
    request: str
    status: int
    body: Body
    chunks: list[Body] | None = None
    model: str
    tokens: Tokens
    cost_microusd: int
    estimated: bool = False
    cache: bool = False
    role: str = ""

    @property
    def paid_microusd(self) -> int:
        """What the rollout that is named here paid for it."""
        return 0 if self.cache else self.cost_microusd


class JournalFile(Protocol):
    """The bytes of one journal, held by one rollout. Every method raises OSError for what cannot be done."""

    def read(self) -> bytes: ...

    def append(self, data: bytes) -> None:
        """Durable when it returns; a write that fails leaves the file as it was."""

    def cut(self, size: int) -> None:
        """Drop everything after the first `size` bytes."""

    def close(self) -> None: ...


class LocalFile:
    """A `JournalFile` on a file system that this process sees, locked while it is open. Used by any thread."""

    def __init__(self, path: Path) -> None:
        """Open or create it. Raises OSError, BlockingIOError when somebody else holds it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._size = os.fstat(self._descriptor).st_size
            if not self._size:
                _sync_directory(path.parent)
        except OSError:
            os.close(self._descriptor)
            raise

    def read(self) -> bytes:
        return self._path.read_bytes()

    def append(self, data: bytes) -> None:
        with self._lock:
            try:
                written = os.write(self._descriptor, data)
                if written < len(data):
                    raise OSError(f"wrote {written} of {len(data)} bytes")
                os.fdatasync(self._descriptor)  # the size too, but not the times, which cost a second write
            except OSError:
                os.ftruncate(self._descriptor, self._size)
                raise
            self._size += len(data)

    def cut(self, size: int) -> None:
        with self._lock:
            os.ftruncate(self._descriptor, size)
            self._size = size

    def close(self) -> None:
        """Another thread's append ends before; one that comes later does not meet a file that got the same number."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


OpenFile = Callable[[Path], JournalFile]
"""How a gateway gets at a decision's journal, which may lie on another node."""


class Journal:
    """One decision's journal, open for one rollout. `append` may be called from any thread."""

    def __init__(self, path: Path, file: JournalFile, lines: list[Answered | int]) -> None:
        self.path = path
        self._file = file
        self._lock = threading.Lock()
        self._answers = lines
        self._places: dict[int, Answered] = {}
        self._used: set[int] = set()
        self._cut: int | None = None
        for line in lines:
            if isinstance(line, int):
                self._places = {n: a for n, a in self._places.items() if n < line}
            else:
                self._places[line.n] = line

    @classmethod
    def open(cls, path: Path, file: OpenFile = LocalFile) -> Self:
        """Open or create a journal; what it holds is read at once. Raises `JournalError`."""
        try:
            held = file(path)
        except BlockingIOError as error:
            raise JournalError(f"the journal {path} is in use by another rollout") from error
        except OSError as error:
            raise JournalError(f"cannot open the journal {path}: {error}") from error
        try:
            data = held.read()
            lines, whole = _parse(path, data)
            if whole < len(data):
                held.cut(whole)
        except (OSError, JournalError) as error:
            held.close()
            raise JournalError(str(error)) from error
        return cls(path, held, lines)

    def find(self, n: int, request: str) -> Answered | None:
        """The answer for place `n`, if this request was recorded there; otherwise the rest is forgotten."""
        found = self._places.get(n)
        if found is None:
            return None
        if found.request == request:
            self._used.add(n)
            return found
        self._places = {k: a for k, a in self._places.items() if k < n}
        self._cut = n if self._cut is None else min(self._cut, n)
        return None

    def append(self, answered: Answered) -> None:
        """Record a call; durable when it returns. A write that fails leaves the journal as it was."""
        with self._lock:
            lines = b"" if self._cut is None else _line({"cut": self._cut})
            lines += _line({**vars(answered), "tokens": vars(answered.tokens)})
            try:
                self._file.append(lines)
            except OSError as error:
                raise JournalError(f"cannot write the journal {self.path}: {error}") from error
            self._cut = None

    def unused(self, rollout: str) -> list[Answered]:
        """Calls paid under this rollout's id before the journal was opened, and not asked for again."""
        used = {id(self._places[n]) for n in self._used}
        return [
            a for a in self._answers if isinstance(a, Answered) and a.rollout == rollout and id(a) not in used
        ]

    def close(self) -> None:
        self._file.close()


def read_journal(path: Path) -> tuple[Answered, ...]:
    """Every call in a journal, forgotten conversations included: what the decision has cost so far."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    lines, _ = _parse(path, data)
    return tuple(line for line in lines if isinstance(line, Answered))


def _line(call: Mapping[str, object]) -> bytes:
    text = _text(call)
    return b'{"check":"%b","call":%b}\n' % (_check(text).encode(), text)


def _text(call: Mapping[str, object]) -> bytes:
    return json.dumps(call, separators=(",", ":")).encode()


def _check(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def _parse(path: Path, data: bytes) -> tuple[list[Answered | int], int]:
    """The lines, and how many bytes of the file are whole lines."""
    lines: list[Answered | int] = []
    whole = 0
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        try:
            if not line.endswith(b"\n"):
                raise ValueError("no end of line")
            entry = json.loads(line)
            call = entry["call"]
            if entry["check"] != _check(_text(call)):
                raise ValueError("its checksum is wrong")
            lines.append(
                call["cut"] if "cut" in call else Answered(**{**call, "tokens": Tokens(**call["tokens"])})
            )
        except (ValueError, KeyError, TypeError) as error:
            if whole + len(line) == len(data):
                break
            raise JournalError(f"line {number} of the journal {path} is damaged: {error}") from error
        whole += len(line)
    return lines, whole


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
