"""Who lives on this machine, told by the kernel: whoever makes what a crash would leave behind holds a directory here.

    <TMPDIR, or /tmp>/dgm-<uid>/
        <instance>/     locked (flock) by the process that made it, for as long as that process lives
        <name>-slots/   one file per place that is to be shared out among all processes, locked by whoever has it

A lock ends with its process, however that ends, and a name is never used twice. So what is labelled with the name of a
directory that nobody holds, or that is gone, is left over: any other process may remove it, none can be mistaken.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from pathlib import Path

from sandbox.errors import SandboxUnavailableError

_NAME = re.compile(r"[0-9a-f]{16}")
_TICK = 0.02  # seconds between two looks at slots that are all taken


class Place:
    """The directory of this user on this machine; processes that see the same one look after each other's leftovers."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or Path(os.environ.get("TMPDIR") or "/tmp") / f"dgm-{os.geteuid()}"
        try:
            self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
            found = self.root.lstat()
        except OSError as error:
            raise SandboxUnavailableError(f"{self.root} cannot be made: {error}; set TMPDIR") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SandboxUnavailableError(
                f"{self.root} must be a directory of uid {os.geteuid()}, it belongs to {found.st_uid}; set TMPDIR"
            )
        self.root.chmod(0o711)  # a container's relay passes through it, nobody may list it
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        self._id = f"{boot}-{found.st_dev:x}-{found.st_ino:x}"

    @property
    def id(self) -> str:
        """Names this very directory, from wherever on this machine it is seen; another one after a restart."""
        return self._id

    def hold(self) -> Holding:
        """A new directory that is held until it is released or this process ends."""
        while True:
            name = secrets.token_hex(8)
            path = self.root / name
            path.mkdir(mode=0o700)
            descriptor = _lock(path, fcntl.LOCK_EX)
            if descriptor is None:
                continue  # somebody who cleans up was faster
            if path.exists():
                return Holding(name, path, descriptor)
            os.close(descriptor)

    def alive(self, name: str) -> bool:
        """Whether the process that holds this name lives."""
        if not _NAME.fullmatch(name):
            return False
        descriptor = _lock(self.root / name, fcntl.LOCK_SH)
        if descriptor is None:
            return (self.root / name).exists()
        os.close(descriptor)
        return False

    def sweep(self) -> int:
        """Remove the directories that nobody holds; how many it were."""
        swept = 0
        for path in self.root.iterdir():
            if not _NAME.fullmatch(path.name):
                continue
            descriptor = _lock(path, fcntl.LOCK_EX)
            if descriptor is not None:
                remove_tree(path)
                os.close(descriptor)
                swept += 1
        return swept

    def slots(self, name: str, count: int) -> Slots:
        return Slots(self.root / f"{name}-slots", count)


class Holding:
    """A directory of this process alone; what it puts there goes with it."""

    def __init__(self, name: str, path: Path, descriptor: int) -> None:
        self.name = name
        self.path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Remove the directory. Idempotent."""
        if self._descriptor >= 0:
            remove_tree(self.path)
            os.close(self._descriptor)
            self._descriptor = -1


class Slots:
    """At most `count` holders at once, among all processes that ask for the same name."""

    def __init__(self, directory: Path, count: int) -> None:
        if count < 1:
            raise ValueError(f"there must be at least 1 slot, got {count}")
        self._directory = directory
        self._count = count
        directory.mkdir(mode=0o700, exist_ok=True)

    def take(self, patience: float) -> Slot | None:
        """A slot, or None when none became free in so many seconds. No two that are held have one number."""
        deadline = time.monotonic() + patience
        while True:
            for number in range(self._count):
                descriptor = os.open(self._directory / str(number), os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os.close(descriptor)
                else:
                    return Slot(number, descriptor)
            if time.monotonic() >= deadline:
                return None
            time.sleep(_TICK)


class Slot:
    def __init__(self, number: int, descriptor: int) -> None:
        self.number = number
        self._descriptor = descriptor

    def release(self) -> None:
        """Idempotent; the end of the process does it too."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def remove_tree(path: Path) -> None:
    """Remove a tree of ours in which commands ran: they may have closed directories to their owner."""
    for directory, names, _ in os.walk(path):
        for name in names:
            below = Path(directory) / name
            if not below.is_symlink():
                with contextlib.suppress(OSError):
                    below.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def _lock(path: Path, kind: int) -> int | None:
    """A descriptor that locks the directory; None when it is gone or somebody else has it locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
