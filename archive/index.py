"""The index: the narrow columns of many sealed parts together, so that a long run opens from a few files.

It is derived from the parts and never the truth: it may be deleted at any time, what does not fit is passed over, and a
driver makes what is missing. A *span* stands for 16 sealed segments in a row, or for 256; it is written once, when the
last of them is sealed, and goes away when a span of 256 takes its place:

    index/<first entry>-<last entry>.json                its files with sizes and checksums, the digest of their seals
    index/<first entry>-<last entry>.<table>.parquet     the columns `COLUMNS` of the table's rows in these entries

The line of JSON, with its own checksum, is written last and removed first. A file is compared with its checksum each
time it is read; if it is not what was written, the parts are read instead.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .disk import make_directory, replacing, write_durably
from .errors import CorruptArchiveError
from .log import decode_line, encode_line
from .parquet import Part, read_part
from .places import Place, sizes_in
from .schema import SCHEMAS
from .seals import Seal, SealedPart, sealed_part

log = logging.getLogger(__name__)

WIDTHS = (256, 16)
"""How many sealed segments a span stands for; each divides the one before. The largest bounds memory and time that
making a span takes."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "decisions": ("seq", "kind", "agent", "task", "split", "repeat"),
    "expansions": ("seq", "decision", "attempt", "parent", "outcome", "calls", "cost_microusd", "sandbox"),
    "agents": tuple(SCHEMAS["agents"].names),
    "evaluations": (
        *(
            "seq",
            "decision",
            "attempt",
            "agent",
            "task",
            "split",
            "repeat",
            "outcome",
            "calls",
            "cost_microusd",
        ),
        *("sandbox", "replaces"),
    ),
    "changes": tuple(SCHEMAS["changes"].names),
}
"""Table -> columns in the index: numbers, and text of which many rows have the same. It has nothing of other tables."""

_NAME = re.compile(r"(\d{12})-(\d{12})\.json")

Span = tuple[int, int]
"""First and last entry."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """One span. `seals` is the digest of the seals that it stands for, `parts` table -> file."""

    first: int
    last: int
    seals: str
    parts: Mapping[str, SealedPart]

    def covers(self, part: Part) -> bool:
        return self.first <= part.first <= self.last

    def stands_for(self, seals: Sequence[Seal]) -> bool:
        """Was it made of the parts of these seals, and has it as many rows as they?"""
        return self.seals == digest_of(seals) and all(
            part.rows == sum(seal.parts[table].rows for seal in seals if table in seal.parts)
            for table, part in self.parts.items()
        )

    def part(self, run: Place, table: str) -> Part:
        """The file with its columns of `table`."""
        path = run / "index" / file_name((self.first, self.last), table)
        return Part(self.first, self.last, path, self.parts[table].size)


def spans_of(sealed: Sequence[Span], widths: Sequence[int] = WIDTHS) -> list[Span]:
    """The spans that an index over these sealed segments, all that there are, consists of."""
    begin, found = 0, list[Span]()
    for width in widths:
        while begin + width <= len(sealed):
            found.append((sealed[begin][0], sealed[begin + width - 1][1]))
            begin += width
    return found


def spans_in(run: Place) -> list[Span]:
    """The spans whose line is there, in order."""
    names = map(_NAME.fullmatch, sizes_in(run / "index"))
    return sorted((int(name[1]), int(name[2])) for name in names if name)


def read_index(run: Place, span: Span) -> Index:
    """What the line of a span says. Raises `CorruptArchiveError` if it is not as it was written."""
    path = run / "index" / line_name(span)
    try:
        content = decode_line(path.read_bytes().removesuffix(b"\n"))
        parts = {table: SealedPart(**part) for table, part in content["parts"].items()}
        index = Index(first=content["first"], last=content["last"], seals=content["seals"], parts=parts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptArchiveError(f"not a line as it was written ({error})", path=path) from error
    if (index.first, index.last) != span:
        raise CorruptArchiveError(
            f"this is of entries {index.first} to {index.last}, unlike its name", path=path
        )
    return index


def usable(run: Place, seals: Sequence[Seal]) -> list[Index]:
    """The spans that stand for exactly these seals, larger ones first where two have the same; in order."""
    found: list[Index] = []
    for span in sorted(spans_in(run), key=lambda span: (span[0], -span[1])):
        if found and span[0] <= found[-1].last:
            continue
        try:
            index = read_index(run, span)
        except FileNotFoundError:
            continue  # a larger one took its place
        except CorruptArchiveError as error:
            log.warning("%s; parts are read instead, delete it to have it made again", error)
            continue
        if index.stands_for(seals_in(seals, span)):
            found.append(index)
    return found


def seals_in(seals: Sequence[Seal], span: Span) -> list[Seal]:
    """The seals of entries within a span."""
    return [seal for seal in seals if span[0] <= seal.first and seal.last <= span[1]]


def digest_of(seals: Sequence[Seal]) -> str:
    """What binds a span to the parts that it was made of."""
    digest = hashlib.sha256()
    for seal in seals:
        digest.update(f"{seal.first}-{seal.last}".encode())
        for table, part in sorted(seal.parts.items()):
            digest.update(f" {table} {part.rows} {part.sha256}".encode())
    return digest.hexdigest()


def read_columns(run: Place, index: Index, table: str, columns: Sequence[str]) -> pa.Table | None:
    """These columns of a table; None if the file is not as it was written, or was replaced by a larger span."""
    texts = [name for name in columns if pa.types.is_string(SCHEMAS[table].field(name).type)]
    part = index.part(run, table)
    try:
        return read_part(table, part, columns, coded=texts, sealed=index.parts[table])
    except FileNotFoundError:
        return None
    except CorruptArchiveError as error:
        log.warning("%s; parts are read instead, delete index/ to have it made again", error)
        return None


def write_index(run: Path, span: Span, seals: Sequence[Seal], tables: Mapping[str, pa.Table]) -> None:
    """Write a span, durable when this returns. Killed anywhere, it is written again."""
    make_directory(run / "index")
    parts = {
        table: asdict(_write(run / "index" / file_name(span, table), table, data))
        for table, data in tables.items()
    }
    line = {"first": span[0], "last": span[1], "seals": digest_of(seals), "parts": parts}
    write_durably(run / "index" / line_name(span), encode_line(line))


def remove_spans(run: Path, keep: Sequence[Span]) -> None:
    """Remove all but these spans, lines before the files that they name."""
    names = {line_name(span).removesuffix(".json") for span in keep}
    paths = sorted((run / "index").glob("[0-9]*"), key=lambda path: path.suffix != ".json")
    for path in paths:
        if path.name.partition(".")[0] not in names:
            path.unlink(missing_ok=True)


def file_name(span: Span, table: str) -> str:
    return f"{span[0]:012d}-{span[1]:012d}.{table}.parquet"


def line_name(span: Span) -> str:
    return f"{span[0]:012d}-{span[1]:012d}.json"


def _write(path: Path, table: str, data: pa.Table) -> SealedPart:
    """Numbers as differences, which are small; text and words by their dictionaries."""
    words = [field.name for field in data.schema if pa.types.is_dictionary(field.type)]
    numbers = [field.name for field in data.schema if pa.types.is_integer(field.type)]
    with replacing(path) as temporary:
        pq.write_table(
            data.replace_schema_metadata(SCHEMAS[table].metadata),
            temporary,
            compression="zstd",
            use_dictionary=words,
            column_encoding=dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
            dictionary_pagesize_limit=1 << 26,
            write_page_checksum=True,
        )
        return sealed_part(temporary, data.num_rows)
