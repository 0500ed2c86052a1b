"""Making the index of a run, and comparing it with the parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from .errors import CorruptArchiveError
from .index import (
    COLUMNS,
    WIDTHS,
    Index,
    Span,
    digest_of,
    line_name,
    read_index,
    remove_spans,
    seals_in,
    spans_in,
    spans_of,
    write_index,
)
from .parquet import read_part
from .seals import sealed_spans
from .snapshot import Snapshot

ADVICE = "delete index/, which holds nothing of its own; the next driver makes it again"


def refresh_index(run: Path, widths: Sequence[int] = WIDTHS) -> None:
    """Make the spans that are missing, then remove those whose place they take. Only for who holds the run's lock."""
    wanted = spans_of(sealed_spans(run), widths)
    if spans_in(run) != wanted:
        _make_missing(run, wanted)
    remove_spans(run, wanted)


def _make_missing(run: Path, wanted: Sequence[Span]) -> None:
    snapshot = Snapshot(run)
    there = {(index.first, index.last) for index in snapshot.indices}
    for span in wanted:
        if span not in there:
            seals = seals_in(snapshot.seals, span)
            tables = [table for table in COLUMNS if any(table in seal.parts for seal in seals)]
            columns = {table: snapshot.coded_within(span, table, COLUMNS[table]) for table in tables}
            write_index(run, span, seals, columns)


def index_problems(snapshot: Snapshot) -> Iterator[str]:
    """What is wrong with the index beside `snapshot`, which reads parts alone."""
    sealed = snapshot.seals[-1].last if snapshot.seals else -1
    for span in spans_in(snapshot.run):
        if span[1] > sealed:
            continue  # of what was sealed since
        try:
            index = read_index(snapshot.run, span)
        except FileNotFoundError:
            continue  # replaced by a larger span just now
        except CorruptArchiveError as error:
            yield f"{error}; {ADVICE}"
            continue
        if index.seals != digest_of(seals_in(snapshot.seals, span)):
            yield f"{snapshot.run}/index/{line_name(span)}: this is not of the parts that are there; {ADVICE}"
            continue
        for table in index.parts:
            yield from _wrong_columns(snapshot, index, span, table)


def _wrong_columns(snapshot: Snapshot, index: Index, span: Span, table: str) -> Iterator[str]:
    part, names = index.part(snapshot.run, table), COLUMNS.get(table, ())
    try:
        found = read_part(table, part, names, sealed=index.parts[table])
    except FileNotFoundError:
        if (snapshot.run / "index" / line_name(span)).exists():
            yield f"{part.path}: the file is missing, but its line is there; {ADVICE}"
        return
    except CorruptArchiveError as error:
        yield f"{error}; {ADVICE}"
        return
    if not _plain(found).equals(_plain(snapshot.coded_within(span, table, names))):
        yield f"{part.path}: this says something else than the parts that it was made of; {ADVICE}"


def _plain(data: pa.Table) -> pa.Table:
    columns = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in data.columns
    ]
    return pa.Table.from_arrays(columns, names=data.column_names)
