"""Tier B: runs the hidden tests in the solution's own process, between sentinels.

Started as `main(config file, directory of tests, workspace)`. What is reported here can be forged by code
that knows how; the sentinels, which must pass, fail or err by names made up for this run, catch what
rewrites results wholesale. The host judges, see `sandbox.verify`. Standard output carries the two lines of
`sandbox.reports`. Exit status: 0 all passed, 1 not all (the sentinels see to that), 3 the test framework is
not installed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from sandbox.grader.runner import MAX_DETAIL, Recorder, load_tests, silence, write_line

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is not worth its import here
    from typing import Any

NOT_STARTED = 3


def main(config_path: str, directory: str, workspace: str) -> None:
    with open(config_path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs as much as the rest
        config = json.load(file)
    out = silence()
    nonce: str = config["nonce"]
    if config["framework"] == "pytest":
        try:
            import pytest  # noqa: F401
        except ImportError:
            os._exit(NOT_STARTED)
    write_line(out, {"ready": True, "nonce": nonce})
    sys.path.insert(0, directory)
    sys.path.append(workspace)
    run = _pytest if config["framework"] == "pytest" else _unittest
    end, reason = "finished", ""
    try:
        tests = run(config["run"], directory)
    except BaseException as error:  # noqa: BLE001 - the solution may raise anything when it is imported
        tests, end, reason = [], "unloaded", f"{type(error).__name__}: {error}"
    write_line(out, {"nonce": nonce, "tests": tests, "end": end, "reason": reason[:MAX_DETAIL]})
    passed = bool(tests) and all(status == "passed" for _, status, _ in tests)
    os._exit(0 if end == "finished" and passed else 1)


def _unittest(files: Sequence[str], directory: str) -> list[list[str]]:
    recorder = Recorder()
    load_tests(files)(recorder)
    return recorder.lines()


class _Collector:
    """A pytest plugin that keeps each test's worst phase."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.found[report.nodeid] = [report.nodeid, "error", "not collected"]

    def pytest_runtest_logreport(self, report: Any) -> None:
        status = "skipped" if report.skipped or hasattr(report, "wasxfail") else "passed"
        if report.failed:
            status = "failed" if report.when == "call" else "error"
        if report.when == "call" or status != "passed":
            name = report.nodeid.replace(".py::", ".").replace("::", ".").replace("/", ".")
            if self.found.get(name, ["", "passed"])[1] == "passed":
                self.found[name] = [name, status, str(report.longrepr or "")[-MAX_DETAIL:]]


def _pytest(files: Sequence[str], directory: str) -> list[list[str]]:
    import pytest

    collector = _Collector()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", directory, "--confcutdir", directory]
    options += ["--import-mode=prepend", "--noconftest", "-q"]
    pytest.main([*options, *(f"{directory}/{file}" for file in files)], plugins=[collector])
    return list(collector.found.values())
