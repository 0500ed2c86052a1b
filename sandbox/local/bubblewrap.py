"""Boxes made of namespaces by bubblewrap: no network, no host files, a sized workspace, a whole-tree kill.

Between two commands a box is nothing but frames of its workspace on our side: every `exec` is a fresh `bwrap`
whose process 1 is `init.py`. As root each box first gets an unprivileged uid of its own, so that `bwrap`
never runs privileged. Memory, processes and CPU of a box as a whole are limited by a control group (`cgroup.py`)
where this user may make one; elsewhere each process has limits of its own, and `digests` says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.base import BoxSpec, ExecResult, Files, Level, Limits
from sandbox.errors import BoxEndedError, InvalidSpecError, SandboxUnavailableError
from sandbox.local import init
from sandbox.local.cgroup import Group, Groups
from sandbox.local.filter import program
from sandbox.local.runtime import Runtime, readable_by_others, runtime
from sandbox.local.watch import (
    GATE,
    Capture,
    in_memory,
    kill_group,
    members,
    pipe,
    read_report,
    result_of,
    rlimits,
    watch,
)
from sandbox.spec import checked
from sandbox.transfer import Caps, below, repack

BOX = "/box"
PORT = 8080
TOOLS = "/opt/tools"
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
_PATH = "/opt/dgm/bin:/usr/local/bin:/usr/bin:/bin"
_TMP_BYTES = 64 << 20
_SHM_BYTES = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Tool:
    """The `bwrap` of this machine."""

    path: str
    version: str
    can_disable_userns: bool
    prefix: tuple[str, ...]
    """What to start it through, so that no dump of a box reaches the host: a program named in core_pattern, run by
    root, is handed one unless the limit is 1 byte. The filter keeps it there."""

    @classmethod
    def find(cls) -> Tool:
        path = shutil.which("bwrap")
        if path is None:
            raise SandboxUnavailableError("bubblewrap is not installed (no `bwrap` on the path)")
        version = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False
        ).stdout.strip()
        usage = subprocess.run([path, "--help"], capture_output=True, text=True, check=False).stdout
        return cls(
            path=path,
            version=version,
            can_disable_userns="--disable-userns" in usage,
            prefix=_without_core(),
        )


def _without_core() -> tuple[str, ...]:
    path = shutil.which("prlimit")
    given = () if path is None else (path, "--core=1:1")
    works = given and subprocess.run([*given, "true"], capture_output=True, check=False).returncode == 0
    return given if works else ()


class BubblewrapSandbox:
    def __init__(self, *, cache: Path | None = None, instance: str | None = None) -> None:
        self._tool = Tool.find()
        self._runtime = runtime(cache)
        if os.geteuid() == 0 and not readable_by_others(self._runtime.directory):
            raise SandboxUnavailableError(
                f"{self._runtime.directory} is closed to unprivileged users; choose another cache directory"
            )
        self._filter = program()
        self._base = _base_arguments(self._tool, self._runtime)
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
    def filter(self) -> bytes:
        return self._filter

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
        box = BubblewrapBox(spec, self, uid)
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

    def arguments(
        self, spec: BoxSpec, areas: Sequence[str], env: Mapping[str, str], seccomp: int
    ) -> list[str]:
        """The command line up to our interpreter and init; `seccomp` is a descriptor that holds the filter."""
        given = [*self._base, "--seccomp", str(seccomp)]
        for area in areas:
            size = spec.limits.disk_bytes if area == "workspace" else max(1 << 20, 2 * _bytes(spec, area))
            given += ["--size", str(size), "--tmpfs", f"{BOX}/{area}"]
        if spec.door is not None:
            given += ["--ro-bind", str(spec.door.resolve()), "/door"]
        if spec.kind == "grade":
            given += ["--ro-bind", str(self._runtime.tools), TOOLS]
        given += ["--remount-ro", "/", "--chdir", "/"]
        for name, value in {"PATH": _PATH, "HOME": "/tmp", "LANG": "C.UTF-8", **env}.items():
            given += ["--setenv", name, value]
        boot = ["-I", "-S", "/opt/dgm/boot/init.pyc"]
        return [*given, "--", self._runtime.interpreter, *boot]

    def forget(self, box: BubblewrapBox, uid: int | None) -> None:
        with self._lock:
            self._boxes.discard(box)
        if self._uids and uid is not None:
            self._uids.give_back(uid)


class BubblewrapBox:
    def __init__(self, spec: BoxSpec, sandbox: BubblewrapSandbox, uid: int | None) -> None:
        self._spec = spec
        self._sandbox = sandbox
        self._uid = uid
        self._ended: str | None = None
        self._untouched = True
        self._running: set[_Run] = set()
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
            run = _Run(
                self, stack, ["workspace", *self._spec.areas], env or {}, door=self._spec.door is not None
            )
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
            driver = _Run(self, stack, [*shared, *self._spec.private], env or {}, door=False)
            worker = _Run(self, stack, ["workspace", *shared], env or {}, door=False)
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
            driver.check_unharmed(timed_out, memory_kills)
            worker_said = worker.finish()
        self._check_open()
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
            self._sandbox.forget(self, self._uid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def note_running(self, run: _Run) -> None:
        self._running.add(run)

    def note_ended(self, run: _Run) -> None:
        self._running.discard(run)

    @property
    def uid(self) -> int | None:
        return self._uid

    @property
    def filter(self) -> bytes:
        return self._sandbox.filter

    @property
    def groups(self) -> Groups | None:
        return self._sandbox.groups

    def arguments(self, areas: Sequence[str], env: Mapping[str, str], seccomp: int) -> list[str]:
        return self._sandbox.arguments(self._spec, areas, env, seccomp)

    def _check_open(self) -> None:
        if self._ended:
            raise BoxEndedError(f"box {self._spec.name} was {self._ended}")

    def _limits(self, seconds: float | None) -> Limits:
        self._check_open()
        return self._spec.limits if seconds is None else self._spec.limits.within(seconds)


class _Run:
    """One `bwrap` from start to end; the stack closes and kills what is left of it."""

    def __init__(
        self,
        box: BubblewrapBox,
        stack: ExitStack,
        areas: Sequence[str],
        env: Mapping[str, str],
        *,
        door: bool,
    ) -> None:
        self._box = box
        self._stack = stack
        self._areas = areas
        self._env = env
        self._door = door
        self._process: subprocess.Popen[bytes]
        self._group: Group | None = None
        self._report: int

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
        if self._box.groups is not None:
            self._group = self._box.groups.make(limits)
            self._stack.callback(self._group.close)
        self._report, report_in = pipe()
        self._stack.callback(os.close, self._report)
        tree_in = in_memory(tree)
        filter_in = in_memory(self._box.filter)
        passed = [report_in, tree_in, filter_in]
        given = {**options, "report": str(report_in), "tree_in": str(tree_in)}
        given |= rlimits(limits, grouped=self._group is not None)
        if channel is not None:
            passed.append(channel.fileno())
            given["channel"] = str(channel.fileno())
        if self._door:
            given["relay"] = f"/door/gateway.sock:{PORT}"
        arguments = self._box.arguments(self._areas, self._env, filter_in)
        command = [*arguments, *(f"{key}={value}" for key, value in given.items()), "--", *argv]
        output = subprocess.DEVNULL if silent else subprocess.PIPE
        uid = self._box.uid
        try:
            self._process = subprocess.Popen(
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
        self._box.note_running(self)
        self._stack.callback(self._box.note_ended, self)
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
        number = -(self._process.returncode or 0)
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
        kill_group(self._process, signal.SIGKILL)
        self._process.wait()

    def _kill(self) -> None:
        self.end()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


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


def _base_arguments(tool: Tool, made: Runtime) -> list[str]:
    """What every box sees: programs, our runtime, a minimal /etc, /proc and /dev, two scratch places."""
    given = [*tool.prefix, tool.path, "--unshare-all", "--unshare-user"]
    if tool.can_disable_userns:
        given.append("--disable-userns")
    given += ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--cap-drop", "ALL"]
    given += ["--uid", "1000", "--gid", "1000", "--hostname", "box"]
    given += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            given += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            given += ["--ro-bind", str(path), str(path)]
    for name in ("ld.so.cache", "alternatives"):
        given += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for path in sorted((made.directory / "etc").iterdir()):
        given += ["--ro-bind", str(path), f"/etc/{path.name}"]
    if not made.prefix.is_relative_to("/usr") or made.base != made.prefix:
        for part in ("bin", "lib"):
            given += ["--ro-bind", str(made.base / part), str(made.prefix / part)]
    for path in _covered(made):
        given += ["--tmpfs", str(path), "--remount-ro", str(path)]
    given += [
        "--ro-bind",
        str(made.venv),
        "/opt/dgm",
        "--ro-bind",
        str(made.boot),
        "/opt/dgm/boot",
    ]
    # Settings of its own namespaces would be open to the box: it has the uid that owns them.
    given += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    given += ["--dev", "/dev", "--remount-ro", "/dev"]
    given += ["--size", str(_SHM_BYTES), "--tmpfs", "/dev/shm", "--size", str(_TMP_BYTES), "--tmpfs", "/tmp"]
    return given


def _covered(made: Runtime) -> list[Path]:
    """What lies below a directory that boxes see, but is none of their business: installed packages, and ourselves.

    Our own package holds the hidden tests of the tasks that come with it.
    """
    system = [Path(root) for root in ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")]
    bound = [(library, library) for library in system] + [(made.base / "lib", made.prefix / "lib")]
    packages = {
        seen / path.relative_to(library)
        for library, seen in bound
        for path in library.glob("python3*/*-packages")
        if path.is_dir() and not path.is_symlink() and not library.is_symlink()
    }
    ours = Path(__file__).resolve().parents[2]
    if ours.is_relative_to("/usr") and not any(ours.is_relative_to(path) for path in packages):
        packages.add(ours)
    return sorted(packages)


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


def _bytes(spec: BoxSpec, area: str) -> int:
    files = spec.areas.get(area, spec.private.get(area, {}))
    return sum(len(content) + 8192 for content in files.values())  # tmpfs stores whole pages


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
