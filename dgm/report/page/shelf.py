"""Details in blocks of a file, the most interesting ones first, as many as there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dgm.report.page.details import Detail
from dgm.report.page.document import as_json, block

BLOCK = 400_000
"""About how many bytes of details stand in one block."""

PLACE = 8
"""Bytes in the file for the place of one detail, at most."""


class Shelf:
    """Details of one `kind`, each under a number; `room` is how many bytes their blocks may take in the file."""

    def __init__(self, kind: str, room: int) -> None:
        self.kind = kind
        self.room = room
        self._places: dict[int, int] = {}
        self._waiting: dict[int, bytes] = {}
        self._blocks = 0

    def fill(self, details: Iterable[tuple[int, Detail]]) -> Iterator[str]:
        """The blocks. Of `details` as many are read as there is room for; a huge one alone is passed over."""
        if self.room <= 0:
            return
        size = 0
        for key, detail in details:
            text = self._waiting[key] = as_json(detail)
            size += len(text)
            if size < BLOCK:
                continue
            if made := self._close():
                yield made
            elif size < 2 * BLOCK:
                return
            size = 0
        if self._waiting and (made := self._close()):
            yield made

    def __len__(self) -> int:
        return len(self._places)

    def index(self) -> dict[str, object]:
        """In which block each detail is."""
        return {"key": list(self._places), "block": list(self._places.values())}

    def _close(self) -> str:
        """The block of what waits, empty if there is no room for it."""
        inside = b",".join(b'"%d":%s' % (key, text) for key, text in self._waiting.items())
        made = block(f"{self.kind}-{self._blocks}", b"{%s}" % inside)
        keys = list(self._waiting)
        self._waiting = {}
        left = self.room - len(made) - PLACE * len(keys)
        if left < 0:
            return ""
        self._places.update(dict.fromkeys(keys, self._blocks))
        self.room, self._blocks = left, self._blocks + 1
        return made
