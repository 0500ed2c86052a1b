"""Columns of Arrow as arrays of numpy, without its own conversion: that imports pandas wherever it is installed, which
takes longer than a long run takes to open."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def integers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """A column of integers without nulls."""
    if not len(column):
        return np.zeros(0, dtype=np.int64)
    return np.asarray(np.from_dlpack(pa.concat_arrays(column.chunks)), dtype=np.int64)


def coded(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int32]]:
    """Of text as dictionaries the one that all chunks share, and the places in it, -1 for null."""
    if not len(column):
        return [], np.zeros(0, dtype=np.int32)
    codes = _indices(pa.concat_arrays([chunk.indices for chunk in column.chunks]))
    return column.chunk(0).dictionary.to_pylist(), codes


def chosen_rows(data: pa.Table, chosen: NDArray[np.bool_]) -> pa.Table:
    """The rows of a table where `chosen` is true."""
    places = np.flatnonzero(chosen)
    return data.take(pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)]))


def _indices(values: pa.Array) -> NDArray[np.int32]:
    validity, content = values.buffers()
    inside = slice(values.offset, values.offset + len(values))
    codes: NDArray[np.int32] = np.frombuffer(content, dtype=np.int32)[inside]
    if validity is None:
        return codes
    valid = np.unpackbits(np.frombuffer(validity, dtype=np.uint8), bitorder="little")[inside]
    return np.where(valid, codes, np.int32(-1))
