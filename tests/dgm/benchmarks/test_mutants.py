from __future__ import annotations

import ast

import pytest

from dgm.benchmarks.mutants import mutants


def kinds(source: str) -> list[str]:
    return [mutant.kind for mutant in mutants(source)]


def texts(source: str, kind: str) -> list[str]:
    return [mutant.source.strip() for mutant in mutants(source) if mutant.kind == kind]


@pytest.mark.parametrize(
    ("source", "kind", "expected"),
    [
        ("x = a < b", "comparison", ["x = a <= b", "x = a >= b"]),
        ("x = a in b", "comparison", ["x = a not in b"]),
        ("x = a + b", "arithmetic", ["x = a - b"]),
        ("x //= b", "arithmetic", ["x %= b"]),
        ("x = a and b", "and-or", ["x = a or b"]),
        ("x = not a", "dropped not", ["x = a"]),
        ("x = -a", "dropped minus", ["x = a"]),
        ("x = 7", "constant", ["x = 8", "x = 6"]),
        ("x = 'tide'", "constant", ["x = '~ide'"]),
        ("x = ''", "constant", ["x = '~'"]),
        ("x = True", "constant", ["x = False"]),
        ("x = a", "dropped statement", ["pass"]),
        ("x += a", "dropped statement", ["pass"]),
        ("f(a)", "dropped statement", ["pass"]),
        ("x = a[b:]", "slice bound", ["x = a[b + 1:]", "x = a[b - 1:]"]),
        ("x = a[:1]", "constant", ["x = a[:2]", "x = a[:0]"]),
        ("x = a if b else c", "negated condition", ["x = a if not b else c"]),
        ("x = [a for a in b if a]", "negated condition", ["x = [a for a in b if not a]"]),
        ("def f():\n    return a", "returned None", ["def f():\n    return None"]),
        ("while a:\n    break", "break-continue", ["while a:\n    continue"]),
    ],
)
def test_each_kind_of_edit(source: str, kind: str, expected: list[str]) -> None:
    assert texts(source, kind) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Text."""',
        "def f(a: 'int') -> 'str':\n    'Text.'",
        "@cache(size=3)\ndef f():\n    pass",
        "from __future__ import annotations\nimport re",
        "raise ValueError(f'expected 1, got {a + 1}')",
    ],
)
def test_text_that_no_test_should_depend_on_is_left_alone(source: str) -> None:
    assert mutants(source) == ()


def test_a_condition_before_a_raise_is_edited() -> None:
    assert kinds("if a < 1:\n    raise ValueError('low')") == [
        "negated condition",
        "comparison",
        "comparison",
        "constant",
        "constant",
    ]


def test_variants_are_programs_that_differ_from_the_source_and_from_one_another() -> None:
    source = "def f(a, b=2):\n    total = 0\n    for x in a[1:]:\n        if x > b:\n"
    source += "            total += x\n    return total\n"
    found = [mutant.source for mutant in mutants(source)]
    assert len({*found, source}) == len(found) + 1 > 10
    for text in found:
        ast.parse(text)


def test_asking_twice_gives_the_same() -> None:
    source = "def f(a):\n    return [b * 2 for b in a if b >= 1 and not b == 9]"
    assert mutants(source) == mutants(source)


def test_a_mutant_names_the_line_that_it_edits() -> None:
    assert [(m.kind, m.line) for m in mutants("a = b\n\nc = d < e\n")] == [
        ("dropped statement", 1),
        ("dropped statement", 3),
        ("comparison", 3),
        ("comparison", 3),
    ]
