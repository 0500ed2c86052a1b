"""What the programs inside a grading box report, read as something that may have been forged.

Such a program writes two lines of JSON: first `{"ready": ..., "nonce": ...}`, before anything of the
solution is loaded, then the report. A first line that is missing says that the machine failed; anything
wrong after it is held against the solution.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

MAX_TESTS = 5000
MAX_NAME = 500
MAX_DETAIL = 500


class Status(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


class End(StrEnum):
    """How a test run came to its end."""

    FINISHED = "finished"
    TIMED_OUT = "timed_out"
    BROKEN = "broken"
    """The solution ended, or broke the rules of the channel, before all tests had run."""
    UNLOADED = "unloaded"
    """A test file could not be imported, for the most part because the solution could not."""


@dataclass(frozen=True, kw_only=True)
class TestReport:
    """One test. `detail` is one line for those who write tasks; it may quote tests: never for agents."""

    __test__ = False  # not a pytest class

    name: str
    status: Status
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole test run. `reason` says why it ended when it did not finish."""

    tests: tuple[TestReport, ...]
    end: End
    reason: str = ""


class ReportError(Exception):
    """What came is not a report."""


def ready_line(raw: bytes, nonce: str) -> bool:
    """Whether the program in the box got as far as its first line."""
    try:
        first = _object(raw.split(b"\n", 1)[0])
    except ReportError:
        return False
    return first == {"ready": True, "nonce": nonce}


def parse_report(raw: bytes, nonce: str) -> Report:
    """Read the report on the second and last line; anything else raises `ReportError`."""
    lines = raw.split(b"\n")
    if len(lines) != 3 or lines[2] != b"":
        raise ReportError(f"expected two lines, got {len(lines) - 1}")
    report = _object(lines[1])
    if set(report) != {"nonce", "tests", "end", "reason"}:
        raise ReportError(f"unexpected fields: {sorted(report)}"[:MAX_DETAIL])
    if report["nonce"] != nonce:
        raise ReportError("wrong nonce")
    end, reason, tests = report["end"], report["reason"], report["tests"]
    if not isinstance(end, str) or end not in set(End):
        raise ReportError("unknown end")
    if not isinstance(reason, str) or len(reason) > MAX_DETAIL:
        raise ReportError("bad reason")
    if not isinstance(tests, list) or len(tests) > MAX_TESTS:
        raise ReportError("bad list of tests")
    return Report(tests=tuple(_test(test) for test in tests), end=End(end), reason=reason)


def _test(test: object) -> TestReport:
    if not isinstance(test, list) or len(test) != 3 or not all(isinstance(part, str) for part in test):
        raise ReportError("bad test")
    name, status, detail = test
    if not 0 < len(name) <= MAX_NAME or status not in set(Status) or len(detail) > MAX_DETAIL:
        raise ReportError("bad test")
    return TestReport(name=name, status=Status(status), detail=detail)


def _object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
        if b"\\ud" in line or b"\\uD" in line:  # else text that no archive can hold could come in
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ReportError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(value, dict):
        raise ReportError("not a JSON object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ReportError("a key stands twice")
    return dict(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ReportError(f"{constant} is not a number here")
