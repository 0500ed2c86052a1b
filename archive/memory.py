"""An archive that lives in memory, for tests and simulations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
        return self.append_many([rows])[0]

    def append_many(self, entries: Sequence[Sequence[Row]]) -> Sequence[int]:
        if self._closed:
            raise NotWritableError("this archive is closed")
        new = [
            Entry(seq, tuple(decode(*encode(row)) for row in rows))
            for seq, rows in enumerate(entries, self.next_seq)
        ]
        with self._ledger.noting([entry.rows for entry in new]):
            self._entries.extend(new)
        return [entry.seq for entry in new]

    def entries(self, since: int = 0) -> Iterator[Entry]:
        return iter(self._entries[since:])

    def close(self) -> None:
        self._closed = True
