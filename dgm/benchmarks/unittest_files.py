"""What a file of tests holds, told from its syntax: nothing is imported."""

from __future__ import annotations

import ast

_CASES = {"unittest.TestCase", "TestCase"}


def has_tests(tree: ast.Module) -> bool:
    return any(_tests(cls) for cls in _classes(tree)) or bool(_tests(tree))


def needs_pytest(tree: ast.Module) -> bool:
    """Whether unittest would miss some of it: it uses pytest, or has tests outside of `TestCase`s."""
    imports = {_package(node) for node in ast.walk(tree)}
    plain = any(cls.name.startswith("Test") and not cls.bases and _tests(cls) for cls in _classes(tree))
    return "pytest" in imports or bool(_tests(tree)) or plain


def unittest_ids(name: str, tree: ast.Module) -> tuple[str, ...] | None:
    """Ids that unittest gives the tests of the file `name`; None where the syntax alone does not say."""
    if any(isinstance(node, ast.FunctionDef) and node.name == "load_tests" for node in tree.body):
        return None
    module = name.removesuffix(".py").replace("/", ".")
    found: list[str] = []
    for cls in _classes(tree):
        if not all(ast.unparse(base) in _CASES for base in cls.bases) or cls.decorator_list or cls.keywords:
            return None
        if cls.bases:
            found += [f"{module}.{cls.name}.{test}" for test in dict.fromkeys(_tests(cls))]
    return tuple(found)


def _classes(tree: ast.Module) -> list[ast.ClassDef]:
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def _tests(scope: ast.Module | ast.ClassDef) -> list[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node.name for node in scope.body if isinstance(node, kinds) and node.name.startswith("test")]


def _package(node: ast.AST) -> str:
    if isinstance(node, ast.Import):
        return node.names[0].name.split(".")[0]
    return (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else ""
