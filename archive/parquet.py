"""Sealed parts: `<table>/part-<first seq>-<last seq>.parquet`.

Sealing turns one closed segment of the log into one part per table that has rows in it and a seal over them
(`archive.seals`), then deletes the segment. The segment is the truth until it is gone: readers ignore parts of a
segment that is still there, and sealing again after a crash writes the same files over again. Parts are never rewritten
afterwards.

`<table>/schema.parquet` has no rows; it lets a glob over a table work before anything is sealed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .codec import PlainRow
from .disk import make_directory, replacing, sync_directory
from .errors import CorruptArchiveError, write_failed
from .log import Segment, segment_path
from .places import Place, contents, sizes_in
from .records import ROW_TYPES
from .schema import SCHEMAS, check_version, to_arrow, version_of
from .seals import Seal, SealedPart, sealed_part, write_seal

_NAME = re.compile(r"part-(\d{12})-(\d{12})\.parquet")


@dataclass(frozen=True, order=True)
class Part:
    """One part of one table: the rows of entries `first` to `last`. `size` is in bytes."""

    first: int
    last: int
    path: Place
    size: int


def create_tables(run: Path) -> None:
    """Make the tables' directories, each with its file without rows."""
    for table, schema in SCHEMAS.items():
        make_directory(run / table)
        write_part(run / table / "schema.parquet", schema.empty_table())


def empty_table_problems(run: Path) -> Iterator[str]:
    """What keeps other tools from reading a table by a glob: its file without rows is missing, damaged or foreign."""
    for table, schema in SCHEMAS.items():
        path = run / table / "schema.parquet"
        try:
            found = pq.read_table(path)
        except (pa.ArrowInvalid, pa.ArrowIOError, FileNotFoundError) as error:
            yield f"{path}: cannot be read as a table without rows ({error})"
            continue
        if found.num_rows or not set(found.column_names) <= set(schema.names):
            yield f"{path}: is not the file without rows of {table}"


def list_parts(run: Place) -> dict[str, list[Part]]:
    """The parts of each table in order."""
    parts: dict[str, list[Part]] = {}
    for table in ROW_TYPES:
        found = ((_NAME.fullmatch(name), name, size) for name, size in sizes_in(run / table).items())
        parts[table] = [Part(int(m[1]), int(m[2]), run / table / name, size) for m, name, size in found if m]
    return parts


def seal(run: Path, segment: Segment) -> None:
    """Write the parts of a closed segment, then delete it. May be done again after a crash at any point."""
    if segment.entries:
        first, last = segment.first, segment.next_seq - 1
        parts: dict[str, SealedPart] = {}
        for table, rows in rows_by_table(segment).items():
            path = run / table / f"part-{first:012d}-{last:012d}.parquet"
            parts[table] = write_part(path, to_arrow(table, rows))
        write_seal(run, Seal(first=first, last=last, parts=parts))
    path = segment_path(run / "log", segment.first)
    try:
        path.unlink(missing_ok=True)
        sync_directory(path.parent)
    except OSError as error:
        raise write_failed(str(path), error) from error


def rows_by_table(segment: Segment) -> Mapping[str, Sequence[PlainRow]]:
    """The rows of a segment, of those tables that have some."""
    collected: dict[str, list[PlainRow]] = {}
    for _, tables in segment.entries:
        for table, rows in tables.items():
            collected.setdefault(table, []).extend(rows)
    return {table: collected[table] for table in ROW_TYPES if table in collected}


def count_rows(part: Part) -> int:
    """How many rows a part has, from its footer."""
    try:
        return int(pq.read_metadata(_file(part)).num_rows)
    except (pa.ArrowInvalid, pa.ArrowIOError) as error:
        raise CorruptArchiveError(f"not a whole Parquet file ({error})", path=part.path) from error


def read_part(
    table: str,
    part: Part,
    columns: Sequence[str] | None = None,
    *,
    coded: Sequence[str] = (),
    sealed: SealedPart | None = None,
) -> pa.Table:
    """The rows of a part, page checksums verified; all columns or those named, text that is `coded` as dictionaries.

    If `sealed` is given, all of the file is compared with it.
    """
    content = part.path.read_bytes()  # a part is small: one read costs less than one per column
    return _parse(table, part, content, columns, coded=coded, sealed=sealed)


def read_parts(
    table: str, parts: Sequence[Part], columns: Sequence[str] | None = None, *, coded: Sequence[str] = ()
) -> Iterator[pa.Table]:
    """`read_part` for many, one after the other; those far away are asked for together."""
    for part, content in zip(parts, contents([part.path for part in parts]), strict=True):
        yield _parse(table, part, content, columns, coded=coded)


def _parse(
    table: str,
    part: Part,
    content: bytes,
    columns: Sequence[str] | None,
    *,
    coded: Sequence[str],
    sealed: SealedPart | None = None,
) -> pa.Table:
    if sealed is not None and hashlib.sha256(content).hexdigest() != sealed.sha256:
        raise CorruptArchiveError(
            "the content does not have the checksum that it was sealed with", path=part.path
        )
    try:
        metadata = pq.read_metadata(pa.BufferReader(content))
        there = set(metadata.schema.names)  # an older release may not have written all that is asked for
        with pq.ParquetFile(
            pa.py_buffer(content),
            metadata=metadata,
            page_checksum_verification=True,
            read_dictionary=[name for name in coded if name in there],
        ) as file:
            check_version(file.metadata, str(part.path))
            if sealed is not None and file.metadata.num_rows != sealed.rows:
                raise CorruptArchiveError(
                    f"{file.metadata.num_rows} rows where {sealed.rows} were sealed", path=part.path
                )
            wanted = None if columns is None else list(columns)
            return file.read(columns=wanted, use_threads=False)
    except (pa.ArrowInvalid, pa.ArrowIOError) as error:
        raise CorruptArchiveError(f"cannot be read as part of {table} ({error})", path=part.path) from error


def part_version(part: Part) -> str:
    """The format version that a part was written in."""
    try:
        return version_of(pq.read_schema(_file(part)))
    except (pa.ArrowInvalid, pa.ArrowIOError) as error:
        raise CorruptArchiveError(f"not a whole Parquet file ({error})", path=part.path) from error


def _file(part: Part) -> Path | pa.Buffer:
    return part.path if isinstance(part.path, Path) else pa.py_buffer(part.path.read_bytes())


def write_part(path: Path, table: pa.Table) -> SealedPart:
    """Write a Parquet file, durable when this returns, and give what a seal says of it."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        return sealed_part(temporary, table.num_rows)
