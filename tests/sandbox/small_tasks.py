"""Tasks of one module `m` with one test class, graded where there is no isolation to wait for."""

from __future__ import annotations

import textwrap

from sandbox import (
    Sandbox,
    TestSpec,
    Tier,
    Verdict,
    grade,
)


def a_spec(test: str, *, tier: Tier = Tier.A, seconds: float = 30.0, imports: str = "import m") -> TestSpec:
    source = f"import unittest\n{imports}\n\nclass T(unittest.TestCase):\n" + textwrap.indent(
        textwrap.dedent(test), "    "
    )
    return TestSpec(
        solution_files=("m.py",),
        test_files={"m_test.py": source.encode()},
        run=("m_test.py",),
        modules=("m",),
        tier=tier,
        seconds=seconds,
    )


def graded(sandbox: Sandbox, solution: str, spec: TestSpec) -> Verdict:
    return grade(sandbox, spec, {"m.py": textwrap.dedent(solution).encode()}, {"m.py": b""}, name="test")
