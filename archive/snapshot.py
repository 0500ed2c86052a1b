"""One consistent look at a run's directory: which parts count, what the log holds beyond them.

Taken without a lock, beside a driver that appends and seals. The names of the segments are listed before everything
else was looked at and again afterwards, and if they differ, all is looked at once more: as long as no segment came or
went, each part of one that was gone is whole, and each part of one that is there is passed over. Every entry is found
in exactly one place, and one that is missing is an error, never a gap. The same holds wherever a listing shows what was
written and deleted before it was asked for, which S3 promises.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from .codec import PlainRow, decode
from .errors import CorruptArchiveError
from .index import COLUMNS, Span, read_columns, usable
from .log import Segment, read_segments, segment_names
from .parquet import Part, count_rows, list_parts, part_version, read_part, read_parts, rows_by_table
from .places import Place, size_of
from .records import ROW_TYPES, AgentId, Decision, Entry, Evaluation, Row
from .schema import SCHEMAS, aligned, from_arrow, to_arrow
from .seals import Seal, read_seals

_LOOKS = 100


class Snapshot:
    """The entries of a run when this was made. Parts stay, so reading them later still shows the same."""

    def __init__(self, run: Place, *, indexed: bool = True) -> None:
        """`indexed` says that columns may come from the index instead of the parts."""
        self.run = run
        self.segments, parts, seals = _look(run)
        if not self.segments:
            raise CorruptArchiveError("the log has no segment, there must always be one", path=run / "log")
        live = {segment.first for segment in self.segments}
        self.parts = {table: [part for part in parts[table] if part.first not in live] for table in parts}
        self.seals = [seal for seal in seals if seal.first not in live]
        self._check_whole()
        self.indices = usable(run, self.seals) if indexed else []

    @property
    def next_seq(self) -> int:
        return self.segments[-1].next_seq

    @property
    def open_segment(self) -> Segment:
        return self.segments[-1]

    @property
    def ranges(self) -> Sequence[tuple[int, int]]:
        """First and last entry of each sealed segment, in order."""
        found = {(part.first, part.last) for parts in self.parts.values() for part in parts}
        return sorted(found | {(seal.first, seal.last) for seal in self.seals})

    def entries(self, since: int = 0) -> Iterator[Entry]:
        """The entries from number `since` on, sealed ones first."""
        for first, last in self.ranges:
            if last >= since:
                for entry in self._sealed_entries(first, last):
                    if entry.seq >= since:
                        yield entry
        for segment in self.segments:
            for seq, tables in segment.entries[max(0, since - segment.first) :]:
                yield Entry(seq, tuple(decode(table, row) for table, rows in tables.items() for row in rows))

    def table(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a table in the order of their entries: parts and what is not sealed yet, as one."""
        names = SCHEMAS[table].names if columns is None else list(columns)
        pieces = [aligned(table, data, names) for data in self._sealed(table, names, coded=())]
        tail = aligned(table, to_arrow(table, self._tail_rows(table)), names)
        return pa.concat_tables([*pieces, tail]).unify_dictionaries()

    def coded(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Some columns of all rows of a table in the order of their entries; text as dictionaries, one for all rows."""
        return pa.concat_tables(self.pieces(table, columns)).unify_dictionaries()

    def pieces(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The same part by part, each with dictionaries of its own."""
        for data in self._sealed(table, columns, coded=_texts(table, columns)):
            yield _coded(table, data, columns)
        yield _coded(table, to_arrow(table, self._tail_rows(table)), columns)

    def coded_within(self, span: Span, table: str, columns: Sequence[str]) -> pa.Table:
        """As `coded`, of the sealed entries within a span, where there must be some."""
        pieces = self._sealed(table, columns, coded=_texts(table, columns), span=span)
        return pa.concat_tables(_coded(table, data, columns) for data in pieces).unify_dictionaries()

    def _sealed(
        self, table: str, columns: Sequence[str], *, coded: Sequence[str], span: Span | None = None
    ) -> Iterator[pa.Table]:
        """Columns of the sealed rows, of all or of those within a span: from the index where it has them."""
        first, last = span or (0, self.next_seq)
        indices = [index for index in self.indices if first <= index.first and index.last <= last]
        if not set(columns) <= set(COLUMNS.get(table, ())):
            indices = []
        parts = [part for part in self.parts[table] if first <= part.first <= last]
        for index, group in groupby(parts, lambda part: next((i for i in indices if i.covers(part)), None)):
            data = None if index is None else read_columns(self.run, index, table, columns)
            if data is not None:
                yield data
            else:
                yield from read_parts(table, list(group), columns, coded=coded)

    def evaluations_of(self, *agents: AgentId) -> list[Evaluation]:
        """What these agents were evaluated on, in order; of a part that says nothing of them only one column is
        read."""
        found: list[Row] = []
        wanted, chosen = pa.array(agents, pa.string()), frozenset(agents)
        for part in self.parts["evaluations"]:
            column = read_part("evaluations", part, ["agent"], coded=["agent"])["agent"]
            if not chosen.isdisjoint(column.unify_dictionaries().chunk(0).dictionary.to_pylist()):
                data = read_part("evaluations", part)
                found += from_arrow("evaluations", data.filter(pc.is_in(data["agent"], wanted)))
        tail = self._tail_rows("evaluations")
        found += [decode("evaluations", row) for row in tail if row["agent"] in chosen]
        return [row for row in found if isinstance(row, Evaluation)]

    def decisions_at(self, numbers: Sequence[int]) -> list[Decision]:
        """The decisions with these numbers, in order; only the parts that hold them are read."""
        buffers = [None, pa.py_buffer(array("q", numbers))]
        wanted = pa.Array.from_buffers(pa.int64(), len(numbers), buffers)
        found: list[Row] = []
        for part in self.parts["decisions"]:
            if any(part.first <= number <= part.last for number in numbers):
                data = read_part("decisions", part)
                found += from_arrow("decisions", data.filter(pc.is_in(data["seq"], wanted)))
        chosen = frozenset(numbers)
        found += [decode("decisions", row) for row in self._tail_rows("decisions") if row["seq"] in chosen]
        return [row for row in found if isinstance(row, Decision)]

    def rows_before(self, segment: Segment) -> dict[str, int]:
        """How many rows of each table are in entries before `segment`."""
        return {table: segment.sealed.get(table, 0) for table in ROW_TYPES}

    def row_counts(self) -> dict[str, int]:
        """How many rows each table has."""
        last = self.open_segment
        inside = rows_by_table(last)
        return {table: n + len(inside.get(table, ())) for table, n in self.rows_before(last).items()}

    def _tail_rows(self, table: str) -> list[PlainRow]:
        return [row for segment in self.segments for row in rows_by_table(segment).get(table, ())]

    def _sealed_entries(self, first: int, last: int) -> Iterator[Entry]:
        rows: list[list[Row]] = [[] for _ in range(first, last + 1)]
        for table in ROW_TYPES:
            for part in self.parts[table]:
                if part.first == first:
                    for row in _rows_of(table, part):
                        if not first <= row.seq <= last:
                            raise CorruptArchiveError(
                                f"a row of entry {row.seq} is out of place", path=part.path
                            )
                        rows[row.seq - first].append(row)
        for place, together in enumerate(rows):
            yield Entry(first + place, tuple(together))

    def _check_whole(self) -> None:
        """Raise `CorruptArchiveError` unless every number is in one place and no part has gone missing."""
        expected = 0
        spans = [*self.ranges, *((segment.first, segment.next_seq - 1) for segment in self.segments)]
        for first, last in spans:
            if first != expected:
                raise CorruptArchiveError(
                    f"expected entry {expected} next, found entries from {first}", path=self.run
                )
            expected = last + 1
        counted = self._sealed_rows()
        for table, count in self.rows_before(self.segments[0]).items():
            if counted[table] != count:
                raise CorruptArchiveError(
                    f"expected {count} sealed rows of {table}, found {counted[table]}; a part is missing or foreign",
                    path=self.run / table,
                )

    def _sealed_rows(self) -> Counter[str]:
        """How many rows of each table the parts have; raises unless each part is as its seal says."""
        counted: Counter[str] = Counter()
        parts = {(table, part.first, part.last): part for table in self.parts for part in self.parts[table]}
        for seal in self.seals:
            for table, sealed in seal.parts.items():
                part = parts.pop((table, seal.first, seal.last), None)
                path = part_path(self.run, table, seal)
                _check_size(path, None if part is None else part.size, sealed.size)
                counted[table] += sealed.rows
        for (table, _, _), part in parts.items():
            if part_version(part) != "1":
                raise CorruptArchiveError(
                    "no seal names this part; its seal is missing, or it is foreign", path=part.path
                )
            counted[table] += count_rows(part)
        return counted


def _rows_of(table: str, part: Part) -> list[Row]:
    try:
        return list(from_arrow(table, read_part(table, part)))
    except CorruptArchiveError as error:
        raise error if error.path else CorruptArchiveError(str(error), path=part.path) from error


def _texts(table: str, columns: Sequence[str]) -> list[str]:
    return [name for name in columns if pa.types.is_string(SCHEMAS[table].field(name).type)]


def _coded(table: str, data: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Text as dictionaries; of the schema only names and types."""
    whole = data if set(columns) <= set(data.column_names) else aligned(table, data, columns)
    chosen = [whole.column(name) for name in columns]
    arrays = [c.dictionary_encode() if pa.types.is_string(c.type) else c for c in chosen]
    return pa.Table.from_arrays(arrays, names=list(columns))


def part_of(run: Place, table: str, seal: Seal) -> Place:
    """The part of a sealed table; raises unless it is there and as large as its seal says."""
    path = part_path(run, table, seal)
    try:
        size = size_of(path)
    except FileNotFoundError:
        size = None
    _check_size(path, size, seal.parts[table].size)
    return path


def part_path(run: Place, table: str, seal: Seal) -> Place:
    return run / table / f"part-{seal.first:012d}-{seal.last:012d}.parquet"


def _check_size(path: Place, size: int | None, expected: int) -> None:
    if size is None:
        raise CorruptArchiveError("the part is missing, but its seal is there", path=path)
    if size != expected:
        raise CorruptArchiveError(
            f"the part has {size} bytes, it was sealed with {expected}; it was cut short or changed",
            path=path,
        )


def _look(run: Place) -> tuple[list[Segment], dict[str, list[Part]], list[Seal]]:
    """The log, the parts and the seals as they were at one moment."""
    for _ in range(_LOOKS):
        before = segment_names(run / "log")
        try:
            found = read_segments(run / "log"), list_parts(run), read_seals(run)
        except FileNotFoundError:
            continue
        if segment_names(run / "log") == before:
            return found
    raise CorruptArchiveError(f"the log changed during each of {_LOOKS} looks", path=run)
