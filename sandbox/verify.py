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

from sandbox.ablation import NotRevertibleError, reverted
from sandbox.base import MEET, Box, BoxSpec, ExecResult, Files, Limits, Sandbox
from sandbox.errors import SandboxUnavailableError
from sandbox.reports import End, Report, ReportError, Status, TestReport, parse_report, ready_line
from sandbox.sentinels import sentinels, wrong
from sandbox.testspec import TestSpec, Tier, files_digest

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
    cannot be honest), `ablation` (tier B: tests pass without the solution's code, or that could not be found out),
    `weak` (tier C), `disagree` (report and exit status contradict each other), `no_report`. `digests` says what the
    verdict rests on, and in tier B how its controls went (`sentinels`, `ablation`).
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
    match spec.tier:
        case Tier.A:
            verdict = _tier_a(sandbox, spec, workspace, name, limits)
        case Tier.B:
            verdict = _tier_b(sandbox, spec, workspace, name, limits)
            if verdict.resolved:
                verdict = _controlled(verdict, sandbox, spec, workspace, pristine, name, limits)
        case Tier.C:
            verdict = _tier_c(sandbox, spec, workspace, name, limits)
    ours = {"submission": files_digest(submission), "tests": spec.digest, "grader": grader_digest()}
    return replace(verdict, digests={**sandbox.digests, **ours, **verdict.digests})


def _tier_a(sandbox: Sandbox, spec: TestSpec, workspace: Files, name: str, limits: Limits) -> Verdict:
    nonce = secrets.token_hex(16)
    config = {"nonce": nonce, "run": spec.run, "modules": spec.modules, "seconds": spec.seconds}
    box_spec = BoxSpec(
        name=name,
        kind="grade",
        workspace=workspace,
        areas={"grader": _program("wire.py", "solution_host.py")},
        private={
            "driver": _program("wire.py", "proxies.py", "remote.py", "runner.py", "driver.py"),
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


def _tier_b(sandbox: Sandbox, spec: TestSpec, workspace: Files, name: str, limits: Limits) -> Verdict:
    nonce = secrets.token_hex(16)
    before, after = sentinels(spec.framework), sentinels(spec.framework)
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
        arguments = (f"{box.path('run')}/config.json", box.path("tests"), box.path("workspace"), box.tools)
        command = _python(box, "grader", "hardened", *arguments)
        result = box.exec(command, env=_ENVIRONMENT, area="tests", seconds=spec.seconds)
    return _judge(spec, result, nonce, {**before.expected, **after.expected})


def _controlled(
    verdict: Verdict,
    sandbox: Sandbox,
    spec: TestSpec,
    workspace: Files,
    pristine: Files,
    name: str,
    limits: Limits,
) -> Verdict:
    """A pass of tier B, after the same run in another box without the solution's definitions."""
    try:
        without = reverted(spec, workspace, pristine)
    except NotRevertibleError as error:
        reason, found = f"the pass could not be controlled: {error}", "not done"
        return replace(
            verdict, resolved=False, reason=reason, flags=("ablation",),
            digests={**verdict.digests, "ablation": found},
        )  # fmt: skip
    control = _tier_b(sandbox, spec, without, name, limits)
    asked = {test.name for test in verdict.tests} - set(spec.given)
    passed = sum(test.name in asked and _passed(test) for test in control.tests)
    digests = {**verdict.digests, "ablation": f"{passed} of {len(asked)} tests pass without the solution"}
    verdict = replace(verdict, digests=digests, seconds=verdict.seconds + control.seconds)
    if passed:
        reason = "tests pass without the solution's code"
        return replace(verdict, resolved=False, reason=reason, flags=("ablation",))
    if "sentinel" in control.flags:
        return replace(verdict, resolved=False, reason=control.reason, flags=("ablation", "sentinel"))
    return verdict


def _tier_c(sandbox: Sandbox, spec: TestSpec, workspace: Files, name: str, limits: Limits) -> Verdict:
    box_spec = BoxSpec(name=name, kind="grade", workspace={**workspace, **spec.test_files}, limits=limits)
    with sandbox.open(box_spec) as box:
        result = box.exec(spec.command, env=_ENVIRONMENT, seconds=spec.seconds)
    verdict = Verdict(resolved=result.exit_code == 0, tier=Tier.C, flags=("weak",), seconds=result.seconds)
    return verdict if verdict.resolved else _ended(verdict, result, f"exit status {result.exit_code}")


def _judge(
    spec: TestSpec, result: ExecResult, nonce: str, guards: Mapping[str, Status] | None = None
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
    real = report.tests
    misled = 0
    if guards is not None:
        real = tuple(test for test in report.tests if test.name not in guards)
        misled = wrong(guards, report.tests)
        said = f"{misled} of {len(guards)} not as expected" if misled else f"{len(guards)} as expected"
        verdict = replace(verdict, digests={"sentinels": said if _finished(report) else "not all ran"})
    if report.end is End.UNLOADED:
        real += (TestReport(name=LOADING, status=Status.ERROR, detail=report.reason),)
    verdict = replace(verdict, tests=real, timed_out=report.end is End.TIMED_OUT or result.timed_out)
    if misled and _finished(report):
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
def grader_digest() -> str:
    """Of all code that decides a verdict, in the boxes and here."""
    here = [
        _PROGRAMS.parent / f"{name}.py" for name in ("verify", "reports", "sentinels", "ablation", "testspec")
    ]
    return files_digest({path.name: path.read_bytes() for path in [*_PROGRAMS.glob("*.py"), *here]})


def _python(box: Box, area: str, module: str, *arguments: str) -> list[str]:
    """A Python without user site, current directory or byte code, that runs `main` of one program."""
    start = f"import sys\nsys.path.insert(0, {box.path(area)!r})\nfrom sandbox.grader.{module} import main\n"
    start += f"del sys.path[0]{MEET}main{arguments!r}"
    return ["python3", "-P", "-s", "-B", "-S", "-c", start]
