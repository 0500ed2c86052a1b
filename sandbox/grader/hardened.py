"""Tier B: runs the hidden tests in the solution's own process, between sentinels.

Started as `main(config file, directory of tests, workspace, directory of pytest)`. What is reported here can
be forged by code that knows how; the sentinels, whose outcomes are known and whose names are made up for this
run, catch what rewrites results wholesale. The host judges, see `sandbox.verify`. Standard output carries
the two lines of `sandbox.reports`. Exit status: 0 all passed, 1 not all (the sentinels see to that).

pytest comes from a directory that only boxes which grade have, reads no configuration, loads no plugin by itself,
keeps no cache, and takes conftest files from among the hidden tests only.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from sandbox.grader.runner import MAX_DETAIL, Recorder, load_tests, silence, wait_until_read, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is not worth its import here
    from typing import Any

MAX_NAME = 500


class UnloadedError(Exception):
    """A test file could not be loaded."""


def main(config_path: str, directory: str, workspace: str, tools: str) -> None:
    with open(config_path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs as much as the rest
        config = json.load(file)
    out = silence()
    nonce: str = config["nonce"]
    if config["framework"] == "pytest":
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        sys.path.insert(0, tools)
        import pytest  # noqa: F401 - before anything of the solution can be imported
    write_line(out, {"ready": True, "nonce": nonce})
    wait_until_read(out)
    sys.path.insert(0, directory)
    sys.path.append(workspace)
    run = _pytest if config["framework"] == "pytest" else _unittest
    end, reason = "finished", ""
    try:
        tests = run(config["run"], directory)
    except BaseException as error:  # noqa: BLE001 - the solution may raise anything when it is imported
        tests, end, reason = [], "unloaded", str(error) if isinstance(error, UnloadedError) else _said(error)
    write_line(out, {"nonce": nonce, "tests": tests, "end": end, "reason": reason[:MAX_DETAIL]})
    passed = bool(tests) and all(status == "passed" for _, status, _ in tests)
    os._exit(0 if end == "finished" and passed else 1)


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001 - an exception of the solution that cannot be shown
        return type(error).__name__


def _unittest(files: Sequence[str], directory: str) -> list[list[str]]:
    recorder = Recorder()
    load_tests(files)(recorder)
    return recorder.lines()


class _Collector:
    """A pytest plugin that keeps each test's worst phase, and the first file that could not be loaded."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self.unloaded = ""

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self.unloaded:
            lines = str(report.longrepr or "").splitlines() or ["not collected"]
            self.unloaded = next((line[1:].strip() for line in lines if line[:1] == "E"), lines[-1])

    def pytest_runtest_logreport(self, report: Any) -> None:
        status = "skipped" if report.skipped or hasattr(report, "wasxfail") else "passed"
        if report.failed:
            status = "failed" if report.when == "call" else "error"
        if report.when == "call" or status != "passed":
            name = _name(report.nodeid)
            if self.found.get(name, ["", "passed"])[1] == "passed":
                self.found[name] = [name, status, " ".join(str(report.longrepr or "").split())[-MAX_DETAIL:]]


def _name(node: str) -> str:
    """The id of a test in the form that unittest gives; what stands in brackets stays."""
    place, bracket, values = node.partition("[")
    name = place.replace(".py::", ".").replace("::", ".").replace("/", ".") + bracket + values
    if len(name) <= MAX_NAME:
        return name
    from hashlib import sha256

    return f"{name[: MAX_NAME - 70]}...{sha256(name.encode('utf-8', 'replace')).hexdigest()}"


def _pytest(files: Sequence[str], directory: str) -> list[list[str]]:
    import pytest

    collector = _Collector()
    options = ["-c", os.devnull, "--rootdir", directory, "--confcutdir", directory, "--import-mode=prepend"]
    options += ["--continue-on-collection-errors", "-q", "-p", "no:cacheprovider", "-p", "no:pastebin"]
    status = pytest.main([*options, *(f"{directory}/{file}" for file in files)], plugins=[collector])
    if collector.unloaded or status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise UnloadedError(collector.unloaded or f"pytest ended with {status!r}")
    return list(collector.found.values())
