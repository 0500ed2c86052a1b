"""The control of tier B: an answer whose own definitions are taken back, while everything else of it stays.

The task's pristine file is put behind the answer's own text. When the module is imported, all that the answer does
at that moment happens as before (patches, hooks, threads); then the names that the task's stub defines mean the stub
again, and names that the tests import but the stub lacks are gone. Tests that pass even so were not passed by the
solution. Nothing of the answer is parsed here: only the task's own files are.
"""

from __future__ import annotations

import ast
import re
import symtable

from sandbox.base import Files
from sandbox.testspec import TestSpec

_CODING = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263


class NotRevertibleError(Exception):
    """The answer is written so that its definitions cannot be taken back."""


def reverted(spec: TestSpec, workspace: Files, pristine: Files) -> Files:
    """The workspace of an answer with the pristine definitions over its own. Files that are no Python stay."""
    wanted = _wanted(spec)
    changed = {}
    for path in spec.solution_files:
        if path.endswith(".py") and path in pristine and path in workspace:
            coding = _coding(workspace[path])
            if coding not in ("utf-8", "utf8"):
                raise NotRevertibleError(f"{path} is written in {coding}, expected utf-8")
            changed[path] = workspace[path] + b"\n" + _stub(pristine[path], wanted)
    return {**workspace, **changed}


def _coding(source: bytes) -> str:
    lines = source.removeprefix(b"\xef\xbb\xbf").splitlines()[:2]
    found = next((match for line in lines if (match := _CODING.match(line))), None)
    return found.group(1).decode().lower().replace("_", "-") if found else "utf-8"


def _stub(source: bytes, wanted: frozenset[str]) -> bytes:
    """What to put behind an answer's text. A stub that is no Python defines nothing."""
    try:
        tree = ast.parse(source)
        defined = _defined(source.decode())
    except (SyntaxError, ValueError):
        source, tree, defined = b"", ast.parse(""), set()
    lines = source.splitlines()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = b""
    for name in sorted(wanted - defined):
        lines += [b"try:", b"    del " + name.encode(), b"except NameError:", b"    pass"]
    return b"\n".join([*lines, b""])


def _defined(source: str) -> set[str]:
    symbols = symtable.symtable(source, "stub", "exec").get_symbols()
    return {one.get_name() for one in symbols if one.is_assigned() or one.is_imported()}


def _wanted(spec: TestSpec) -> frozenset[str]:
    """The names that the tests take from the modules under test."""
    found: set[str] = set()
    for file in spec.run:
        try:
            found |= _taken(ast.parse(spec.test_files[file]), frozenset(spec.modules))
        except (SyntaxError, ValueError):
            continue
    return frozenset(name for name in found if name != "*" and not name.startswith("__"))


def _taken(tests: ast.Module, under_test: frozenset[str]) -> set[str]:
    found: set[str] = set()
    modules: set[str] = set()
    nodes = list(ast.walk(tests))
    for node in nodes:
        if isinstance(node, ast.Import):
            modules |= {one.asname or one.name for one in node.names if one.name in under_test}
        elif isinstance(node, ast.ImportFrom):
            names = node.names
            modules |= {one.asname or one.name for one in names if f"{node.module}.{one.name}" in under_test}
            found |= {one.name for one in names if node.module in under_test}
    for node in nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in modules:
            found.add(node.attr)
    if "*" in found:
        found |= {node.id for node in nodes if isinstance(node, ast.Name)}
    return found
