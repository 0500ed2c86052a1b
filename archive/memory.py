"""An archive that lives in memory, for tests and simulations."""

from __future__ import annotations

from collections.abc import Iterator

from .codec import decode, encode
from .errors import NotWritableError
from .ledger import Ledger
from .records import Entry, Row


class MemoryArchive:
    """Keeps all promises of `archive.base` but durability."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._ledger = Ledger()
        self._closed = False

    @property
    def next_seq(self) -> int:
        return len(self._entries)

    def append(self, *rows: Row) -> int:
        if self._closed:
            raise NotWritableError("this archive is closed")
        entry = Entry(self.next_seq, tuple(decode(*encode(row)) for row in rows))
        self._ledger.check(entry.rows)
        self._ledger.record(entry.rows)
        self._entries.append(entry)
        return entry.seq

    def entries(self, since: int = 0) -> Iterator[Entry]:
        return iter(self._entries[since:])

    def close(self) -> None:
        self._closed = True
