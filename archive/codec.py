"""Rows as plain JSON values and back, exactly.

One encoder and one decoder are made per row class from its type hints. An encoder is strict: what it lets
through can be written as a line of the log, sealed into Parquet and read back equal. A decoder fills columns
that an older release did not write from the row class's defaults.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from .errors import CorruptArchiveError, RowError
from .records import ROW_TYPES, TABLE_OF, Json, Row

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""A value as `json` gives and takes it."""

PlainRow = dict[str, Plain]

_INT64 = range(-(1 << 63), 1 << 63)


class _Unfit(Exception):
    """A value does not fit; `args` are what was expected and what came."""


def encode(row: Row) -> tuple[str, PlainRow]:
    """The table that `row` belongs to, and its plain form."""
    table = TABLE_OF.get(type(row))
    if table is None:
        raise RowError(f"a row is one of {', '.join(t.__name__ for t in TABLE_OF)}, got {type(row).__name__}")
    plain: PlainRow = {}
    for name, (to_plain, _) in _CODECS[table].items():
        try:
            plain[name] = to_plain(getattr(row, name))
        except _Unfit as unfit:
            expected, came = unfit.args
            raise RowError(f"{table}.{name} must be {expected}, got {came!r}") from None
    return table, plain


def decode(table: str, plain: Mapping[str, Any]) -> Row:
    """The row of `table` that was encoded as `plain`."""
    values = dict(plain)
    try:
        for name, from_plain in _DECODERS[table]:
            if name in values:
                values[name] = from_plain(values[name])
        return ROW_TYPES[table](**values)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArchiveError(f"not a row of {table}: {type(error).__name__}: {error}") from error


def to_json(value: Plain) -> str:
    """Compact JSON text, keys sorted."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)


_Codec = tuple[Callable[[Any], Plain], Callable[[Any], Any]]


def _exactly(type_: type, expected: str) -> Callable[[Any], Any]:
    def to_plain(value: Any) -> Any:
        if type(value) is not type_:
            raise _Unfit(expected, value)
        return value

    return to_plain


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _Unfit("text", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _Unfit("text that UTF-8 can hold", value) from None
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or value not in _INT64:
        raise _Unfit("an integer of 64 bits", value)
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _Unfit("a finite number", value)
    return float(value)


_ALWAYS_FIT = {NoneType, bool, int}


def _json(value: Any) -> Plain:
    """Only what `json` gives back equal: no tuples, no NaN, no keys but text."""
    if value is None or type(value) is bool or type(value) is int:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is str:
        return _text(value)
    if type(value) is list:
        return list(value) if set(map(type, value)) <= _ALWAYS_FIT else [_json(item) for item in value]
    if isinstance(value, Mapping):
        return {_text(key): _json(item) for key, item in value.items()}
    raise _Unfit("plain JSON (None, bool, int, finite float, str, list, dict with text keys)", value)


def _time(value: Any) -> str:
    if not isinstance(value, datetime):
        raise _Unfit("a datetime", value)
    return value.isoformat(timespec="microseconds")


def _from_time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _same(value: Any) -> Any:
    return value


def _codec(hint: Any) -> _Codec:
    """The two functions for values of type `hint`."""
    if hint == Json:
        return _json, _same
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType and NoneType in args:
        (inner,) = (arg for arg in args if arg is not NoneType)
        to_plain, from_plain = _codec(inner)
        return (lambda v: None if v is None else to_plain(v)), (
            lambda v: None if v is None else from_plain(v)
        )
    if origin is tuple:
        return _tuple_codec(args[0])
    if hint == Mapping[str, str]:
        return (lambda v: {_text(key): _text(item) for key, item in v.items()}), _same
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _enum_codec(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass_codec(hint)
    return _SIMPLE[hint]


_SIMPLE: dict[Any, _Codec] = {
    str: (_text, _same),
    int: (_integer, _same),
    float: (_number, float),
    bool: (_exactly(bool, "true or false"), _same),
    datetime: (_time, _from_time),
}


def _tuple_codec(item_hint: Any) -> _Codec:
    item_to_plain, item_from_plain = _codec(item_hint)

    def to_plain(value: Any) -> Plain:
        if type(value) is not tuple:
            raise _Unfit("a tuple", value)
        return [item_to_plain(item) for item in value]

    return to_plain, lambda value: tuple([item_from_plain(item) for item in value])


def _enum_codec(enum: type[StrEnum]) -> _Codec:
    members = {member.value: member for member in enum}

    def to_plain(value: Any) -> str:
        if not isinstance(value, enum):
            raise _Unfit(f"one of {enum.__name__}", value)
        return value.value

    def from_plain(value: Any) -> StrEnum:
        if value not in members:
            raise ValueError(f"{value!r} is no {enum.__name__}")
        return members[value]

    return to_plain, from_plain


def _dataclass_codec(cls: type) -> _Codec:
    codecs = _field_codecs(cls)

    def to_plain(value: Any) -> Plain:
        if type(value) is not cls:
            raise _Unfit(f"a {cls.__name__}", value)
        return {name: codec[0](getattr(value, name)) for name, codec in codecs.items()}

    def from_plain(value: Any) -> Any:
        return cls(**{name: codecs[name][1](item) for name, item in value.items()})

    return to_plain, from_plain


def _field_codecs(cls: type) -> dict[str, _Codec]:
    hints = get_type_hints(cls)
    return {field.name: _codec(hints[field.name]) for field in fields(cls)}


_CODECS: dict[str, dict[str, _Codec]] = {
    table: _field_codecs(row_type) for table, row_type in ROW_TYPES.items()
}

_DECODERS = {
    table: [(name, from_plain) for name, (_, from_plain) in codecs.items() if from_plain is not _same]
    for table, codecs in _CODECS.items()
}


def _defaults(row_type: type, codecs: Mapping[str, _Codec]) -> PlainRow:
    found: PlainRow = {}
    for item in fields(row_type):
        if item.default is not MISSING:
            found[item.name] = codecs[item.name][0](item.default)
        elif item.default_factory is not MISSING:
            found[item.name] = codecs[item.name][0](item.default_factory())
    return found


DEFAULTS: Mapping[str, PlainRow] = {
    table: _defaults(row_type, _CODECS[table]) for table, row_type in ROW_TYPES.items()
}
"""Table -> what stands for columns that an older release did not write, in plain form."""
