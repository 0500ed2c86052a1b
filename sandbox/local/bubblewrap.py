"""Boxes made of namespaces by bubblewrap: no network, no host files, a sized workspace, a whole-tree kill.

Between two commands a box is nothing but frames of its workspace on our side: every `exec` is a fresh `bwrap`
whose process 1 is `init.py`. As root each box first gets an unprivileged uid of its own, so that `bwrap`
never runs privileged. Memory, processes and CPU of a box as a whole are limited by a control group (`cgroup.py`)
where this user may make one; elsewhere each process has limits of its own, and `digests` says so.
"""

from __future__ import annotations

import hashlib
import os
import random
import socket
import stat
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.base import BoxSpec, ExecResult, Files, Level, Limits
from sandbox.errors import BoxEndedError, InvalidSpecError, SandboxUnavailableError
from sandbox.local import init
from sandbox.local.cgroup import Groups
from sandbox.local.filter import program
from sandbox.local.run import Hold, Run
from sandbox.local.runtime import readable_by_others, runtime
from sandbox.local.view import BOX, GATEWAY, PORT, TOOLS, Tool, View
from sandbox.local.watch import Capture, members, read_report, result_of
from sandbox.spec import checked
from sandbox.transfer import Caps, below, repack

UIDS = range(
    40_000, 60_000
)  # above people and services, below the ranges that systemd and user namespaces hand out
WEAKNESSES = (
    "the programs of the host below /usr can be read; agent and relay are one user;"
    " system calls are refused by a list, where Docker allows by a list"
)
UNGROUPED = "no control group here: memory is limited per process only, CPU not at all"
DUMPS = "no `prlimit` here: a crash in a box may start the host's handler of core dumps"
SHARED_UID = "not started as root: all boxes run as the user who runs the search"


class BubblewrapSandbox:
    def __init__(self, *, cache: Path | None = None, instance: str | None = None) -> None:
        self._tool = Tool.find()
        self._runtime = runtime(cache)
        if os.geteuid() == 0 and not readable_by_others(self._runtime.directory):
            raise SandboxUnavailableError(
                f"{self._runtime.directory} is closed to unprivileged users; choose another cache directory"
            )
        self._filter = program()
        self._view = View(self._tool, self._runtime)
        self._uids = _Uids() if os.geteuid() == 0 else None
        self._instance = instance or uuid.uuid4().hex[:12]
        self._groups = Groups.find(self._instance)
        self._noted: Mapping[str, str] = {}
        self._boxes: set[BubblewrapBox] = set()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def instance(self) -> str:
        return self._instance

    @property
    def groups(self) -> Groups | None:
        return self._groups

    @property
    def view(self) -> View:
        return self._view

    @property
    def level(self) -> Level:
        return Level.BUBBLEWRAP

    @property
    def digests(self) -> Mapping[str, str]:
        weak = [WEAKNESSES]
        if self._groups is None:
            weak.append(UNGROUPED)
        elif "cpu" not in self._groups.controllers:
            weak.append("use of the CPU is not limited")
        if self._uids is None:
            weak.append(SHARED_UID)
        if not self._tool.prefix:
            weak.append(DUMPS)
        return {
            "runtime": self._runtime.digest,
            "bubblewrap": self._tool.version,
            "filter": hashlib.sha256(self._filter).hexdigest()[:16],
            "limits": "control group" if self._groups else "per process",
            "weak": "; ".join(weak),
            **self._noted,
        }

    def note(self, facts: Mapping[str, str]) -> None:
        """Tell these facts in `digests` too."""
        self._noted = {**self._noted, **facts}

    def open(self, spec: BoxSpec) -> BubblewrapBox:
        checked(spec)
        uid = self._uids.take() if self._uids else None
        if spec.door is not None:
            _grant(spec.door, uid)
        box = BubblewrapBox(spec, self, Hold(filter=self._filter, uid=uid, groups=self._groups))
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

    def forget(self, box: BubblewrapBox, uid: int | None) -> None:
        with self._lock:
            self._boxes.discard(box)
        if self._uids and uid is not None:
            self._uids.give_back(uid)


