"""Who may write a run: an exclusive `flock` on the file `lock`, whose content names the holder.

The lock goes away with the process that holds it, however it ends, so the next driver takes over at once. It
belongs to the open file: a child process that was *forked* while the run was open shares it and keeps it
alive, so fork workers before opening a run, or start them with `spawn` or `forkserver`.

A holder that was stopped (SIGSTOP, a frozen machine) keeps the lock. Whoever is sure that it must not go on deletes the
file `lock`; the next driver then makes a new one. Where `flock` does not reach other machines, a second driver signs
the same file anew. Either way the file no longer says what the first holder wrote, and `check` tells it so: before and
after each append. Between the two nothing that it writes can get among the new driver's rows, see `archive.log`.

Whoever wants to know whether a run is held asks for a shared lock for a moment (`holder_of`), so a driver that is
refused asks again before it believes it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import RunLockedError, TakenOverError, write_failed

_TRIES = 10
_PAUSE_S = 0.02
"""How often a lock is asked for, and how long in between: longer than a look at it takes."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The driver that a lock names; `token` is its own among all. `gone` says that it certainly holds the lock no more:
    on another host a free lock may only mean that locks do not reach this far."""

    pid: int
    host: str
    token: str
    gone: bool = False


def holder_of(run: Path) -> Holder | None:
    """Who writes the run at this path, or wrote it last; None if nobody ever did, or its lock was removed."""
    try:
        fd = os.open(run / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        found = _holder(os.read(fd, 4096))
        if found is None:
            return None
        return replace(found, gone=found.host == socket.gethostname() and _is_free(fd))
    finally:
        os.close(fd)


def _is_free(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class RunLock:
    """Held from construction to `close`. We never delete the file. `path` follows a run that is renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.token = secrets.token_hex(8)
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "token": self.token}
        self._signature = json.dumps(holder).encode()
        self._fd = -1
        try:
            while not self._named():
                self.close()
                self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                _take(self._fd)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, self._signature, 0)
        except BlockingIOError:
            self.close()
            raise _locked(path) from None
        except OSError as error:
            self.close()
            raise write_failed(str(path), error) from error

    def check(self) -> None:
        """Raise `TakenOverError` unless the file still says that we hold it."""
        try:
            found = self.path.read_bytes()
        except FileNotFoundError:
            found = b""
        if found != self._signature:
            raise TakenOverError(
                f"{self.path.parent} was taken over while this driver stood still ({_whose(found)}); "
                "nothing was added, and this driver must end"
            )

    def close(self) -> None:
        """Give the run free. Closing twice is fine."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _named(self) -> bool:
        """Whether what we have open is the file of that name: it may be replaced before we get the lock."""
        try:
            return self._fd >= 0 and os.path.samestat(os.fstat(self._fd), self.path.stat())
        except FileNotFoundError:
            return False


def _take(fd: int) -> None:
    """Lock what is open for this process alone. Raises BlockingIOError if somebody else keeps it."""
    for _ in range(_TRIES - 1):
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _locked(path: Path) -> RunLockedError:
    """Who holds the lock, as far as the file says; a holder that just took it may not have signed yet."""
    holder = _holder(path.read_bytes() if path.exists() else b"")
    if holder is None:
        return RunLockedError(f"{path.parent} is in use by another driver; wait until it ends")
    message = (
        f"{path.parent} is in use by process {holder.pid} on {holder.host}; wait until it ends, or stop it (if it "
        f"cannot be reached and must not go on, delete {path})"
    )
    return RunLockedError(message, pid=holder.pid, host=holder.host)


def _whose(content: bytes) -> str:
    holder = _holder(content)
    return "its lock was removed" if holder is None else f"by process {holder.pid} on {holder.host}"


def _holder(content: bytes) -> Holder | None:
    """The driver that a lock file names."""
    try:
        found = json.loads(content)
        return Holder(pid=int(found["pid"]), host=str(found["host"]), token=str(found["token"]))
    except (ValueError, KeyError, TypeError):
        return None
