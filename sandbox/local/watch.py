"""The host's side of a local box: start a process, drain it under caps, end it at its deadline."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sandbox.base import ExecResult, Limits
from sandbox.errors import SandboxUnavailableError, SubmissionRejectedError
from sandbox.local import init
from sandbox.transfer import Kind, Member

FLOOD_PAUSE = 0.002  # seconds after each read beyond a cap: a flood must not take a core of ours
GRACE = 2.0  # seconds between asking a process to end its children and killing it
GATE = ("/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh")
"""Put before a command: it starts when a line comes on its standard input, and never if that is closed."""
CANNOT_START, KILLED = 126, 128 + signal.SIGKILL
_KILLED = ("memory", f"signal {signal.SIGKILL}", f"exited {KILLED}", "")
"""How a command may have ended that the memory limit stopped; nothing is known when it took the init too."""
_KINDS = {
    init.FILE: Kind.FILE,
    init.DIRECTORY: Kind.DIRECTORY,
    init.SYMLINK: Kind.SYMLINK,
    init.HARDLINK: Kind.HARDLINK,
    init.FIFO: Kind.FIFO,
    init.OTHER: Kind.UNKNOWN,
}


class Capture:
    """Bytes up to a cap; what comes after it is read and dropped, so that the writer never blocks."""

    def __init__(self, cap: int) -> None:
        self.data = bytearray()
        self.truncated = False
        self._cap = cap

    def add(self, chunk: bytes) -> None:
        room = self._cap - len(self.data)
        self.data += chunk[:room]
        if len(chunk) > room:
            self.truncated = True
            time.sleep(FLOOD_PAUSE)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an init told: whether the command was started, how it ended, the frames of the tree.

    `misfit` says why the tree that was sent in could not be laid out.
    """

    ready: bool
    misfit: str | None
    ending: str | None
    tree: bytes
    whole: bool


def pipe() -> tuple[int, int]:
    """Both ends are ours alone until one is named in `pass_fds`."""
    return os.pipe2(os.O_CLOEXEC)


def in_memory(data: bytes) -> int:
    """A descriptor from which `data` can be read; no writer has to keep up with the reader."""
    descriptor = os.memfd_create("tree", os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def watch(
    process: subprocess.Popen[bytes],
    captures: dict[int, Capture],
    *,
    deadline: float,
    end: Callable[[], None],
) -> bool:
    """Drain `captures` until all are closed and the process is gone; True when the clock did it.

    `deadline` is on the monotonic clock. `end` must make the process and everything below it go away soon.
    """
    timed_out = False
    with selectors.DefaultSelector() as selector:
        for descriptor in captures:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            for key, _ in ready:
                if chunk := os.read(key.fd, 1 << 16):
                    captures[key.fd].add(chunk)
                else:
                    selector.unregister(key.fd)
            if time.monotonic() >= deadline and selector.get_map():
                if timed_out:
                    break  # it does not listen, or somebody outside our reach holds a pipe open
                timed_out = True
                end()
                deadline = time.monotonic() + GRACE
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        timed_out = True
        kill_group(process)
        process.wait()
    return timed_out


def rlimits(limits: Limits, *, grouped: bool = False) -> dict[str, str]:
    """Limits of each process; memory and processes only where no control group limits them for all together.

    Not the address space: threads reserve far more of it than they use.
    """
    alone = {"data": str(limits.memory_bytes), "nproc": str(limits.processes)}
    always = {"fsize": str(limits.file_bytes), "nofile": str(limits.open_files)}
    return always if grouped else {**alone, **always}


def kill_group(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGKILL) -> None:
    """Signal the group that the process leads, unless it was waited for: then the id may be another's."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def read_report(data: bytes | bytearray) -> Report:
    """Cut the first frames off. Nothing that comes from a box is trusted to be well formed."""
    ready, misfit, ending, whole, position = False, None, None, False, 0
    tree_start = tree_end = 0
    for kind, _, _, content, after in _frames(data):
        if kind == init.READY:
            ready = True
        elif kind == init.SPOILED and not ready:
            misfit = content.decode("ascii", "replace")
        elif kind == init.STATUS and ending is None:
            ending, tree_start = content.decode("ascii", "replace"), after
        elif kind == init.END:
            whole, tree_end = True, position
            break
        position = after
    return Report(
        ready=ready,
        misfit=misfit,
        ending=ending,
        tree=bytes(data[tree_start:tree_end]) if whole else b"",
        whole=whole,
    )


def members(tree: bytes) -> Iterator[Member]:
    for kind, _, name, content, _ in _frames(tree):
        if kind == init.SPOILED:
            raise SubmissionRejectedError(
                name.decode("utf-8", "backslashreplace"), content.decode("utf-8", "replace")
            )
        yield Member(name, _KINDS.get(kind, Kind.UNKNOWN), content)


def _frames(data: bytes | bytearray) -> Iterator[tuple[bytes, int, bytes, bytes, int]]:
    position, view = 0, memoryview(data)
    while position + init.FRAME.size <= len(data):
        kind, mode, name_length, length = init.FRAME.unpack_from(data, position)
        start = position + init.FRAME.size
        position = start + name_length + length
        if position > len(data):
            return
        name_end = start + name_length
        yield kind, mode, bytes(view[start:name_end]), bytes(view[name_end:position]), position


def result_of(
    report: Report,
    stdout: Capture,
    stderr: Capture,
    *,
    timed_out: bool,
    seconds: float,
    argv: Sequence[str],
    untouched: bool,
    memory_kills: int | None = None,
) -> ExecResult:
    """The command's own result, or an error where the machine failed before it could have one.

    `memory_kills` is what the box's control group counted, None without one: then the init's word is taken.

    Once the command was started nothing is the machine's fault any more: what it does to its init must not look like
    an outage. In a box that is no longer `untouched` that holds for laying out its tree too.
    """
    unexplained = report.misfit is None and not memory_kills
    if not report.ready and not timed_out and (untouched or unexplained):
        said = report.misfit or stderr.data[-500:].decode("utf-8", "replace").strip()
        raise SandboxUnavailableError(f"the box for {list(argv)[:1]} did not start: {said or 'no message'}")
    exit_code: int | None = None
    memory = False
    ending = report.ending or ""
    if timed_out:
        pass
    elif ending in _KILLED if memory_kills else ending == "memory" and memory_kills is None:
        memory = True
    elif ending == "memory":  # in some other box
        exit_code = KILLED
    elif ending.startswith("exited "):
        exit_code = int(ending.removeprefix("exited "))
    elif ending.startswith("signal "):
        exit_code = 128 + int(ending.removeprefix("signal "))
    else:
        exit_code = CANNOT_START if report.misfit is not None else KILLED
    return ExecResult(
        exit_code=exit_code,
        stdout=bytes(stdout.data),
        stderr=bytes(stderr.data),
        timed_out=timed_out,
        out_of_memory=memory,
        truncated=stdout.truncated or stderr.truncated,
        seconds=seconds,
    )
