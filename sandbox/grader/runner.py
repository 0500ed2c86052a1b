"""Running unittest files and recording each test once: shared by the tiers A and B."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import termios
import time
import unittest
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is not worth its import here
    from typing import Any

MAX_DETAIL = 300


class Recorder(unittest.TestResult):
    """One status for each test id: the first that is not a pass stays.

    An expected failure is `skipped` and an unexpected success is `failed`: neither shows that a rule is kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, tuple[str, str]] = {}

    def problem(self) -> str | None:
        """Why a pass of the test that just ran must not count."""
        return None

    def lines(self) -> list[list[str]]:
        return [[name, status, detail] for name, (status, detail) in self.found.items()]

    def all_passed(self) -> bool:
        return bool(self.found) and all(status == "passed" for status, _ in self.found.values())

    def _record(self, test: Any, status: str, detail: str = "") -> None:
        name = test.id()
        if self.found.get(name, ("passed", ""))[0] == "passed":
            self.found[name] = (status, detail[:MAX_DETAIL])

    def addSuccess(self, test: Any) -> None:
        problem = self.problem()
        self._record(test, "passed" if problem is None else "error", problem or "")

    def addFailure(self, test: Any, err: Any) -> None:
        self._record(test, "failed", _one_line(err))

    def addError(self, test: Any, err: Any) -> None:
        self._record(test, "error", _one_line(err))

    def addSkip(self, test: Any, reason: str) -> None:
        self._record(test, "skipped", reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self._record(test, "skipped", "failed as expected")

    def addUnexpectedSuccess(self, test: Any) -> None:
        self._record(test, "failed", "succeeded unexpectedly")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            status = "failed" if issubclass(err[0], test.failureException) else "error"
            self._record(test, status, _one_line(err))


def _one_line(err: Any) -> str:
    try:
        text = f"{err[0].__name__}: {err[1]}".removesuffix(": ")
    except BaseException as error:  # noqa: BLE001 - an exception of the solution that cannot be shown
        text = f"{err[0].__name__} ({type(error).__name__} while showing it)"
    return " ".join(text[: 2 * MAX_DETAIL].split())


def load_tests(files: Sequence[str]) -> unittest.TestSuite:
    """The tests of files that lie on the import path, in the order of the files."""
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for file in files:
        module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
        suite.addTest(loader.loadTestsFromModule(module))
    return suite


def silence() -> int:
    """Send standard output and error nowhere; gives a descriptor of the old standard output."""
    out = os.dup(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(quiet, fd)
    return out


def wait_until_read(fd: int) -> None:
    """Return when nothing that was written to this pipe is left in it.

    Whoever holds the writing end of a pipe can open it for reading: a solution must not take back a line of ours.
    """
    try:
        while any(fcntl.ioctl(fd, termios.FIONREAD, bytes(4))):
            time.sleep(0.0005)
    except OSError:
        return  # no pipe


def write_line(fd: int, value: object) -> None:
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    while data:
        data = data[os.write(fd, data) :]
