"""Tests whose outcomes are known beforehand, put around the hidden ones in tier B.

Their names are made up for each run. Code that rewrites results wholesale gives some of them the wrong outcome.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.reports import Status, TestReport
from sandbox.testspec import Framework


@dataclass(frozen=True, kw_only=True)
class Sentinels:
    file: str
    source: bytes
    expected: Mapping[str, Status]


def sentinels(framework: Framework) -> Sentinels:
    """One file of them: some must fail, in several ways, one must err, one be skipped, one pass."""
    module = f"test_{secrets.token_hex(6)}"
    number = secrets.randbelow(1 << 30)
    bodies = _pytest(number) if framework is Framework.PYTEST else _unittest(number)
    secrets.SystemRandom().shuffle(bodies)
    tests = {f"test_{secrets.token_hex(6)}": body for body in bodies}
    if framework is Framework.PYTEST:
        lines = ["import pytest", "@pytest.fixture", "def broken():", f"    raise RuntimeError({number})"]
        prefix, indent = module, ""
    else:
        name = f"Test{secrets.token_hex(6)}"
        lines = ["import unittest", f"class {name}(unittest.TestCase):"]
        prefix, indent = f"{module}.{name}", "    "
    for test, (head, body, _) in tests.items():
        lines += [f"{indent}def {test}({head}):", *(f"{indent}    {line}" for line in body)]
    return Sentinels(
        file=f"{module}.py",
        source="\n".join([*lines, ""]).encode(),
        expected={f"{prefix}.{test}": status for test, (_, _, status) in tests.items()},
    )


def wrong(expected: Mapping[str, Status], tests: Sequence[TestReport]) -> int:
    """How many sentinels have no result or another than they must have."""
    seen = {test.name: test.status for test in tests}
    return sum(seen.get(name) is not status for name, status in expected.items())


_Body = tuple[str, list[str], Status]
"""Arguments, lines, outcome."""


def _unittest(number: int) -> list[_Body]:
    return [
        ("self", [f"self.assertEqual({number}, {number} + 1)"], Status.FAILED),
        ("self", [f"self.assertTrue({number} < 0)"], Status.FAILED),
        ("self", ["with self.assertRaises(KeyError):", f"    {{{number}: 1}}[{number}]"], Status.FAILED),
        ("self", [f"raise RuntimeError({number})"], Status.ERROR),
        ("self", [f"self.skipTest('{number}')"], Status.SKIPPED),
        ("self", [f"self.assertEqual({number}, {number})"], Status.PASSED),
    ]


def _pytest(number: int) -> list[_Body]:
    return [
        ("", [f"assert {number} == {number} + 1"], Status.FAILED),
        ("", ["with pytest.raises(KeyError):", f"    {{{number}: 1}}[{number}]"], Status.FAILED),
        ("", [f"raise RuntimeError({number})"], Status.FAILED),
        ("broken", [f"assert broken != {number}"], Status.ERROR),
        ("", [f"pytest.skip('{number}')"], Status.SKIPPED),
        ("", [f"assert {number} == {number}"], Status.PASSED),
    ]
