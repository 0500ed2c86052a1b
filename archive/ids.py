"""Ids with a number each, by the million: a few bytes beside the text of each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_PREFIX = 8


class Ids:
    """What was there when a run was opened, sorted by the first bytes, and what came since."""

    def __init__(self, ids: pa.ChunkedArray | None = None, numbers: Ints | None = None) -> None:
        """`ids` is a column of text without nulls, `numbers` as many integers."""
        self._new: dict[str, int] = {}
        chunks = [] if ids is None else ids.chunks
        self._ids = pa.concat_arrays(chunks) if chunks else None
        keys = np.zeros(0, dtype=np.uint64) if self._ids is None else _keys(self._ids)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        self._numbers = np.zeros(0, dtype=np.int64) if numbers is None else numbers

    def __contains__(self, id: str) -> bool:
        return self.get(id) is not None

    def get(self, id: str) -> int | None:
        """The number of `id`, None if it is not here."""
        if id in self._new or self._ids is None:
            return self._new.get(id)
        key = _key(id.encode())
        first, last = (
            np.searchsorted(self._keys, key, side="left"),
            np.searchsorted(self._keys, key, side="right"),
        )
        for place in self._order[first:last].tolist():
            if self._ids[place].as_py() == id:
                return int(self._numbers[place])
        return None

    def add(self, id: str, number: int) -> None:
        self._new[id] = number

    def remove(self, id: str) -> None:
        """Forget an id that was added."""
        del self._new[id]


def _key(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text[:_PREFIX].ljust(_PREFIX, b"\0"), "big"))


def _keys(ids: pa.Array) -> NDArray[np.uint64]:
    """`_key` of each text."""
    _, offsets, content = ids.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[ids.offset : ids.offset + len(ids) + 1].astype(np.int64)
    text = np.frombuffer(content, dtype=np.uint8) if content is not None else np.zeros(0, dtype=np.uint8)
    padded = np.concatenate([text, np.zeros(_PREFIX, dtype=np.uint8)])
    keys = np.zeros(len(ids), dtype=np.uint64)
    for place in range(_PREFIX):
        inside = ends[:-1] + place < ends[1:]
        byte = np.where(inside, padded[ends[:-1] + place], 0).astype(np.uint64)
        keys = (keys << np.uint64(8)) | byte
    return keys
