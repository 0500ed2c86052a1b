"""docs/archive-format.md says what is so, and its lines run."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from archive import FORMAT_VERSION, SCHEMAS, RunInfo, create_run
from archive.answers import ANSWERS
from archive.log import decode_line, encode_line
from archive.testing import a_search

PAGE = (Path(__file__).parents[2] / "docs" / "archive-format.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of several parts, `runs/first`."""
    place = tmp_path_factory.mktemp("place")
    with create_run(place / "runs" / "first", RunInfo(id="run", seed=1), segment_lines=20) as run:
        for rows in a_search(
            30, lambda seq: run.code.commit({"agent.toml": b"%d" % seq}, message="agent", seq=seq)
        ):
            run.append(*rows)
    return place


@pytest.mark.parametrize("tool", ["pyarrow", "polars", "pandas", "duckdb", "archive"])
def test_the_lines_for_each_tool_run(tool: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(tool)
    monkeypatch.chdir(runs)
    (block,) = (block for block in BLOCKS if re.search(rf"^(import|from) {tool}\b", block, re.MULTILINE))
    exec(compile(block, f"docs/archive-format.md ({tool})", "exec"), {})


@pytest.mark.parametrize(
    ("tool", "count"),
    [
        ("pyarrow", "import pyarrow.dataset as m; n = m.dataset('runs/first/evaluations').count_rows()"),
        ("polars", "import polars as m; n = m.read_parquet('runs/first/evaluations/*.parquet').height"),
        ("pandas", "import pandas as m; n = len(m.read_parquet('runs/first/evaluations'))"),
        (
            "duckdb",
            "import duckdb as m; "
            "n = m.sql(\"select count(*) from 'runs/first/evaluations/*.parquet'\").fetchall()[0][0]",
        ),
    ],
)
def test_every_tool_counts_each_row_once(
    tool: str, count: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(tool)
    monkeypatch.chdir(runs)
    names: dict[str, int] = {}
    exec(count, {}, names)
    assert names["n"] == 24


def described(type: pa.DataType) -> str:
    """A column's type in the words of the page."""
    if pa.types.is_dictionary(type):
        return "word"
    if pa.types.is_map(type):
        return "map of text to text"
    if pa.types.is_timestamp(type):
        return "time"
    if pa.types.is_list(type):
        if not pa.types.is_struct(type.value_type):
            return f"list of {described(type.value_type)}"
        return "list of (" + ", ".join(f"{f.name}: {described(f.type)}" for f in type.value_type) + ")"
    return {"string": "text", "int64": "integer", "double": "number", "bool": "flag"}[str(type)]


@pytest.mark.parametrize("table", [*SCHEMAS, *ANSWERS])
def test_the_page_describes_every_column(table: str) -> None:
    section = PAGE.split(f"### `{table}`\n")[1].split("\n### ")[0]
    found = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    expected = []
    for field in (dict(SCHEMAS) | dict(ANSWERS))[table]:
        metadata = {key.decode(): value.decode() for key, value in field.metadata.items()}
        type = "JSON text" if metadata.get("format") == "json" else described(field.type)
        cells = [f"`{field.name}`", type, metadata.get("unit", ""), "yes" if field.nullable else ""]
        expected.append([*cells, metadata["description"]])
    assert found == expected


@pytest.mark.parametrize("table", [*SCHEMAS, *ANSWERS])
def test_every_column_that_measures_something_says_in_what(table: str) -> None:
    for field in (dict(SCHEMAS) | dict(ANSWERS))[table]:
        measures = re.search(r"(_s|seconds|_bytes|_tokens|_microusd)$", field.name)
        assert (b"unit" in field.metadata) == bool(measures or pa.types.is_timestamp(field.type)), field.name


@pytest.mark.parametrize("table", SCHEMAS)
def test_the_page_lists_every_vocabulary(table: str) -> None:
    words = re.sub(r"\s+", " ", PAGE)
    for field in SCHEMAS[table]:
        if pa.types.is_dictionary(field.type):
            vocabulary = field.metadata[b"values"].decode().split(",")
            assert ": " + ", ".join(f"`{word}`" for word in vocabulary) in words


def test_the_page_is_about_this_version() -> None:
    assert f"This page describes format version {FORMAT_VERSION}." in PAGE


def test_the_shown_log_lines_have_the_right_form() -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.encode().splitlines():
        value = decode_line(line)
        assert encode_line(value) == line + b"\n"
