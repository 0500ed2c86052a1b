"""The table in docs/security.md and the hostile programs name each other, so neither can rot."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "security.md"
ROW = re.compile(r"\| (?P<case>\d+|\+) \| [^|]+ \| [^|]+ \| (?P<tests>[^|]+) \|")
NAMED = re.compile(r"`(\w+)\.(test_\w+)`")


WEAKER = "### The same on bubblewrap"


def rows() -> list[tuple[str, list[tuple[str, str]]]]:
    """Case (a number, or + for one of our own) and its tests (module, function), row by row, at every level."""
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("## Hostile programs") :]
    return rows_of(table[: table.index("\n## ", 1)])


def rows_of(table: str) -> list[tuple[str, list[tuple[str, str]]]]:
    lines = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| case")]
    found = [ROW.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return [(match["case"], NAMED.findall(match["tests"])) for match in found if match]


def programs() -> set[tuple[str, str]]:
    """Every test of this directory but these: module and function."""
    return {
        (path.stem, node.name)
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


CASES = {
    "Resources and lifecycle": {*range(1, 21)} - {7, 9},
    "Escape and probing": {*range(21, 32)} - {24},
    "Credentials and gateway": {*range(32, 42)} - {35},
    "Export and archives": {42, 44, 45, 46, 48, 49, 50, 51},
    "Patches and git": {52, 53, 54, 56, 57, 59, 60, 61},
    "Grading": {62, 63, 66, 69, 70, 71, 72, 73, 74, 75},
}
"""The cases of each group; numbers that are missing were never given."""


@pytest.mark.parametrize("group", CASES)
def test_no_case_is_missing(group: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index(f"### {group}\n") :]
    found = [case for case, _ in rows_of(table[: table.index("\n##", 1)])]
    assert {int(case) for case in found if case != "+"} == CASES[group]
    assert found.count("+") >= 2


def test_every_case_has_a_test_that_exists() -> None:
    there = programs()
    for case, tests in rows():
        assert tests, f"case {case} names no test"
        assert set(tests) <= there, f"case {case} names tests that do not exist: {set(tests) - there}"


def test_every_test_stands_in_the_table_under_its_number() -> None:
    named = {test: case for case, tests in rows() for test in tests}
    assert programs() - set(named) == set()
    for module, name in programs():
        number = re.match(r"test_(\d+)_", name)
        assert named[module, name] == (str(int(number[1])) if number else "+"), (module, name)


def test_no_case_stands_twice_at_one_level() -> None:
    strong, weak = PAGE.read_text(encoding="utf-8").split(WEAKER)
    for part in (strong[strong.index("## Hostile programs") :], weak[: weak.index("\n## ")]):
        count = Counter(case for case, _ in rows_of(part))
        assert [case for case, n in count.items() if n > 1 and case != "+"] == []
