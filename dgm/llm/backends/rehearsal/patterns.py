"""Finding a piece of syntax in Python source, and writing another in its place.

A pattern is Python in which a name `Q_x` stands for any expression, `*Q_x` for any arguments, and `Q_x` alone on a
line for any run of statements. A rewrite is a text in which each `Q_x` is replaced by what it stood for.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

from .katas import UNPARSEABLE

Bindings = dict[str, str]
_HOLE = re.compile(r"Q_\w+")


@dataclass(frozen=True)
class Found:
    """A place in a source: its first and last character, its column, and what the pattern's holes stood for."""

    start: int
    end: int
    column: int
    bindings: Mapping[str, str]
    within: ast.stmt
    """The top-level statement that the place lies in."""


class Source:
    """A text that parses: its expressions and its runs of statements, in the order of the text."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.text = text
        self.tree = tree
        self.expressions: list[tuple[ast.expr, ast.stmt]] = []
        self.bodies: list[tuple[Sequence[ast.stmt], ast.stmt]] = []
        self._offsets = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
        self._lines = text.split("\n")
        for top in tree.body:
            self.bodies.append(([top], top))
            nodes = [
                node for node in ast.walk(top) if isinstance(node, ast.expr | ast.stmt | ast.excepthandler)
            ]
            for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
                if isinstance(node, ast.expr):
                    self.expressions.append((node, top))
                else:
                    parts = (getattr(node, name, None) for name in ("body", "orelse", "finalbody"))
                    self.bodies += [(part, top) for part in parts if part]

    def span(self, first: Any, last: Any) -> tuple[int, int]:
        """Where the text from one node to another begins and ends; both are nodes with a place in the source."""
        return self._offset(first.lineno, first.col_offset), self._offset(
            last.end_lineno, last.end_col_offset
        )

    def words(self, first: ast.AST, last: ast.AST) -> str:
        """The text from one node to another, its first line moved to where the others begin."""
        start, end = self.span(first, last)
        column = start - (self.text.rfind("\n", 0, start) + 1)
        return textwrap.dedent(" " * column + self.text[start:end])

    def _offset(self, line: int, column: int) -> int:
        return self._offsets[line - 1] + len(self._lines[line - 1].encode()[:column].decode())


@lru_cache(maxsize=512)
def parse(text: str) -> Source | None:
    """`text` as a source, or None if it is no Python."""
    try:
        return Source(text, ast.parse(text))
    except UNPARSEABLE:
        return None


@lru_cache(maxsize=512)
def _pattern(text: str) -> tuple[ast.stmt, ...]:
    return tuple(ast.parse(textwrap.dedent(text)).body)


def find(
    source: Source, pattern: str, known: Mapping[str, str], within: ast.stmt | None = None
) -> Iterator[Found]:
    """Every place that `pattern` fits, in the order of the text, the holes in `known` being what they are."""
    wanted = _pattern(pattern)
    if len(wanted) == 1 and isinstance(wanted[0], ast.Expr) and not _is_hole(wanted[0]):
        for node, top in source.expressions:
            bindings = dict(known)
            if within in (None, top) and _fits(wanted[0].value, node, bindings, source):
                yield _found(source, node, node, bindings, top)
        return
    for body, top in source.bodies:
        for at in range(len(body) if within in (None, top) else 0):
            bindings = dict(known)
            if length := _run(wanted, body[at:], bindings, source):
                yield _found(source, body[at], body[at + length - 1], bindings, top)


def fill(template: str, bindings: Mapping[str, str], column: int) -> str:
    """The rewrite with its holes filled, every line but the first moved to `column`."""
    lines = []
    for line in textwrap.dedent(template).strip("\n").split("\n"):
        alone = _HOLE.fullmatch(line.strip())
        if alone and alone.group() in bindings:
            line = textwrap.indent(bindings[alone.group()], line[: len(line) - len(line.lstrip())])
        else:
            line = _HOLE.sub(lambda hole: bindings.get(hole.group(), hole.group()), line)
        lines.append(line)
    return textwrap.indent("\n".join(lines), " " * column).lstrip(" ")


def _found(source: Source, first: ast.AST, last: ast.AST, bindings: Bindings, top: ast.stmt) -> Found:
    start, end = source.span(first, last)
    column = start - (source.text.rfind("\n", 0, start) + 1)
    return Found(start, end, column, bindings, top)


def _is_hole(node: object) -> str | None:
    if isinstance(node, ast.Expr):
        node = node.value
    return node.id if isinstance(node, ast.Name) and node.id.startswith("Q_") else None


def _run(wanted: Sequence[ast.stmt], body: Sequence[ast.stmt], bindings: Bindings, source: Source) -> int:
    """How many of the first statements of `body` the wanted ones fit; 0 if they do not."""
    at = 0
    for place, pattern in enumerate(wanted):
        hole = _is_hole(pattern) if isinstance(pattern, ast.Expr) else None
        if hole and place == len(wanted) - 1:
            if at == len(body):
                return 0
            bindings[hole] = source.words(body[at], body[-1])
            return len(body)
        if at == len(body) or not _fits(pattern, body[at], bindings, source):
            return 0
        at += 1
    return at


def _fits(wanted: object, node: object, bindings: Bindings, source: Source) -> bool:
    hole = _is_hole(wanted) if isinstance(wanted, ast.Name) else None
    if hole and isinstance(node, ast.expr):
        words = source.words(node, node)
        return bindings.setdefault(hole, words) == words
    if isinstance(wanted, ast.AST):
        if type(wanted) is not type(node):
            return False
        if isinstance(wanted, ast.Call) and isinstance(node, ast.Call):
            return _fits(wanted.func, node.func, bindings, source) and _arguments(
                wanted, node, bindings, source
            )
        fields = (
            name
            for name in wanted._fields
            if name not in ("ctx", "type_comment", "kind", "returns", "annotation")
        )
        return all(_fits(getattr(wanted, name), getattr(node, name), bindings, source) for name in fields)
    if isinstance(wanted, list) and isinstance(node, list):
        if wanted and isinstance(wanted[-1], ast.Expr) and _is_hole(wanted[-1]):
            return _run(wanted, node, bindings, source) == len(node) > 0
        return len(wanted) == len(node) and all(
            _fits(one, other, bindings, source) for one, other in zip(wanted, node, strict=True)
        )
    return wanted == node


def _arguments(wanted: ast.Call, node: ast.Call, bindings: Bindings, source: Source) -> bool:
    fixed = wanted.args
    if fixed and isinstance(fixed[-1], ast.Starred) and (hole := _is_hole(fixed[-1].value)):
        fixed = fixed[:-1]
        rest = [*node.args[len(fixed) :], *(keyword.value for keyword in node.keywords)]
        bindings[hole] = ", ".join(
            [source.words(part, part) for part in node.args[len(fixed) :]]
            + [f"{keyword.arg}={source.words(keyword.value, keyword.value)}" for keyword in node.keywords]
        )
        return (
            len(rest) >= 0
            and all(_fits(one, other, bindings, source) for one, other in zip(fixed, node.args, strict=False))
            and len(node.args) >= len(fixed)
        )
    return _fits(wanted.args, node.args, bindings, source) and _fits(
        wanted.keywords, node.keywords, bindings, source
    )
