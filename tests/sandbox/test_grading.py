"""What tests may do with a solution in tier A, and what they may not: honest programs, bare processes."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from sandbox import (
    BoxSpec,
    ExecResult,
    Framework,
    Sandbox,
    SandboxUnavailableError,
    Status,
    TestSpec,
    Tier,
    Verdict,
    grade,
)
from tests.sandbox.small_tasks import a_spec, graded


def error_of(verdict: Verdict) -> str:
    assert not verdict.resolved
    (test,) = verdict.tests
    assert test.status is Status.ERROR, test
    return test.detail


# Name -> (solution, test, what the report says). Each would hold in one process; in tier A it is refused aloud.
REFUSED = {
    "an object of the tests": (
        "def f(x): return 1",
        "def test(self):\n    class Mine: pass\n    m.f(Mine())",
        "a Mine of the tests cannot be passed to the solution",
    ),
    "a class derived from the solution's": (
        "class Base: pass",
        "def test(self):\n    class Mine(m.Base): pass",
        "the test class Mine derives from a class of the solution",
    ),
    "setting a name in the module": (
        "LIMIT = 1",
        "def test(self):\n    m.LIMIT = 2",
        "a test sets 'LIMIT' in the solution's module 'm'",
    ),
    "a number out of an operator with a value": (
        "class V:\n    def __sub__(self, other): return 0",
        "def test(self):\n    self.assertAlmostEqual(m.V(), 5)",
        "__sub__ of V with a value gave int, not the same class",
    ),
    "leaving": (
        "import sys\ndef f(): sys.exit(3)",
        "def test(self):\n    with self.assertRaises(SystemExit): m.f()",
        "the solution raised SystemExit",
    ),
    "an endless list": (
        "def f(): return range(10**9)[:]\ndef g(): return [0] * 2_000_000",
        "def test(self):\n    m.f()\n    m.g()",
        "a value of 2000000 items is over the limit",
    ),
    "a value that holds itself": (
        "def f():\n    x = []\n    x.append(x)\n    return x",
        "def test(self):\n    m.f()",
        "nested more than",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_cross_is_an_error_that_says_why(processes: Sandbox, case: str) -> None:
    solution, test, message = REFUSED[case]
    assert message in error_of(graded(processes, solution, a_spec(test)))


def test_a_test_that_swallows_what_could_not_be_asked_does_not_pass(processes: Sandbox) -> None:
    test = """
    def test(self):
        try: m.f()
        except BaseException: pass
    """
    assert "SystemExit" in error_of(graded(processes, "def f(): raise SystemExit", a_spec(test)))
    assert "ended" in error_of(graded(processes, "import os\ndef f(): os._exit(0)", a_spec(test)))


def test_the_solution_is_not_asked_whether_it_equals_a_value(processes: Sandbox) -> None:
    solution = """
    asked = []
    class Yes:
        def __eq__(self, other): asked.append(other); return True
        __lt__ = __contains__ = __add__ = __sub__ = __eq__
    def f(): return Yes()
    """
    test = """
    def test(self):
        self.assertFalse(m.f() == 3)
        self.assertFalse(3 == m.f())
        for wrong in (lambda: m.f() < 3, lambda: m.f() + 3, lambda: 3 - m.f(), lambda: 3 in m.f()):
            with self.assertRaises(TypeError): wrong()
        self.assertEqual(m.asked, [])
    """
    verdict = graded(processes, solution, a_spec(test))
    assert verdict.resolved, verdict


def test_an_operator_with_a_value_never_becomes_a_number(processes: Sandbox) -> None:
    solution = """
    class V:
        def __sub__(self, other): return self
        def __abs__(self): return 0
        def __bool__(self): return False
    """
    for expression in ("abs(m.V() - 3)", "bool(m.V() - 3)", "abs((m.V() - 3) - m.V())"):
        detail = error_of(graded(processes, solution, a_spec(f"def test(self):\n    {expression}")))
        assert "with a value gave" in detail or "__abs__" in detail or "__bool__" in detail


def test_a_skipped_test_is_not_a_pass(processes: Sandbox) -> None:
    test = "@unittest.skip('later')\ndef test(self): pass"
    for tier in (Tier.A, Tier.B):
        verdict = graded(processes, "", a_spec(test, tier=tier))
        assert not verdict.resolved
        assert [test.status for test in verdict.tests] == [Status.SKIPPED]


def test_no_tests_are_not_a_pass(processes: Sandbox) -> None:
    for tier in (Tier.A, Tier.B):
        verdict = graded(processes, "", a_spec("x = 1", tier=tier))
        assert (verdict.resolved, verdict.reason) == (False, "no tests ran")


def test_other_tests_than_the_expected_ones_are_not_a_pass(processes: Sandbox) -> None:
    spec = a_spec("def test(self): pass")
    assert graded(processes, "", replace(spec, expected=("m_test.T.test",))).resolved
    for expected in ((), ("m_test.T.other",), ("m_test.T.test", "m_test.T.other")):
        verdict = graded(processes, "", replace(spec, expected=expected))
        assert (verdict.resolved, verdict.reason) == (False, "the tests that ran are not the expected ones")


def test_only_the_declared_files_are_taken(processes: Sandbox) -> None:
    spec = a_spec("def test(self): self.assertEqual(m.VALUE, 1)")
    pristine = {"m.py": b"VALUE = 0\n", "data.py": b"VALUE = 1\n"}
    answer = {"m.py": b"from data import VALUE\n", "data.py": b"VALUE = 2\n"}
    assert grade(processes, spec, answer, pristine, name="test").resolved


def test_a_failing_subtest_fails_its_test(processes: Sandbox) -> None:
    test = """
    def test(self):
        for n in (1, 2):
            with self.subTest(n=n): self.assertEqual(n, 1)
    """
    verdict = graded(processes, "", a_spec(test))
    assert [test.status for test in verdict.tests] == [Status.FAILED]


def test_packages_and_several_modules(processes: Sandbox) -> None:
    test = b"""
