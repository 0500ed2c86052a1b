from __future__ import annotations

import json

import pytest

from sandbox.reports import End, ReportError, Status, TestReport, parse_report, ready_line

READY = json.dumps({"ready": True, "nonce": "n"}).encode() + b"\n"


def a_report(**changes: object) -> bytes:
    report = {"nonce": "n", "tests": [["m.T.test", "passed", ""]], "end": "finished", "reason": "", **changes}
    return READY + json.dumps(report).encode() + b"\n"


def test_a_whole_report_is_read() -> None:
    report = parse_report(a_report(), "n")
    assert report.tests == (TestReport(name="m.T.test", status=Status.PASSED),)
    assert report.end is End.FINISHED


def test_the_first_line_says_whether_the_program_started() -> None:
    assert ready_line(READY, "n")
    for raw in (b"", b"\n" + READY, b"{}\n", b"[" * 10_000, READY.replace(b'"n"', b'"m"')):
        assert not ready_line(raw, "n")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        READY,
        a_report()[:-1],
        a_report() + b"\n",
        a_report() + a_report(),
        b"OK\n" + a_report(),
        READY + b"not json\n",
        READY + b"[]\n",
        READY + b"[" * 100_000 + b"\n",
        a_report(nonce="m"),
        a_report(extra=1),
        a_report(tests={}),
        a_report(tests=[["m.T.test", "passed"]]),
        a_report(tests=[["m.T.test", "resolved", ""]]),
        a_report(tests=[["", "passed", ""]]),
        a_report(tests=[["t" * 501, "passed", ""]]),
        a_report(tests=[["m.T.test", "passed", "x" * 501]]),
        a_report(tests=[["m.T.test", "passed", ""]] * 5001),
        a_report(tests=[["m.T.test", True, ""]]),
        a_report(end="whatever"),
        a_report(end=1),
        a_report(reason=float("nan")),
        a_report().replace(b'"reason"', b'"end": "finished", "reason"'),
    ],
)
def test_anything_else_is_no_report(raw: bytes) -> None:
    with pytest.raises(ReportError):
        parse_report(raw, "n")
