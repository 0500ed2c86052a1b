"""A control group for each run in a box: memory (tmpfs pages included), processes and CPU of the box as a whole.

A group is one directory where the kernel has version 2, one in each of the hierarchies `memory`, `pids` and `cpu` where
it has version 1. It is made as far up as this user may make one: root below the root of the hierarchy, as engines do;
anybody else in the subtree that a service manager delegated to them. Its owner holds a lock on its directory, which the
kernel lets go of when the owner dies: whoever gets the lock later knows that nobody needs the group any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sandbox.base import MIB, Limits
from sandbox.errors import SandboxUnavailableError
from sandbox.local.watch import GATE

PREFIX = "dgm-box-"
_PROC = Path("/proc/self")
_OVERHEAD = 2  # bwrap's monitor and our init are in the group too
_PERIOD = 100_000  # microseconds
_GONE = 5.0  # seconds that the kernel is given to end what was killed
_MEMORY_1 = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes")
"""Version 1 counts memory, memory with swap, and the buffers of sockets (not of TCP alone) each for itself."""
_OPTIONAL = {"memory.swap.max", *_MEMORY_1[1:]}
"""A kernel may be built without counting these."""
_NEEDED, _WELCOME = ("memory", "pids"), ("cpu",)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A directory of a hierarchy in which groups can be made, and what they are good for there."""

    directory: Path
    controllers: tuple[str, ...]
    version: int


class Groups:
    """Makes the groups of one sandbox; `instance` is part of their names."""

    def __init__(self, places: Sequence[Place], instance: str) -> None:
        self._places = places
        self._instance = instance
        self._numbers = itertools.count()

    @classmethod
    def find(cls, instance: str, proc: Path = _PROC) -> Self | None:
        """What works here, tried with a process; None where this user may not limit groups of processes."""
        for places in candidates(proc):
            groups = cls(places, instance)
            with contextlib.suppress(OSError, SandboxUnavailableError):
                groups.sweep()
                groups._try()
                return groups
        return None

    @property
    def places(self) -> Sequence[Place]:
        return self._places

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(name for place in self._places for name in place.controllers)

    def make(self, limits: Limits) -> Group:
        """A new empty group with these limits. The caller closes it.

        A second try is for the one that another process's sweep took before it was locked.
        """
        for last in (False, True):
            group = Group(f"{PREFIX}{self._instance}-{next(self._numbers)}")
            try:
                for place in self._places:
                    group.extend(place, limits)
            except OSError as error:
                group.close()
                if last:
                    raise SandboxUnavailableError(
                        f"no control group could be made for a box: {error}"
                    ) from error
            else:
                break
        return group

    def sweep(self) -> int:
        """Remove the groups whose owners are dead, and whatever still runs in them; how many it were."""
        removed = 0
        for place in self._places:
            for directory in place.directory.glob(f"{PREFIX}*"):
                with contextlib.suppress(OSError):  # somebody else's, in use, or gone meanwhile
                    lock = _locked(directory)
                    removed += _remove(directory, 1.0)
                    os.close(lock)
        return removed

    def _try(self) -> None:
        with contextlib.closing(self.make(Limits(memory_bytes=64 * MIB))) as group:
            command = [*GATE, "true"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, env={}, cwd="/")
            with process:
                group.add(process.pid)
                if process.pid not in group.members():
                    raise SandboxUnavailableError("a process could not be moved into a control group")


