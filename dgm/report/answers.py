"""What `archive.query` answers, for people: any of its tables as lines of text, or as rows of a JSON page."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from archive import RunReader
from dgm.report.operators import operators
from dgm.report.safe import safe_line
from dgm.report.views import RunView

QUESTIONS = ("lineage", "flips", "costs", "timeline", "operators")
"""The commands that show such a table."""

_NAMES = frozenset({"agent", "parent", "child", "id"})
"""Columns of names that are known by their beginning."""


def asked(question: str, run: RunReader, view: RunView, agent: str = "") -> pa.Table:
    """The table that answers `question`; `agent` is whose lineage is asked for, as the user calls it."""
    match question:
        case "lineage":
            return run.ancestry(view.agent(agent).id)
        case "flips":
            return run.flips()
        case "costs":
            return run.costs()
        case "operators":
            return operators(view.rows, view.tree())
        case _:
            return run.timeline()


def answer_data(view: RunView, question: str, table: pa.Table) -> dict[str, object]:
    rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]
    return view.headed(**{question: rows})


def answer_text(table: pa.Table) -> str:
    """A line per row, columns aligned; money in dollars, names by their beginning."""
    columns = [[_shown(field, value) for value in table[field.name].to_pylist()] for field in table.schema]
    heads = [_head(field) for field in table.schema]
    widths = [max(map(len, (head, *column))) for head, column in zip(heads, columns, strict=True)]
    right = [pa.types.is_integer(field.type) or pa.types.is_floating(field.type) for field in table.schema]
    lines = [heads, *zip(*columns, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:>{width}}" if to_right else f"{cell:{width}}"
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def _head(field: pa.Field) -> str:
    return str(field.name).replace("_microusd", "_usd")


def _shown(field: pa.Field, value: object) -> str:
    match value:
        case None:
            return "-"
        case datetime():
            return value.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
        case float():
            return f"{value:.3f}"
        case int() if field.name.endswith("_microusd"):
            return f"{value / 1e6:.6f}"
        case str() if field.name in _NAMES:
            return safe_line(value[:10])
        case list():
            return safe_line(" ".join(str(one)[:10] for one in value)) or "-"
        case _:
            return safe_line(str(value))


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
