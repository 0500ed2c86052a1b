"""The bare process level: tidy timeouts, output caps, an empty environment, for code already trusted.

It isolates nothing: a command sees the user's files and network. It is there so that the project's own
scripted agents run where neither an engine nor bubblewrap is to be had. Each box is a temporary directory;
`init.py` runs each command in a session of its own and, as the reaper of its orphans, kills what it leaves
behind.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.base import BoxSpec, ExecResult, Files, Level, Limits
from sandbox.errors import BoxEndedError, InvalidSpecError, SandboxUnavailableError
from sandbox.local import init
from sandbox.local.runtime import Runtime, runtime
from sandbox.local.watch import (
    Capture,
    kill_group,
    members,
    pipe,
    read_report,
    result_of,
    rlimits,
    watch,
)
from sandbox.place import Place, remove_tree
from sandbox.spec import checked
from sandbox.transfer import Caps, below, repack

WEAKNESSES = "no isolation at all: commands see the files and the network of the user who runs the search"


class ProcessSandbox:
    def __init__(self, *, cache: Path | None = None, place: Place | None = None) -> None:
        self._runtime = runtime(cache)
        self._digests = {"runtime": self._runtime.digest, "weak": WEAKNESSES}
        place = place or Place()
        place.sweep()
        self._holding = place.hold()
        self._boxes: set[ProcessBox] = set()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def level(self) -> Level:
        return Level.PROCESS

    @property
    def digests(self) -> Mapping[str, str]:
        return self._digests

    def note(self, facts: Mapping[str, str]) -> None:
        """Tell these facts in `digests` too."""
        self._digests = {**self._digests, **facts}

    def open(self, spec: BoxSpec) -> ProcessBox:
        box = ProcessBox(checked(spec), self._runtime, self._holding.path, self._forget)
        with self._lock:
            self._boxes.add(box)
            closed = self._closed
        if closed:
            box.close()
            raise SandboxUnavailableError("this sandbox was closed")
        return box

    def close(self) -> None:
        with self._lock:
            self._closed = True
            boxes = list(self._boxes)
        for box in boxes:
            box.close()
        self._holding.release()

    def _forget(self, box: ProcessBox) -> None:
        with self._lock:
            self._boxes.discard(box)


class ProcessBox:
    def __init__(
        self, spec: BoxSpec, made: Runtime, parent: Path, forget: Callable[[ProcessBox], None]
    ) -> None:
        self._spec = spec
        self._runtime = made
        self._forget = forget
        self._ended: str | None = None
        self._relay: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._running: set[_Run] = set()
        try:
            self._root = Path(tempfile.mkdtemp(prefix="box-", dir=parent))
        except OSError as error:
            raise SandboxUnavailableError(f"no directory for a box: {error}") from error
        try:
            (self._root / "tmp").mkdir()
            for area, files in {**spec.areas, **spec.private, "workspace": spec.workspace}.items():
                _write(self._root / area, files)
            if spec.door is not None:
                self._open_door(spec.door)
        except OSError as error:
            self.close()
            raise SandboxUnavailableError(f"the box's directory could not be filled: {error}") from error

    @property
    def queued_s(self) -> float:
        return 0.0

    @property
    def base_url(self) -> str | None:
        return f"http://127.0.0.1:{self._port}/v1" if self._relay else None

    @property
    def tools(self) -> str:
        return str(self._runtime.tools)

    def path(self, area: str) -> str:
        if area != "workspace" and area not in self._spec.areas and area not in self._spec.private:
            raise InvalidSpecError(f"this box has no area {area!r}")
        return str(self._root / area)

    def exec(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        area: str = "workspace",
        seconds: float | None = None,
    ) -> ExecResult:
        limits = self._limits(seconds)
        began = time.monotonic()
        with ExitStack() as stack:
            run = _Run(self, stack, argv, self.path(area), env or {}, limits)
            return self._outcome(run, limits, began, argv)

    def exec_pair(
        self,
        trusted: Sequence[str],
        untrusted: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> ExecResult:
        limits = self._limits(seconds)
        began = time.monotonic()
        with ExitStack() as stack:
            ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
            _Run(self, stack, untrusted, self.path("workspace"), env or {}, limits, theirs, silent=True)
            run = _Run(self, stack, trusted, str(self._root), env or {}, limits, ours)
            ours.close()
            theirs.close()
            return self._outcome(run, limits, began, trusted)

    def get(self) -> Files:
        self._check_open()
        limits = self._spec.limits
        frames = init.pack(str(self._root), limits.disk_files, limits.disk_bytes)
        return repack(below(members(b"".join(frames)), "workspace"), Caps.of(limits))

    def take(self) -> Files:
        files = self.get()
        self.close()
        return files

    def close(self) -> None:
        if self._ended == "closed":
            return
        self._ended = "closed"
        for run in list(self._running):  # in another thread, which learns of it by its end
            run.end()
        if self._relay:
            self._relay.kill()
            self._relay.communicate()
        remove_tree(self._root)
        self._forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def runtime(self) -> Runtime:
        return self._runtime

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        path = f"{self._runtime.venv / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        scratch = str(self._root / "tmp")
        return {"PATH": path, "HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8", **env}

    def note_running(self, run: _Run) -> None:
        self._running.add(run)

    def note_ended(self, run: _Run) -> None:
        self._running.discard(run)

    def _outcome(self, run: _Run, limits: Limits, began: float, argv: Sequence[str]) -> ExecResult:
        stdout, stderr, back = Capture(limits.output_bytes), Capture(limits.output_bytes), Capture(1 << 16)
        timed_out = run.watch(stdout, stderr, back, began + limits.seconds)
        self._check_open()
        if timed_out:
            self._ended = "killed at its deadline"
        seconds = time.monotonic() - began
        report = read_report(back.data)
        return result_of(
            report, stdout, stderr, timed_out=timed_out, seconds=seconds, argv=argv, untouched=True
        )

    def _open_door(self, door: Path) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            self._port = listener.getsockname()[1]
            self._relay = subprocess.Popen(
                [
                    self._runtime.host_interpreter,
                    *("-I", "-S", str(self._runtime.boot / "relay.pyc")),
                    *(str(door.resolve() / "gateway.sock"), f"fd:{listener.fileno()}"),
                ],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={},
                pass_fds=[listener.fileno()], start_new_session=True,
            )  # fmt: skip

    def _check_open(self) -> None:
        if self._ended:
            raise BoxEndedError(f"box {self._spec.name} was {self._ended}")

    def _limits(self, seconds: float | None) -> Limits:
        self._check_open()
        return self._spec.limits if seconds is None else self._spec.limits.within(seconds)


class _Run:
    """One command under its init; the stack ends what is left of it."""

    def __init__(
        self,
        box: ProcessBox,
        stack: ExitStack,
        argv: Sequence[str],
        directory: str,
        env: Mapping[str, str],
        limits: Limits,
        channel: socket.socket | None = None,
        *,
        silent: bool = False,
    ) -> None:
        if not argv:
            raise InvalidSpecError("a command needs at least one word")
        self._report, report_in = pipe()
        stack.callback(os.close, self._report)
        options = {
            "cwd": directory,
            "report": str(report_in),
            "parent": str(os.getpid()),
            "core": "1",
            **rlimits(limits),
        }
        del options["nproc"]  # counts every process of this user, not only those of the box
        passed = [report_in]
        if channel is not None:
            passed.append(channel.fileno())
            options["channel"] = str(channel.fileno())
        command = [box.runtime.host_interpreter, "-I", "-S", str(box.runtime.boot / "init.pyc")]
        command += [*(f"{key}={value}" for key, value in options.items()), "--", *argv]
        output = subprocess.DEVNULL if silent else subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=passed,
                env=box.environment(env), cwd="/", start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise SandboxUnavailableError(f"the command could not be started: {error}") from error
        finally:
            os.close(report_in)
        box.note_running(self)
        stack.callback(box.note_ended, self)
        stack.callback(self._end)

    def watch(self, stdout: Capture, stderr: Capture, report: Capture, deadline: float) -> bool:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        captures = {
            self._process.stdout.fileno(): stdout,
            self._process.stderr.fileno(): stderr,
            self._report: report,
        }
        return watch(self._process, captures, deadline=deadline, end=self._ask)

    def _ask(self) -> None:
        """Asked to end, the init kills its descendants; killed, it leaves those that fled its session."""
        kill_group(self._process, signal.SIGTERM)

    def end(self) -> None:
        """Kill it and all that it started. From another thread too: whoever watches it then sees it end."""
        self._ask()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            kill_group(self._process)
            self._process.wait()

    def _end(self) -> None:
        self.end()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def _write(directory: Path, files: Files) -> None:
    directory.mkdir()
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