class Group:
    """The processes of one run. `close` ends them all and removes it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._directories: list[Path] = []
        self._locks: list[int] = []

    def extend(self, place: Place, limits: Limits) -> None:
        directory = place.directory / self._name
        directory.mkdir()
        self._directories.append(directory)
        self._locks.append(_locked(directory))
        for file, value in settings(place, limits).items():
            if file not in _OPTIONAL or (directory / file).exists():
                (directory / file).write_text(value)

    def add(self, pid: int) -> None:
        """Move a process in; its children will be in it too."""
        try:
            for directory in self._directories:
                (directory / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise SandboxUnavailableError(f"no process can be put into a control group: {error}") from error

    def members(self) -> set[int]:
        found = [_members(directory) for directory in self._directories]
        return set.intersection(*found) if found else set()

    def memory_kills(self) -> int:
        """How many of its processes the kernel has killed for want of memory."""
        for directory in self._directories:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    for line in (directory / name).read_text().splitlines():
                        if line.startswith("oom_kill "):
                            return int(line.split()[1])
        return 0

    def close(self) -> None:
        for directory in self._directories:
            _remove(directory, _GONE)
        for lock in self._locks:
            os.close(lock)
        self._directories, self._locks = [], []


def settings(place: Place, limits: Limits) -> dict[str, str]:
    memory, processes = str(limits.memory_bytes), str(limits.processes + _OVERHEAD)
    quota = str(max(1000, round(limits.cpus * _PERIOD)))
    if place.version == 2:
        given = {
            "memory": {"memory.max": memory, "memory.swap.max": "0"},
            "pids": {"pids.max": processes},
            "cpu": {"cpu.max": f"{quota} {_PERIOD}"},
        }
    else:
        given = {
            "memory": dict.fromkeys(_MEMORY_1, memory),
            "pids": {"pids.max": processes},
            "cpu": {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": quota},
        }
    return {file: value for name in place.controllers for file, value in given[name].items()}


def _locked(directory: Path) -> int:
    """A descriptor that holds the group. OSError when another process does, or when it was removed meanwhile."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), directory.stat()):
            raise FileNotFoundError(f"{directory} was replaced")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _members(directory: Path) -> set[int]:
    return {int(word) for word in (directory / "cgroup.procs").read_text().split()}


def _remove(directory: Path, seconds: float) -> bool:
    """End what runs in a group and remove it; what does not go within `seconds` is left to the next sweep."""
    end = time.monotonic() + seconds
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            if time.monotonic() > end:
                return False
            with contextlib.suppress(OSError):
                for pid in _members(directory) - {0, os.getpid()}:
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
        else:
            return True


def candidates(proc: Path = _PROC) -> Iterator[list[Place]]:
    """Places to try, the topmost first: version 2 where it has what is needed, else one place per hierarchy."""
    hierarchies = _hierarchies(proc)
    wanted = (*_NEEDED, *_WELCOME)
    for path in _downwards(*hierarchies.get("", (None, ""))):
        enabled = _enabled(path)
        if enabled.issuperset(_NEEDED):
            yield [
                Place(directory=path, controllers=tuple(n for n in wanted if n in enabled), version=2),
            ]
    found = {name: list(_downwards(*hierarchies[name])) for name in wanted if name in hierarchies}
    if all(found.get(name) for name in _NEEDED):
        yield [
            Place(directory=paths[0], controllers=(name,), version=1)
            for name, paths in found.items()
            if paths
        ]


def _hierarchies(proc: Path) -> dict[str, tuple[Path, str]]:
    """Controller -> where its hierarchy is mounted and our own group below that; version 2 has no name."""
    own = {}
    for line in (proc / "cgroup").read_text().splitlines():
        _, attached, path = line.split(":", 2)
        own.update(dict.fromkeys(attached.split(","), path))
    found: dict[str, tuple[Path, str]] = {}
    for line in (proc / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        root, mount = before.split()[3:5]
        kind, _, options = after.split()[:3]
        names = [""] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []
        for name in names:
            if name in own:
                inside = own[name].removeprefix(root if root != "/" else "")
                found.setdefault(name, (Path(mount), inside))
    return found


def _downwards(mount: Path | None, own: str) -> Iterator[Path]:
    """The groups between the mount and our own in which we may make others."""
    if mount is None:
        return
    ours = mount / own.strip("/")
    for path in reversed([ours, *ours.parents]):
        if path.is_relative_to(mount) and all(
            os.access(one, os.W_OK) for one in (path, path / "cgroup.procs")
        ):
            yield path


def _enabled(path: Path) -> set[str]:
    """Controllers of version 2 that groups below `path` have; those that are needed are switched on if they can be."""
    control = path / "cgroup.subtree_control"
    try:
        offered, enabled = _words(path / "cgroup.controllers"), _words(control)
        for name in (*_NEEDED, *_WELCOME):
            if name in offered - enabled:
                with contextlib.suppress(OSError):
                    control.write_text(f"+{name}")
        return _words(control) if offered - enabled else enabled
    except OSError:
        return set()


def _words(path: Path) -> set[str]:
    return set(path.read_text().split())
