"""One command in a bubblewrap box, from start to end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sandbox.base import Limits
from sandbox.errors import InvalidSpecError, SandboxUnavailableError
from sandbox.local.cgroup import Group, Groups
from sandbox.local.watch import GATE, Capture, in_memory, kill_group, pipe, rlimits, watch

OWN_CLOCK = 5.0  # seconds after its deadline at which a box ends itself, if nobody has ended it


@dataclass(frozen=True, kw_only=True)
class Hold:
    """What holds a box besides its mounts: the filter of system calls, its user, where its control groups are made."""

    filter: bytes
    uid: int | None
    groups: Groups | None


class Run:
    """One `bwrap` from start to end; the stack closes and kills what is left of it."""

    def __init__(
        self, stack: ExitStack, hold: Hold, arguments: Callable[[int], list[str]], *, relay: str | None = None
    ) -> None:
        """`arguments` gives the command line for the descriptor that holds the filter; `relay` is an option of init."""
        self._stack = stack
        self._hold = hold
        self._arguments = arguments
        self._relay = relay
        self._started: subprocess.Popen[bytes] | None = None
        self._group: Group | None = None
        self._report: int

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self._started is not None
        return self._started

    def start(
        self,
        argv: Sequence[str],
        options: Mapping[str, str],
        limits: Limits,
        tree: bytes,
        channel: socket.socket | None = None,
        *,
        silent: bool = False,
    ) -> None:
        if not argv:
            raise InvalidSpecError("a command needs at least one word")
        if self._hold.groups is not None:
            self._group = self._hold.groups.make(limits)
            self._stack.callback(self._group.close)
        self._report, report_in = pipe()
        self._stack.callback(os.close, self._report)
        tree_in = in_memory(tree)
        filter_in = in_memory(self._hold.filter)
        passed = [report_in, tree_in, filter_in]
        given = {**options, "report": str(report_in), "tree_in": str(tree_in)}
        given["seconds"] = str(limits.seconds + OWN_CLOCK)
        given |= rlimits(limits, grouped=self._group is not None)
        if channel is not None:
            passed.append(channel.fileno())
            given["channel"] = str(channel.fileno())
        if self._relay is not None:
            given["relay"] = self._relay
        command = [
            *self._arguments(filter_in),
            *(f"{key}={value}" for key, value in given.items()),
            "--",
            *argv,
        ]
        output = subprocess.DEVNULL if silent else subprocess.PIPE
        uid = self._hold.uid
        try:
            self._started = subprocess.Popen(
                [*GATE, *command], stdin=subprocess.PIPE, stdout=output, stderr=output, pass_fds=passed, env={},
                cwd="/", start_new_session=True,
                user=uid, group=uid, extra_groups=None if uid is None else [],
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise SandboxUnavailableError(f"bwrap could not be started: {error}") from error
        finally:
            os.close(report_in)
            os.close(tree_in)
            os.close(filter_in)
        self._stack.callback(self._kill)
        self._admit()

    def _admit(self) -> None:
        """Let the process go on from its gate, once it is in its group."""
        assert self._process.stdin is not None
        if self._group is not None:
            self._group.add(self._process.pid)
        with contextlib.suppress(BrokenPipeError), self._process.stdin as gate:
            gate.write(b"go\n")

    def check_unharmed(self, timed_out: bool, memory_kills: int | None) -> None:
        """Raise if bwrap itself fell to a signal: it lives outside the namespaces, beyond the box."""
        number = -(self._process.poll() or 0)
        if number > 0 and not timed_out and not memory_kills:
            raise SandboxUnavailableError(f"bwrap was killed by signal {number} from outside the box")

    def memory_kills(self) -> int | None:
        """How many of its processes fell to the memory limit; None where nobody counts."""
        return None if self._group is None else self._group.memory_kills()

    def watch(self, stdout: Capture, stderr: Capture, report: Capture, deadline: float) -> bool:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        captures = {
            self._process.stdout.fileno(): stdout,
            self._process.stderr.fileno(): stderr,
            self._report: report,
        }
        return watch(self._process, captures, deadline=deadline, end=lambda: kill_group(self._process))

    def finish(self) -> bytes:
        """Kill it; what it had reported."""
        self._kill()
        os.set_blocking(self._report, False)
        try:
            return os.read(self._report, 1 << 16)
        except BlockingIOError:
            return b""

    def end(self) -> None:
        """Kill it and all that it started. From another thread too: whoever watches it then sees it end."""
        if self._started is not None:
            kill_group(self._started, signal.SIGKILL)
            self._started.wait()

    def _kill(self) -> None:
        self.end()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