class BubblewrapBox:
    def __init__(self, spec: BoxSpec, sandbox: BubblewrapSandbox, hold: Hold) -> None:
        self._spec = spec
        self._sandbox = sandbox
        self._hold = hold
        self._ended: str | None = None
        self._untouched = True
        self._running: set[Run] = set()
        self._tree = _tree({"workspace/": spec.workspace}, 0o644, 0o755)
        self._areas = _tree({f"{name}/": files for name, files in spec.areas.items()}, 0o444, 0o555)
        self._private = _tree({f"{name}/": files for name, files in spec.private.items()}, 0o444, 0o555)

    @property
    def queued_s(self) -> float:
        return 0.0

    @property
    def base_url(self) -> str | None:
        return None if self._spec.door is None else f"http://127.0.0.1:{PORT}/v1"

    @property
    def tools(self) -> str:
        return TOOLS

    def path(self, area: str) -> str:
        if area != "workspace" and area not in self._spec.areas and area not in self._spec.private:
            raise InvalidSpecError(f"this box has no area {area!r}")
        return f"{BOX}/{area}"

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
            run = self._run(stack, ["workspace", *self._spec.areas], env, door=self._spec.door is not None)
            tree = b"".join((self._tree, self._areas, init.frame(init.END)))
            options = {
                "cwd": self.path(area),
                "root": BOX,
                "max_files": str(limits.disk_files),
                "max_bytes": str(limits.disk_bytes),
            }
            run.start(argv, options, limits, tree)
            stdout, stderr = Capture(limits.output_bytes), Capture(limits.output_bytes)
            # A name and a link's target have up to 4096 bytes each.
            back = Capture(limits.disk_bytes + limits.disk_files * 8400 + (1 << 16))
            timed_out = run.watch(stdout, stderr, back, began + limits.seconds)
            memory_kills = run.memory_kills()
            self._check_open()
            run.check_unharmed(timed_out, memory_kills)
        report = read_report(back.data)
        # A machine that stood still meanwhile may have left it to the box's own clock.
        timed_out = timed_out or (report.ending is None and time.monotonic() - began > limits.seconds)
        result = result_of(
            report, stdout, stderr, timed_out=timed_out, seconds=time.monotonic() - began, argv=argv,
            untouched=self._untouched, memory_kills=memory_kills,
        )  # fmt: skip
        self._untouched = False
        if timed_out:
            self._ended = "killed at its deadline"
        elif report.whole:
            self._tree = report.tree
        elif report.misfit is None:
            self._tree = init.frame(init.SPOILED, content=b"the command destroyed the box it ran in")
        return result

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
            shared = list(self._spec.areas)
            driver = self._run(stack, [*shared, *self._spec.private], env)
            worker = self._run(stack, ["workspace", *shared], env)
            end = init.frame(init.END)
            worker_tree = b"".join((self._tree, self._areas, end))
            worker.start(untrusted, {"cwd": self.path("workspace")}, limits, worker_tree, theirs, silent=True)
            driver_tree = b"".join((self._areas, self._private, end))
            driver.start(trusted, {"cwd": BOX}, limits, driver_tree, ours)
            ours.close()
            theirs.close()
            stdout, stderr, back = (
                Capture(limits.output_bytes),
                Capture(limits.output_bytes),
                Capture(1 << 16),
            )
            timed_out = driver.watch(stdout, stderr, back, began + limits.seconds)
            memory_kills = driver.memory_kills()
            self._check_open()
            driver.check_unharmed(timed_out, memory_kills)
            worker.check_unharmed(timed_out, worker.memory_kills())
            worker_said = worker.finish()
        if timed_out:
            self._ended = "killed at its deadline"
        report = read_report(back.data)
        other = read_report(worker_said)
        if not other.ready and not timed_out and (self._untouched or other.misfit is None):
            raise SandboxUnavailableError(f"the box for {list(untrusted)[:1]} did not start")
        return result_of(
            report, stdout, stderr, timed_out=timed_out, seconds=time.monotonic() - began, argv=trusted,
            untouched=True, memory_kills=memory_kills,
        )  # fmt: skip

    def get(self) -> Files:
        self._check_open()
        return repack(below(members(self._tree), "workspace"), Caps.of(self._spec.limits))

    def take(self) -> Files:
        files = self.get()
        self.close()
        return files

    def close(self) -> None:
        if self._ended != "closed":
            self._ended = "closed"
            for run in list(self._running):  # in another thread, which learns of it by its end
                run.end()
            self._sandbox.forget(self, self._hold.uid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(
        self, stack: ExitStack, areas: Sequence[str], env: Mapping[str, str] | None, *, door: bool = False
    ) -> Run:
        arguments = partial(self._sandbox.view.arguments, self._spec, areas, env or {})
        run = Run(stack, self._hold, arguments, relay=f"{GATEWAY}:{PORT}" if door else None)
        self._running.add(run)
        stack.callback(self._running.discard, run)
        return run

    def _check_open(self) -> None:
        if self._ended:
            raise BoxEndedError(f"box {self._spec.name} was {self._ended}")

    def _limits(self, seconds: float | None) -> Limits:
        self._check_open()
        return self._spec.limits if seconds is None else self._spec.limits.within(seconds)


class _Uids:
    """Unprivileged uids, one for each open box. Random, so that other processes rarely pick the same."""

    def __init__(self) -> None:
        self._used: set[int] = set()
        self._lock = threading.Lock()
        self._random = random.SystemRandom()

    def take(self) -> int:
        with self._lock:
            while (uid := self._random.choice(UIDS)) in self._used:
                pass
            self._used.add(uid)
            return uid

    def give_back(self, uid: int) -> None:
        with self._lock:
            self._used.discard(uid)


def _grant(door: Path, uid: int | None) -> None:
    """Let the box's uid, and as few others as possible, reach the gateway's socket."""
    door = door.resolve()
    if uid is None:
        return
    door.chmod(stat.S_IMODE(door.stat().st_mode) | 0o011)
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in door.parents):
        raise InvalidSpecError(f"the door {door} lies below a directory that the box's uid may not enter")
    gateway = door / "gateway.sock"
    if gateway.exists():
        os.chown(gateway, uid, uid)
        gateway.chmod(0o660)


def _tree(parts: Mapping[str, Files], file_mode: int, directory_mode: int) -> bytes:
    frames: list[bytes] = []
    for prefix, files in parts.items():
        directories = {
            "/".join(name.split("/")[:end]) for name in files for end in range(1, name.count("/") + 1)
        }
        directories.add("")
        for name in sorted(directories):
            frames.append(init.frame(init.DIRECTORY, f"{prefix}{name}".encode(), mode=directory_mode))
        for name, content in sorted(files.items()):
            frames.append(init.frame(init.FILE, f"{prefix}{name}".encode(), content, file_mode))
    return b"".join(frames)
