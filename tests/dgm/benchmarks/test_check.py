from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dgm.benchmarks import PolyglotBenchmark, Problem, check_benchmark
from sandbox import Sandbox, open_sandbox

REFERENCE = "def half(numbers):\n    return [n // 2 for n in numbers]\n"
STUB = "def half(numbers):\n    raise NotImplementedError\n"
TEST = """\
import unittest
from half import half

class HalfTest(unittest.TestCase):
    def test_half(self):
        self.assertEqual(half([2, 4]), [1, 2])
"""
IN_PLACE = """\
import unittest
from half import half

class HalfTest(unittest.TestCase):
    def test_half(self):
        numbers = [2, 4]
        half(numbers)
        self.assertEqual(numbers, [1, 2])
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = open_sandbox("process")
    yield sandbox
    sandbox.close()


def a_benchmark(
    path: Path, *, stub: str = STUB, reference: str = REFERENCE, test: str = TEST
) -> PolyglotBenchmark:
    files = {
        "half.py": stub,
        "half_test.py": test,
        ".meta/example.py": reference,
        ".docs/instructions.md": "# Half\n",
        ".meta/config.json": json.dumps(
            {"files": {"solution": ["half.py"], "test": ["half_test.py"], "example": [".meta/example.py"]}}
        ),
    }
    for name, text in files.items():
        (path / "half" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "half" / name).write_text(text)
    return PolyglotBenchmark(path, name="b")


def test_a_sound_benchmark_has_no_findings(tmp_path: Path, sandbox: Sandbox) -> None:
    assert list(check_benchmark(a_benchmark(tmp_path), sandbox)) == []


def test_a_wrong_reference_and_a_stub_that_passes_are_found(tmp_path: Path, sandbox: Sandbox) -> None:
    benchmark = a_benchmark(tmp_path, stub=REFERENCE, reference=STUB)
    findings = list(check_benchmark(benchmark, sandbox))
    assert [finding.problem for finding in findings] == [Problem.REFERENCE_UNRESOLVED, Problem.STUB_RESOLVED]
    assert str(findings[0]) == (
        "b/half: the reference is not resolved "
        "(1 of 1 tests did not pass; half_test.HalfTest.test_half: NotImplementedError)"
    )


def test_a_reference_that_works_in_place_needs_tier_b(tmp_path: Path, sandbox: Sandbox) -> None:
    in_place = "def half(numbers):\n    numbers[:] = [n // 2 for n in numbers]\n"
    (finding,) = check_benchmark(a_benchmark(tmp_path, reference=in_place, test=IN_PLACE), sandbox)
    assert finding.problem is Problem.NEEDS_TIER_B
    assert "[2, 4] != [1, 2]" in finding.detail


def test_tests_that_cannot_be_loaded_are_found(tmp_path: Path, sandbox: Sandbox) -> None:
    test = TEST.replace("from half import half", "from half import halves")
    (finding,) = check_benchmark(a_benchmark(tmp_path, test=test), sandbox)
    assert finding.problem is Problem.REFERENCE_UNRESOLVED
    assert "could not be loaded" in finding.detail
    assert "cannot import name 'halves'" in finding.detail