import unittest
from shop.cart import Cart
import prices
class T(unittest.TestCase):
    def test(self):
        self.assertEqual(Cart([1, 2]).total(), prices.add(1, 2))
"""
    files = {
        "shop/__init__.py": b"",
        "shop/cart.py": b"from prices import add\nclass Cart:\n    def __init__(self, items): self.items = items\n"
        b"    def total(self): return add(*self.items)\n",
        "prices.py": b"def add(a, b): return a + b\n",
    }
    spec = TestSpec(
        solution_files=tuple(files),
        test_files={"deep/t_test.py": test},
        run=("deep/t_test.py",),
        modules=("shop.cart", "prices"),
    )
    for tier in (Tier.A, Tier.B):
        verdict = grade(processes, replace(spec, tier=tier), files, dict.fromkeys(files, b""), name="test")
        assert verdict.resolved, verdict
        assert [test.name for test in verdict.tests] == ["deep.t_test.T.test"]


def test_the_same_answer_gets_the_same_results(processes: Sandbox) -> None:
    spec = a_spec("def test(self): self.assertEqual(m.ORDER, m.ORDER)\ndef test_x(self): self.fail(m.ORDER)")
    solution = "ORDER = str(set('abcdefgh'))"
    first, second = graded(processes, solution, spec), graded(processes, solution, spec)
    assert first.tests == second.tests
    assert first.digests == second.digests
    assert set(first.digests) >= {"submission", "tests", "grader"}


def test_tier_c_takes_the_exit_status_and_says_that_it_is_weak(processes: Sandbox) -> None:
    spec = replace(a_spec("pass"), tier=Tier.C, command=("python3", "-c", "import m; assert m.VALUE"))
    right, wrong = graded(processes, "VALUE = 1", spec), graded(processes, "VALUE = 0", spec)
    assert (right.resolved, right.flags) == (True, ("weak",))
    assert (wrong.resolved, wrong.reason) == (False, "exit status 1")


def with_pytest(processes: Sandbox, test: str, solution: str = "", **files: str) -> Verdict:
    tests = {
        "m_test.py": textwrap.dedent(test).encode(),
        **{name: text.encode() for name, text in files.items()},
    }
    spec = replace(a_spec("pass", tier=Tier.B), framework=Framework.PYTEST, test_files=tests)
    return grade(processes, spec, {"m.py": solution.encode(), **STRANGE}, {"m.py": b""}, name="test")


STRANGE = {"conftest.py": b"1 / 0\n", "pytest.ini": b"[pytest]\naddopts = --collect-only\n"}
"""What an answer may leave beside its solution: not taken."""


def test_pytest_files_with_what_belongs_to_them(processes: Sandbox) -> None:
    test = """
    import pytest, sys
    from helpers.data import LIMIT
    import m
    @pytest.fixture
    def two(one): return one + 1
    @pytest.mark.parametrize("n", range(2))
    def test_fixtures(two, n, tmp_path, capsys, monkeypatch, recwarn):
        (tmp_path / "x").write_text(str(m.LIMIT))
        assert (tmp_path / "x").read_text() == str(LIMIT * two)
    class TestInClass:
        async_names = ["pytest_asyncio", "pytest_timeout", "xdist"]
        def test_no_plugins(self): assert not set(self.async_names) & set(sys.modules)
    """
    conftest = "import pytest\n@pytest.fixture\ndef one(): return 1\n"
    more = {"conftest.py": conftest, "helpers/__init__.py": "", "helpers/data.py": "LIMIT = 3\n"}
    verdict = with_pytest(processes, test, "LIMIT = 6\n", **more)
    names = ["m_test.test_fixtures[0]", "m_test.test_fixtures[1]", "m_test.TestInClass.test_no_plugins"]
    assert ([test.name for test in verdict.tests], verdict.digests["sentinels"]) == (
        names,
        "12 as expected",
    ), verdict
    assert [test.status for test in verdict.tests] == [Status.PASSED] * 3


@pytest.mark.parametrize(
    ("test", "status"),
    [
        ("@pytest.mark.skip\ndef test(): pass", Status.SKIPPED),
        ("def test(): pytest.skip('later')", Status.SKIPPED),
        ("@pytest.mark.xfail\ndef test(): assert 0", Status.SKIPPED),
        ("@pytest.mark.xfail\ndef test(): pass", Status.SKIPPED),
        ("@pytest.mark.xfail(strict=True)\ndef test(): pass", Status.FAILED),
        ("@pytest.fixture\ndef f():\n    yield\n    1 / 0\ndef test(f): pass", Status.ERROR),
        ("@pytest.fixture\ndef f(): 1 / 0\ndef test(f): pass", Status.ERROR),
        ("def test(subtests):\n    with subtests.test(): assert 0", Status.FAILED),
        ("def test(): raise SystemExit(0)", Status.FAILED),
        ("@pytest.mark.parametrize('x', ['" + "x" * 600 + "'])\ndef test(x): assert 0", Status.FAILED),
    ],
)
def test_only_a_pass_is_a_pass_with_pytest(processes: Sandbox, test: str, status: Status) -> None:
    verdict = with_pytest(processes, f"import pytest, m\n{test}\n")
    assert not verdict.resolved
    assert [test.status for test in verdict.tests] == [status], verdict
    assert verdict.flags == ()


class Answering:
    """A sandbox whose only box answers every command with one result: what a broken or bribed machine may say."""

    def __init__(self, real: Sandbox, result: ExecResult) -> None:
        self.level, self.digests, self._real, self._result = real.level, real.digests, real, result

    def open(self, spec: BoxSpec) -> Answering:
        assert spec.door is None
        assert spec.kind == "grade"
        return self

    def exec(self, *args: object, **kwargs: object) -> ExecResult:
        return self._result

    exec_pair = exec

    tools = "/tools"

    def path(self, area: str) -> str:
        return f"/{area}"

    def close(self) -> None: ...

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, *error: object) -> None: ...


@pytest.mark.parametrize(
    "stdout", [b"", b"Traceback", b'{"ready": true, "nonce": "other"}\n', b"python3: not found"]
)
@pytest.mark.parametrize("tier", [Tier.A, Tier.B])
def test_a_grading_program_that_never_starts_is_a_fault_of_the_machine(
    processes: Sandbox, tier: Tier, stdout: bytes
) -> None:
    broken = Answering(processes, ExecResult(exit_code=127, stdout=stdout))
    with pytest.raises(SandboxUnavailableError, match="did not start"):
        graded(broken, "", a_spec("pass", tier=tier))  # type: ignore[arg-type]
