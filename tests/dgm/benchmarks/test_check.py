from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dgm.benchmarks import (
    Checked,
    Finding,
    PolyglotBenchmark,
    Problem,
    UnresolvedReferenceError,
    check_benchmark,
    check_task,
    katas,
    learn,
    settle,
    table,
)
from dgm.benchmarks.learning import graded, why
from sandbox import Sandbox, Status, Tier, open_sandbox

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

HALVES_IN_PLACE = "def half(numbers):\n    numbers[:] = [n // 2 for n in numbers]\n"
PYTEST = """\
import pytest
from half import half

@pytest.mark.parametrize("n", [1, 2])
def test_half(n):
    assert half([2 * n]) == [n]

def test_given():
    assert half
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


def findings(benchmark: PolyglotBenchmark, sandbox: Sandbox) -> list[Finding]:
    return [finding for checked in check_benchmark(benchmark, sandbox) for finding in checked.findings]


def test_a_sound_benchmark_has_no_findings(tmp_path: Path, sandbox: Sandbox) -> None:
    (checked,) = check_benchmark(a_benchmark(tmp_path), sandbox)
    assert checked == Checked(task="b/half", tier=Tier.A)


def test_a_wrong_reference_and_a_stub_that_passes_are_found(tmp_path: Path, sandbox: Sandbox) -> None:
    found = findings(a_benchmark(tmp_path, stub=REFERENCE, reference=STUB), sandbox)
    assert [finding.problem for finding in found] == [Problem.REFERENCE_UNRESOLVED, Problem.STUB_RESOLVED]
    assert str(found[0]) == (
        "b/half: the reference is not resolved "
        "(1 of 1 tests did not pass; half_test.HalfTest.test_half: NotImplementedError)"
    )


def test_a_reference_that_works_in_place_needs_tier_b(tmp_path: Path, sandbox: Sandbox) -> None:
    benchmark = a_benchmark(tmp_path, reference=HALVES_IN_PLACE, test=IN_PLACE)
    (checked,) = check_benchmark(benchmark, sandbox)
    assert (checked.tier, checked.findings) == (Tier.B, ())
    assert "[2, 4] != [1, 2]" in checked.reason
    first, second = table([checked]).splitlines()
    assert first.split() == ["task", "tier", "reason"]
    assert second.startswith("b/half  B     1 of 1 tests did not pass; half_test.HalfTest.test_half: ")


def test_to_need_tier_b_is_a_finding_where_a_run_would_not_learn_it(tmp_path: Path, sandbox: Sandbox) -> None:
    (task,) = a_benchmark(tmp_path, reference=HALVES_IN_PLACE, test=IN_PLACE).tasks()
    (finding,) = check_task(replace(task, learn=False), sandbox).findings
    assert finding.problem is Problem.NEEDS_TIER_B


@pytest.mark.parametrize("test", [TEST, PYTEST])
def test_a_task_that_its_stub_solves_measures_nothing(tmp_path: Path, sandbox: Sandbox, test: str) -> None:
    (finding,) = findings(a_benchmark(tmp_path, stub=REFERENCE, test=test), sandbox)
    assert finding.problem is Problem.STUB_RESOLVED


def test_ids_that_change_from_run_to_run_are_found(tmp_path: Path, sandbox: Sandbox) -> None:
    test = PYTEST.replace("[1, 2]", "[__import__('secrets').randbits(60)]")
    (finding,) = findings(a_benchmark(tmp_path, test=test), sandbox)
    assert finding.problem is Problem.NOT_REPEATABLE
    assert "not the expected ones" in finding.detail


def test_tests_that_cannot_be_loaded_are_found(tmp_path: Path, sandbox: Sandbox) -> None:
    test = TEST.replace("from half import half", "from half import halves")
    (finding,) = findings(a_benchmark(tmp_path, test=test), sandbox)
    assert finding.problem is Problem.REFERENCE_UNRESOLVED
    assert "could not be loaded" in finding.detail
    assert "cannot import name 'halves'" in finding.detail


def test_every_kata_is_graded_in_tier_a(sandbox: Sandbox) -> None:
    """Each reference passes under A; that no stub does, `make kata-check` and `dgm benchmark check katas` show."""
    for task in katas().tasks():
        assert task.test.tier is Tier.A
        verdict = graded(sandbox, task, task.test, task.reference)
        assert verdict.resolved, f"{task.id}: {why(verdict)}"


# --- what is learned


def test_ids_and_what_the_stub_passes_are_learned_from_the_reference(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    (task,) = a_benchmark(tmp_path, test=PYTEST).tasks()
    (known,) = settle([task], sandbox, tmp_path / "cache")
    assert known.test.expected == ("half_test.test_half[1]", "half_test.test_half[2]", "half_test.test_given")
    assert known.test.given == ("half_test.test_given",)
    assert (known.test.tier, known.digest, known.learn) == (Tier.B, task.digest, False)
    right = graded(sandbox, known, known.test, known.reference)
    assert right.resolved
    assert right.digests["ablation"] == "0 of 2 tests pass without the solution"
    assert right.digests["tests"] == known.test.digest != task.test.digest


def test_a_report_with_other_ids_is_not_resolved(tmp_path: Path, sandbox: Sandbox) -> None:
    test = PYTEST.replace("[1, 2]", "half([2, 4])")  # the solution decides which tests there are
    (task,) = a_benchmark(tmp_path, stub="def half(numbers):\n    return [2, 4]\n", test=test).tasks()
    (known,) = settle([task], sandbox, tmp_path / "cache")
    fewer = b"def half(numbers):\n    return [numbers[0] // 2]\n"
    verdict = graded(sandbox, known, known.test, {"half.py": fewer})
    assert all(test.status is Status.PASSED for test in verdict.tests)
    assert (verdict.resolved, verdict.reason) == (False, "the tests that ran are not the expected ones")


def test_what_was_learned_is_kept_for_exactly_this_task(tmp_path: Path, sandbox: Sandbox) -> None:
    (task,) = a_benchmark(tmp_path, test=PYTEST).tasks()
    cache = tmp_path / "cache"
    first = settle([task], sandbox, cache)
    (path,) = cache.iterdir()
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "given": ["told"]}))
    assert settle([task], sandbox, cache)[0].test.given == ("told",)
    path.write_text("{")
    assert settle([task], sandbox, cache) == first
    other = replace(task, files={**task.files, "half.py": b"def half(numbers): return None\n"})
    settle([other], sandbox, cache)
    assert len(list(cache.iterdir())) == 2


def test_a_task_without_a_working_reference_cannot_be_learned(tmp_path: Path, sandbox: Sandbox) -> None:
    (task,) = a_benchmark(tmp_path, reference=STUB).tasks()
    with pytest.raises(UnresolvedReferenceError, match="b/half: the reference is not resolved"):
        settle([task], sandbox, tmp_path / "cache")


def test_a_reference_that_needs_too_long_is_not_put_into_tier_b(tmp_path: Path, sandbox: Sandbox) -> None:
    (task,) = a_benchmark(tmp_path, reference="def half(numbers):\n    while True: pass\n").tasks()
    with pytest.raises(UnresolvedReferenceError, match=r"did not finish within 1 s"):
        learn(replace(task, test=replace(task.test, seconds=1.0)), sandbox)
