"""Small wrong variants of a program: what a good set of tests must notice.

One edit of the syntax tree at a time, in the manner of mutation testing (DeMillo, Lipton, Sayward 1978,
https://doi.org/10.1109/C-M.1978.218136). Text that no test should depend on is left alone: docstrings,
annotations, decorators, imports, format specifications and the messages of raised exceptions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_UNTOUCHED: Final = {"annotation", "returns", "decorator_list", "format_spec"}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A variant of a program with one edit; `line` is where the original text was edited."""

    kind: str
    line: int
    source: str


@dataclass(frozen=True, kw_only=True)
class _Edit:
    """Put `new` into `field` of `parent` (at `index` of it, when the field is a list)."""

    kind: str
    line: int
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST


def mutants(source: str) -> tuple[Mutant, ...]:
    """All variants of `source` that differ from it by one edit, in source order, each text once."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    found: list[Mutant] = []
    for edit in tuple(_edits(tree, line=1)):
        text = _applied(tree, edit)
        if text not in seen:
            seen.add(text)
            found.append(Mutant(kind=edit.kind, line=edit.line, source=text + "\n"))
    return tuple(found)


def _applied(tree: ast.Module, edit: _Edit) -> str:
    slot = getattr(edit.parent, edit.field)
    if edit.index is None:
        setattr(edit.parent, edit.field, edit.new)
        text = ast.unparse(tree)
        setattr(edit.parent, edit.field, slot)
    else:
        old = slot[edit.index]
        slot[edit.index] = edit.new
        text = ast.unparse(tree)
        slot[edit.index] = old
    return text


def _edits(parent: ast.AST, *, line: int) -> Iterator[_Edit]:
    """Every edit of a child of `parent`, then those below it."""
    for field, value in ast.iter_fields(parent):
        if field in _UNTOUCHED:
            continue
        children = value if isinstance(value, list) else [value]
        for position, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_prose(parent, child):
                continue
            here = getattr(child, "lineno", line)
            index = position if isinstance(value, list) else None
            for kind, new in _replacements(parent, field, child):
                yield _Edit(kind=kind, line=here, parent=parent, field=field, index=index, new=new)
            yield from _edits(child, line=here)


def _is_prose(parent: ast.AST, child: ast.AST) -> bool:
    """Whether `child` is an import, a text on its own (a docstring), or what a `raise` says."""
    if isinstance(child, ast.Import | ast.ImportFrom):
        return True
    if isinstance(parent, ast.Raise):
        return True
    return isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)


def _replacements(parent: ast.AST, field: str, child: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match child:
        case ast.cmpop():
            yield from (("comparison", new()) for new in COMPARISONS[type(child)])
        case ast.operator() if type(child) in OPERATORS:
            yield "arithmetic", OPERATORS[type(child)]()
        case ast.And():
            yield "and-or", ast.Or()
        case ast.Or():
            yield "and-or", ast.And()
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield ("dropped not" if isinstance(child.op, ast.Not) else "dropped minus"), operand
        case ast.Constant():
            yield from (("constant", ast.Constant(value)) for value in _other_values(child.value))
        case ast.Break():
            yield "break-continue", ast.Continue()
        case ast.Continue():
            yield "break-continue", ast.Break()
        case ast.Assign() | ast.AugAssign() | ast.Expr():
            yield "dropped statement", ast.Pass()
        case ast.AnnAssign(value=ast.expr()):
            yield "dropped statement", ast.Pass()
    if isinstance(child, ast.expr):
        yield from _in_place(parent, field, child)


def _in_place(parent: ast.AST, field: str, child: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    """Edits that depend on where an expression stands rather than on what it is."""
    match parent, field:
        case (ast.Return() | ast.Yield(), "value"):
            yield "returned None", ast.Constant(None)
        case (ast.If() | ast.IfExp(), "test") | (ast.comprehension(), "ifs"):
            yield "negated condition", ast.UnaryOp(ast.Not(), child)
        case (ast.Slice(), "lower" | "upper") if not isinstance(child, ast.Constant):
            yield "slice bound", ast.BinOp(child, ast.Add(), ast.Constant(1))
            yield "slice bound", ast.BinOp(child, ast.Sub(), ast.Constant(1))


def _other_values(value: object) -> tuple[bool | int | float | str | bytes, ...]:
    match value:
        case bool():
            return (not value,)
        case int() | float():
            return (value + 1, value - 1)
        case str():
            return (("^" if value.startswith("~") else "~") + value[1:],)
        case bytes():
            return ((b"^" if value.startswith(b"~") else b"~") + value[1:],)
    return ()
