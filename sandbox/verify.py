"""Grading: an answer's solution files, the hidden tests and a fresh box in; a verdict out.

The verdict is computed here, from what the box reported and how its command ended, which must agree. A
failure of the machine raises `SandboxError`; whatever the solution does gives a verdict.
"""

from __future__ import annotations

import json
import marshal
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

from sandbox.base import Box, BoxSpec, ExecResult, Files, Limits, Sandbox
from sandbox.errors import SandboxUnavailableError
from sandbox.reports import End, Report, ReportError, Status, TestReport, parse_report, ready_line
from sandbox.testspec import Framework, TestSpec, Tier, files_digest

GRACE = 5.0
"""Seconds between the driver's own deadline and the moment when the box is killed."""

LOADING = "(loading)"
"""Name of the test result that says why the tests could not be loaded."""

_PROGRAMS = Path(__file__).parent / "grader"
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8"}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What grading says of one answer. `reason` is one line that quotes no test; empty when resolved.

    `tests` are all hidden tests that were seen. `flags` are for audits: `sentinel` (tier B: a result that
    cannot be honest), `weak` (tier C), `disagree` (report and exit status contradict each other),
    `no_report`.
    """

    resolved: bool
    reason: str = ""
    tier: Tier
    tests: tuple[TestReport, ...] = ()
    timed_out: bool = False
    out_of_memory: bool = False
    flags: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def grade(
    sandbox: Sandbox,
    spec: TestSpec,
    answer: Files,
    pristine: Files,
    *,
    name: str,
    limits: Limits | None = None,
) -> Verdict:
    """Run the hidden tests of `spec` over an answer in a fresh box without a door.

    Of `answer` only the declared solution files are taken, everything else is the task's own `pristine`
    workspace; a solution file that the answer does not have is the pristine stub. `name` labels the box.
    """
    submission = {path: answer[path] for path in spec.solution_files if path in answer}
    workspace = {**pristine, **submission}
    limits = replace(limits or Limits(), seconds=spec.seconds + GRACE)
    nonce = secrets.token_hex(16)
    run = {Tier.A: _tier_a, Tier.B: _tier_b, Tier.C: _tier_c}[spec.tier]
    verdict = run(sandbox, spec, workspace, name, limits, nonce)
    ours = {"submission": files_digest(submission), "tests": spec.digest, "grader": _digest()}
    return replace(verdict, digests={**sandbox.digests, **ours})


def _tier_a(
    sandbox: Sandbox, spec: TestSpec, workspace: Files, name: str, limits: Limits, nonce: str
) -> Verdict:
    config = {"nonce": nonce, "run": spec.run, "modules": spec.modules, "seconds": spec.seconds}
    box_spec = BoxSpec(
        name=name,
        kind="grade",
        workspace=workspace,
        areas={"grader": _program("wire.py", "solution_host.py")},
        private={
            "driver": _program("wire.py", "proxies.py", "runner.py", "driver.py"),
            "tests": spec.test_files,
            "run": {"config.json": json.dumps(config).encode()},
        },
        limits=limits,
    )
    with sandbox.open(box_spec) as box:
        trusted = _python(box, "driver", "driver", f"{box.path('run')}/config.json", box.path("tests"))
        untrusted = _python(box, "grader", "solution_host", box.path("workspace"))
        result = box.exec_pair(trusted, untrusted, env=_ENVIRONMENT)
    return _judge(spec, result, nonce)


def _tier_b(
    sandbox: Sandbox, spec: TestSpec, workspace: Files, name: str, limits: Limits, nonce: str
) -> Verdict:
    before, after = _sentinels(spec.framework), _sentinels(spec.framework)
    tests = {**spec.test_files, before.file: before.source, after.file: after.source}
    config = {"nonce": nonce, "run": [before.file, *spec.run, after.file], "framework": str(spec.framework)}
    box_spec = BoxSpec(
        name=name,
        kind="grade",
        workspace=workspace,
        areas={
            "grader": _program("runner.py", "hardened.py"),
            "tests": tests,
            "run": {"config.json": json.dumps(config).encode()},
        },
        limits=limits,
    )
    with sandbox.open(box_spec) as box:
        arguments = (f"{box.path('run')}/config.json", box.path("tests"), box.path("workspace"))
        command = _python(box, "grader", "hardened", *arguments, site=spec.framework is Framework.PYTEST)
        result = box.exec(command, env=_ENVIRONMENT, area="tests", seconds=spec.seconds)
    if spec.framework is Framework.PYTEST and result.exit_code == 3 and not result.stdout:
        raise SandboxUnavailableError("the boxes of this sandbox have no pytest, which these tests need")
    return _judge(spec, result, nonce, {**before.expected, **after.expected})


def _tier_c(
    sandbox: Sandbox, spec: TestSpec, workspace: Files, name: str, limits: Limits, nonce: str
) -> Verdict:
    box_spec = BoxSpec(name=name, kind="grade", workspace={**workspace, **spec.test_files}, limits=limits)
    with sandbox.open(box_spec) as box:
        result = box.exec(spec.command, env=_ENVIRONMENT, seconds=spec.seconds)
    verdict = Verdict(resolved=result.exit_code == 0, tier=Tier.C, flags=("weak",), seconds=result.seconds)
    return verdict if verdict.resolved else _ended(verdict, result, f"exit status {result.exit_code}")


def _judge(
    spec: TestSpec, result: ExecResult, nonce: str, sentinels: Mapping[str, Status] | None = None
) -> Verdict:
    """The verdict on one run in tier A or B."""
    if not ready_line(result.stdout, nonce):
        said = ascii((result.stderr or result.stdout)[-300:].decode("utf-8", "replace"))
        raise SandboxUnavailableError(
            f"the grading program did not start (exit status {result.exit_code}, it said {said})"
        )
    verdict = Verdict(resolved=False, tier=spec.tier, seconds=result.seconds)
    try:
        report = parse_report(result.stdout, nonce)
    except ReportError as error:
        if _machine_fault(spec, result):
            raise SandboxUnavailableError("the process that holds the solution did not start") from None
        return _ended(replace(verdict, flags=("no_report",)), result, f"the run left no report ({error})")
    sentinels = sentinels or {}
    real = tuple(test for test in report.tests if test.name not in sentinels)
    if report.end is End.UNLOADED:
        real += (TestReport(name=LOADING, status=Status.ERROR, detail=report.reason),)
    verdict = replace(verdict, tests=real, timed_out=report.end is End.TIMED_OUT or result.timed_out)
    if {t.name: t.status for t in report.tests if t.name in sentinels} != sentinels and _finished(report):
        return replace(verdict, reason="the results contradict the sentinels", flags=("sentinel",))
    all_passed = _finished(report) and bool(report.tests) and all(_passed(t) for t in report.tests)
    if result.exit_code != (0 if all_passed else 1):
        reason = f"exit status {result.exit_code} contradicts the report"
        return _ended(replace(verdict, flags=("disagree",)), result, reason)
    reason = _unmet(spec, report, real)
    return replace(verdict, resolved=not reason, reason=reason)


def _unmet(spec: TestSpec, report: Report, tests: tuple[TestReport, ...]) -> str:
    """Why these results do not resolve the task; empty when they do."""
    if report.end is End.TIMED_OUT:
        return f"the tests did not finish within {spec.seconds:g} s"
    if report.end is End.BROKEN:
        return f"the run broke off: {report.reason}"
    if report.end is End.UNLOADED:
        return "the tests could not be loaded with this solution"
    if not tests:
        return "no tests ran"
    names = [test.name for test in tests]
    if len(set(names)) != len(names) or (spec.expected is not None and set(names) != set(spec.expected)):
        return "the tests that ran are not the expected ones"
    missed = [test for test in tests if not _passed(test)]
    return f"{len(missed)} of {len(tests)} tests did not pass" if missed else ""


def _finished(report: Report) -> bool:
    return report.end is End.FINISHED


def _passed(test: TestReport) -> bool:
    return test.status is Status.PASSED


def _machine_fault(spec: TestSpec, result: ExecResult) -> bool:
    """In tier A the driver is ours, and its second line says when the other side never came up."""
    return spec.tier is Tier.A and result.exit_code == 3 and b'\n{"machine": ' in result.stdout


def _ended(verdict: Verdict, result: ExecResult, otherwise: str) -> Verdict:
    """The same verdict with the reason that the end of the command gives, if it gives one."""
    if result.out_of_memory:
        return replace(verdict, out_of_memory=True, reason="the tests ran out of memory")
    if result.timed_out:
        return replace(verdict, timed_out=True, reason="the tests did not finish in time")
    return replace(verdict, reason=otherwise)


@dataclass(frozen=True, kw_only=True)
class _Sentinels:
    file: str
    source: bytes
    expected: Mapping[str, Status]


def _sentinels(framework: Framework) -> _Sentinels:
    """A test file whose names nobody knows before the run, with outcomes that are known."""
    module, cls = f"test_{secrets.token_hex(6)}", f"Test{secrets.token_hex(6)}"
    number = secrets.randbelow(1 << 30)
    # pytest calls every exception in a test a failure.
    error = Status.FAILED if framework is Framework.PYTEST else Status.ERROR
    bodies = [
        (f"self.assertEqual({number}, {number} + 1)", Status.FAILED),
        (f"self.assertTrue({number} < 0)", Status.FAILED),
        (f"raise RuntimeError({number})", error),
        (f"self.assertEqual({number}, {number})", Status.PASSED),
    ]
    secrets.SystemRandom().shuffle(bodies)
    tests = {f"test_{secrets.token_hex(6)}": body for body in bodies}
    lines = ["import unittest", f"class {cls}(unittest.TestCase):"]
    for test, (body, _) in tests.items():
        lines += [f"    def {test}(self):", f"        {body}"]
    return _Sentinels(
        file=f"{module}.py",
        source="\n".join([*lines, ""]).encode(),
        expected={f"{module}.{cls}.{test}": status for test, (_, status) in tests.items()},
    )


@cache
def _program(*files: str) -> Files:
    """Our programs as a package of their own: no module of a solution or test can take their place.

    With byte code, so that a box whose interpreter is of our version need not compile them for each grade.
    """
    program = {"sandbox/__init__.py": b"", "sandbox/grader/__init__.py": b""}
    for file in files:
        source = (_PROGRAMS / file).read_bytes()
        code = marshal.dumps(compile(source, f"grader/{file}", "exec", dont_inherit=True, optimize=0))
        head = (
            MAGIC_NUMBER + (1).to_bytes(4, "little") + source_hash(source)
        )  # 1: not checked against the source
        name = f"{Path(file).stem}.{sys.implementation.cache_tag}.pyc"
        program |= {f"sandbox/grader/{file}": source, f"sandbox/grader/__pycache__/{name}": head + code}
    return program


@cache
def _digest() -> str:
    return files_digest({path.name: path.read_bytes() for path in _PROGRAMS.glob("*.py")})


def _python(box: Box, area: str, module: str, *arguments: str, site: bool = False) -> list[str]:
    """A Python without user site, current directory or byte code, that runs `main` of one program."""
    start = f"import sys\nsys.path.insert(0, {box.path(area)!r})\nfrom sandbox.grader.{module} import main\n"
    start += f"del sys.path[0]\nmain{arguments!r}"
    return ["python3", "-P", "-s", "-B", *([] if site else ["-S"]), "-c", start]
