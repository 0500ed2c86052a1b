"""The trusted side of tier A: runs the hidden tests and reports what happened.

Started as `main(config file, directory of tests)` with the channel as file descriptor 3. Where the tests
import a module under test, they get stand-ins from `proxies`. Standard output carries the two lines of
`sandbox.reports` and nothing else; what tests print goes nowhere. Exit status: 0 all tests passed, 1 not
all, 3 the other side never started.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
import time
import types
from collections.abc import Sequence
from importlib.machinery import ModuleSpec

from sandbox.grader.proxies import RemoteType, SolutionFault, UncrossableError
from sandbox.grader.remote import Remote
from sandbox.grader.runner import Recorder, load_tests, silence, write_line
from sandbox.grader.wire import Channel, WireError

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is not worth its import here
    from typing import Any

CHANNEL_FD = 3
NOT_STARTED = 3


class ProxyModule(types.ModuleType):
    """A module under test: each name is asked of the solution's side when a test asks for it."""

    def __init__(self, name: str, remote: Remote) -> None:
        super().__init__(name)
        self.__dict__["<remote>"] = remote

    def __getattr__(self, name: str) -> Any:
        remote: Remote = self.__dict__["<remote>"]
        handle = self.__dict__.get("<handle>")
        if handle is None or (name.startswith("__") and name.endswith("__") and name != "__all__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name == "__all__":
            return _importable(remote.do("names", handle), sys._getframe(1).f_globals)
        value = remote.do("get", handle, name)
        if isinstance(value, RemoteType):
            remote.taken.add(value.__dict__["<number>"])
        return value

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("__") and not isinstance(value, ProxyModule):
            raise UncrossableError(f"a test sets {name!r} in the solution's module {self.__name__!r}")
        super().__setattr__(name, value)


def _importable(names: object, there: dict[str, Any]) -> list[str]:
    """What `import *` may bring into a test file: nothing that stands in it or in Python by that name already."""
    if type(names) is not list or not all(type(name) is str for name in names):
        raise UncrossableError("the solution's `__all__` is no list of names")
    taken = {*there, *vars(builtins), "load_tests", "setUpModule", "tearDownModule"}
    return [name for name in names if name not in taken and not name.startswith("__")]


class Finder:
    """Gives proxies for the modules under test, and for the packages that they lie in.

    Finder and loader by their methods only: importing the base classes costs more than all the rest here.
    """

    def __init__(self, modules: Sequence[str], remote: Remote) -> None:
        self._names = {".".join(m.split(".")[: n + 1]) for m in modules for n in range(m.count(".") + 1)}
        self._remote = remote

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._names:
            return None
        package = any(other.startswith(name + ".") for other in self._names)
        loader: Any = self
        return ModuleSpec(name, loader, is_package=package)

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return ProxyModule(spec.name, self._remote)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__["<handle>"] = self._remote.do("import", module.__name__)


class WatchedRecorder(Recorder):
    """A pass does not count where the channel broke, or something could not be asked, while the test ran."""

    remote: Remote
    outside: str | None = None
    """What happened while no test ran (a file was loaded, a class set up): it counts against all that follow."""

    def startTest(self, test: Any) -> None:
        self.outside = self.outside or self.remote.strain
        self.remote.strain = None
        super().startTest(test)

    def stopTest(self, test: Any) -> None:
        self.remote.strain = None
        super().stopTest(test)

    def problem(self) -> str | None:
        return self.remote.broken or self.remote.strain or self.outside


def main(config_path: str, tests: str) -> None:
    with open(config_path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs as much as the rest
        config = json.load(file)
    out = silence()
    nonce: str = config["nonce"]
    write_line(out, {"ready": True, "nonce": nonce})
    deadline = time.monotonic() + config["seconds"]
    channel = Channel(CHANNEL_FD, deadline)
    try:
        channel.send([nonce, 0, "start", nonce])
        if channel.receive() != [nonce, 0, "ready"]:
            raise WireError("the solution's side does not answer as it should")
    except WireError as error:
        write_line(out, {"machine": str(error)})
        os._exit(NOT_STARTED)
    remote = Remote(channel, nonce, tests)
    recorder = WatchedRecorder()
    recorder.remote = remote
    sys.meta_path.insert(0, Finder(config["modules"], remote))
    sys.path.insert(0, tests)
    end, reason = "finished", ""
    try:
        suite = load_tests(config["run"])
        try:
            suite(recorder)
        except (SolutionFault, UncrossableError) as error:
            end, reason = "broken", str(error)
    except BaseException as error:  # noqa: BLE001 - a test file may raise anything when it is imported
        end, reason = "unloaded", f"{type(error).__name__}: {error}"
    if remote.broken is not None:
        end, reason = ("timed_out" if remote.timed_out else "broken"), remote.broken
    write_line(out, {"nonce": nonce, "tests": recorder.lines(), "end": end, "reason": reason[:300]})
    os._exit(0 if end == "finished" and recorder.all_passed() else 1)
