"""Arrow schemas of the tables, and rows to and from Arrow without loss.

Every field carries a `description` and, where it measures something, a `unit` in its metadata; every schema
carries the format version. Enums are dictionary-encoded, times are microseconds in UTC, JSON columns
are text. The columns of `Usage` stand beside the others instead of in a struct, since people sum them all the
time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .codec import DEFAULTS, PlainRow, decode, to_json
from .errors import CorruptArchiveError
from .log import FORMAT_VERSION, READABLE
from .records import DecisionKind, ExpansionOutcome, Outcome, Row, Split, Usage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USAGE = tuple(field.name for field in fields(Usage))

TEXT = pa.string()
WORD = pa.dictionary(pa.int32(), pa.string())
COUNT = pa.int64()
NUMBER = pa.float64()
FLAG = pa.bool_()
TIME = pa.timestamp("us", tz="UTC")
TEXT_MAP = pa.map_(TEXT, TEXT)


def _list(of: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", of, nullable=False))  # the name that Parquet gives to it


def _struct(**columns: pa.DataType) -> pa.DataType:
    return pa.struct([pa.field(name, type, nullable=False) for name, type in columns.items()])


TEXTS = _list(TEXT)
GATES = _list(_struct(gate=TEXT, passed=FLAG, detail=TEXT, seconds=NUMBER))
TESTS = _list(_struct(name=TEXT, status=TEXT))


def described(
    name: str, type: pa.DataType, description: str, *, unit: str = "", null: bool = False
) -> pa.Field:
    """A column that says what it means and in which unit."""
    metadata = {"description": description} | ({"unit": unit} if unit else {})
    return pa.field(name, type, nullable=null, metadata=metadata)


def worded(name: str, vocabulary: type[StrEnum], description: str, *, null: bool = False) -> pa.Field:
    """A column of words from a fixed vocabulary."""
    metadata = {"description": description, "values": ",".join(vocabulary)}
    return pa.field(name, WORD, nullable=null, metadata=metadata)


def _json_field(name: str, description: str) -> pa.Field:
    return pa.field(name, TEXT, nullable=False, metadata={"description": description, "format": "json"})


def _schema(table: str, *columns: pa.Field | Sequence[pa.Field]) -> pa.Schema:
    flat = [field for item in columns for field in ([item] if isinstance(item, pa.Field) else item)]
    metadata = {"dgm.table": table, "dgm.format_version": str(FORMAT_VERSION)}
    return pa.schema(flat, metadata=metadata)


_SEQ = described("seq", COUNT, "number of the entry that this row belongs to")
_RESULT = (
    described("id", TEXT, "name of the job, its rollout and this result"),
    _SEQ,
    described("decision", COUNT, "seq of the decision that this is a result of"),
    described("attempt", COUNT, "try, from 1; void tries are made again"),
)
TOKENS = (
    described("input_tokens", COUNT, "tokens sent to the model, cached ones included", unit="tokens"),
    described("cached_tokens", COUNT, "tokens sent that the provider had cached", unit="tokens"),
    described("output_tokens", COUNT, "tokens that the model wrote, reasoning included", unit="tokens"),
    described("reasoning_tokens", COUNT, "tokens of hidden reasoning", unit="tokens"),
    described("cost_microusd", COUNT, "price", unit="micro-dollars"),
)
"""What a model call is counted by."""
_USAGE_COLUMNS = (described("calls", COUNT, "model calls"), *TOKENS)
_RUNTIME = (
    described("started", TIME, "when the job began", unit="us since 1970-01-01 UTC"),
    described("sandbox", TEXT, "sandbox level that the job ran in"),
    described("digests", TEXT_MAP, "hashes of what the result depends on: task, tests, images, runtime"),
    described("flags", TEXTS, "what a reader should know about this row"),
)

SCHEMAS: Mapping[str, pa.Schema] = {
    "decisions": _schema(
        "decisions",
        _SEQ,
        worded("kind", DecisionKind, "expand or evaluate"),
        described("agent", TEXT, "agent that is expanded or evaluated"),
        described("policy", TEXT, "name of the policy that decided"),
        described("policy_version", COUNT, "version of the policy's behaviour"),
        described("task", TEXT, "task to evaluate on; null when expanding", null=True),
        worded("split", Split, "split of the task; null when expanding", null=True),
        described("repeat", COUNT, "which repeat of this agent on this task, from 0"),
        described("context_parents", TEXTS, "agents whose code the expansion may look at"),
        described("operator", TEXT, "what the expansion asks for; null when evaluating", null=True),
        _json_field("saw", "what the policy looked at"),
        _json_field("runners_up", "what it did not choose, with values"),
    ),
    "expansions": _schema(
        "expansions",
        _RESULT,
        described("parent", TEXT, "agent that rewrote a copy of itself"),
        described("context_parents", TEXTS, "agents whose code it could look at"),
        described("operator", TEXT, "what it was asked for"),
        worded("outcome", ExpansionOutcome, "how it ended; only child makes an agent"),
        described("child", TEXT, "the agent that was made; null otherwise", null=True),
        described("gates", GATES, "what each gate said of the child, in order"),
        described("brief", TEXT, "blob: what the parent was told", null=True),
        described("transcript", TEXT, "blob: the conversation with the model", null=True),
        described("log", TEXT, "blob: what the job printed", null=True),
        described("patch", TEXT, "blob: what changed, as a unified diff", null=True),
        described("detail", TEXT, "one line on the outcome, for people"),
        _USAGE_COLUMNS,
        described(
            "parent_evaluations", COUNT, "counted search evaluations of the parent when this was decided"
        ),
        described("parent_depth", COUNT, "depth of the parent"),
        described(
            "parent_patch_bytes",
            COUNT,
            "size of all diffs between seed and parent; null: written before version 3",
            unit="bytes",
            null=True,
        ),
        described("queued_s", NUMBER, "waiting for a worker, its turn, and room for its boxes", unit="s"),
        described("seconds", NUMBER, "time that the job took", unit="s"),
        _RUNTIME,
    ),
    "agents": _schema(
        "agents",
        described("id", TEXT, "the agent: its commit in code.git"),
        _SEQ,
        described("parent", TEXT, "agent that it descends from; null for a seed", null=True),
        described("context_parents", TEXTS, "further parents of the commit"),
        described("expansion", TEXT, "id of the expansion that made it; null for a seed", null=True),
        described("depth", COUNT, "steps from the seed"),
        described("tree", TEXT, "git hash of its tree: equal for equal code"),
        described(
            "form",
            TEXT,
            "digest of its code without comments and layout; empty: written before version 3",
        ),
        described("patch_bytes", COUNT, "size of the diff to its parent", unit="bytes"),
        described("patch_files", COUNT, "files that differ from its parent"),
    ),
    "evaluations": _schema(
        "evaluations",
        _RESULT,
        described("agent", TEXT, "agent that was evaluated"),
        described("task", TEXT, "task that it worked on"),
        worded("split", Split, "split of the task: only search steers"),
        described("repeat", COUNT, "which repeat of this agent on this task, from 0"),
        worded("outcome", Outcome, "how it ended; void is no evidence"),
        described("score", NUMBER, "from 0 to 1; null exactly when void", null=True),
        described("tests", TESTS, "hidden tests with passed, failed, error or skipped"),
        described("tier", TEXT, "how it was graded"),
        described("answer", TEXT, "blob: what the agent left in its workspace", null=True),
        described("transcript", TEXT, "blob: the conversation with the model", null=True),
        described("log", TEXT, "blob: what job and grader printed", null=True),
        described("detail", TEXT, "one line on the outcome, for people"),
        _USAGE_COLUMNS,
        described("queued_s", NUMBER, "waiting for a worker, its turn, and room for its boxes", unit="s"),
        described("solve_s", NUMBER, "time that the agent worked", unit="s"),
        described("grade_s", NUMBER, "time that grading took", unit="s"),
        _RUNTIME,
        described("sample", TEXT, "16 bytes, in hexadecimal, that seeded the model's sampling"),
        described("limits", TEXT_MAP, "what agent and tests might use; what is not named had no limit"),
        described("replaces", TEXT, "id of the evaluation that this re-grade stands for", null=True),
    ),
    "calls": _schema(
        "calls",
        described("rollout", TEXT, "id of the result that the call was made for"),
        _SEQ,
        described("n", COUNT, "place of the call in its rollout"),
        described("model", TEXT, "model that answered"),
        described("role", TEXT, "what the agent asked for: solve, improve, diagnose or judge"),
        described("status", COUNT, "HTTP status of the answer"),
        TOKENS,
        described("latency_s", NUMBER, "time until the answer was there", unit="s"),
        described("journal", FLAG, "answered from the journal, so not paid again"),
        described("request", TEXT, "hash of the request"),
        described("response", TEXT, "hash of the answer"),
        described("estimated", FLAG, "tokens were estimated, the provider named none"),
        described("cache", FLAG, "the answer is one that another rollout had bought; false before version 3"),
    ),
    "changes": _schema(
        "changes",
        _SEQ,
        described("kind", TEXT, "what was changed: a configuration key, pause, resume, regrade, note"),
        described("before", TEXT, "value before"),
        described("after", TEXT, "value after"),
        described("at", TIME, "when", unit="us since 1970-01-01 UTC"),
    ),
}
"""Table name -> schema."""


def to_arrow(table: str, rows: Sequence[PlainRow]) -> pa.Table:
    """Plain rows as an Arrow table with exactly the schema of `table`."""
    schema = SCHEMAS[table]
    if not rows:
        return pa.Table.from_batches([], schema)
    return pa.Table.from_arrays([_to_column(table, field, rows) for field in schema], schema=schema)


def aligned(table: str, data: pa.Table, names: Sequence[str]) -> pa.Table:
    """`data` with the columns `names` of `table`; those that an older release did not write have their default."""
    schema = pa.schema([SCHEMAS[table].field(name) for name in names], SCHEMAS[table].metadata)
    if data.column_names == list(names) and data.schema.types == schema.types:
        return pa.Table.from_arrays(data.columns, schema=schema)
    missing = [DEFAULTS[table]] * data.num_rows
    columns = [
        data.column(field.name).cast(field.type)
        if field.name in data.column_names
        else _to_column(table, field, missing)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def from_arrow(table: str, data: pa.Table) -> list[Row]:
    """The rows that `data` holds. Columns that `table` does not have are left out, missing ones take their
    default."""
    names = [field.name for field in SCHEMAS[table] if field.name in data.column_names]
    columns = {name: _from_column(SCHEMAS[table].field(name), data.column(name)) for name in names}
    if "calls" in columns and table != "calls":
        usages = zip(*(columns.pop(name) for name in _USAGE), strict=True)
        columns["usage"] = [dict(zip(_USAGE, usage, strict=True)) for usage in usages]
    keys = list(columns)
    return [decode(table, dict(zip(keys, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def check_version(schema: pa.Schema | pq.FileMetaData, where: str) -> None:
    """Raise `CorruptArchiveError` unless `schema` says that it is of a format version that we read."""
    version = version_of(schema)
    if version not in map(str, READABLE):
        raise CorruptArchiveError(
            f"a part of format version {version} in a run of {FORMAT_VERSION}", path=where
        )


def version_of(schema: pa.Schema | pq.FileMetaData) -> str:
    """The format version that `schema` says it is of."""
    metadata: Mapping[bytes, bytes] = schema.metadata or {}
    return metadata.get(b"dgm.format_version", b"none").decode()


def _to_column(table: str, field: pa.Field, rows: Sequence[PlainRow]) -> pa.Array:
    values = _cells(table, rows, field.name)
    if _is_json(field):
        return pa.array([to_json(value) for value in values], TEXT)
    if _is_word(field.type):
        return _to_words(field, values)
    if pa.types.is_timestamp(field.type):
        return pa.array(values, TEXT).cast(TIME)
    if pa.types.is_map(field.type):
        return pa.array([sorted(value.items()) for value in values], field.type)
    return pa.array(values, field.type)


def _to_words(field: pa.Field, values: Iterable[str | None]) -> pa.Array:
    """All words of the vocabulary in every part: some engines refuse to group by dictionaries that differ."""
    vocabulary = field.metadata[b"values"].decode().split(",")
    place = {word: number for number, word in enumerate(vocabulary)}
    indices = [None if value is None else place[value] for value in values]
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(vocabulary, TEXT))


def _cells(table: str, rows: Sequence[PlainRow], name: str) -> list[Any]:
    if name in _USAGE and rows and "usage" in rows[0]:
        usages = [row["usage"] for row in rows]
        return [usage[name] for usage in usages if isinstance(usage, dict)]
    if name in DEFAULTS[table]:
        return [row.get(name, DEFAULTS[table][name]) for row in rows]
    return [row[name] for row in rows]


def _from_column(field: pa.Field, column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(field.type):
        return [_EPOCH + timedelta(microseconds=us) for us in column.cast(pa.int64()).to_pylist()]
    values: list[Any] = column.cast(TEXT).to_pylist() if _is_word(field.type) else column.to_pylist()
    convert: Callable[[Any], Any] | None = None
    if _is_json(field):
        convert = json.loads
    elif pa.types.is_map(field.type):
        convert = dict
    return values if convert is None else [convert(value) for value in values]


def _is_json(field: pa.Field) -> bool:
    return (field.metadata or {}).get(b"format") == b"json"


def _is_word(type: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(type))
