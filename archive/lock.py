"""Who may write a run: an exclusive `flock` on the file `lock`, whose content names the holder.

The lock goes away with the process that holds it, however it ends, so the next driver takes over at once. It
belongs to the open file: a child process that was *forked* while the run was open shares it and keeps it
alive, so fork workers before opening a run, or start them with `spawn` or `forkserver`.

A holder that was stopped (SIGSTOP, a frozen machine) keeps the lock. Whoever is sure that it must not go on deletes the
file `lock`; the next driver then makes a new one. Where `flock` does not reach other machines, a second driver signs
the same file anew. Either way the file no longer says what the first holder wrote, and `check` tells it so: before and
after each append. Between the two nothing that it writes can get among the new driver's rows, see `archive.log`.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from pathlib import Path

from .errors import RunLockedError, TakenOverError, write_failed


class RunLock:
    """Held from construction to `close`. We never delete the file. `path` follows a run that is renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "token": secrets.token_hex(8)}
        self._signature = json.dumps(holder).encode()
        self._fd = -1
        try:
            while not self._named():
                self.close()
                self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
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


def _locked(path: Path) -> RunLockedError:
    """Who holds the lock, as far as the file says; a holder that just took it may not have signed yet."""
    holder = _holder(path.read_bytes() if path.exists() else b"")
    if holder is None:
        return RunLockedError(f"{path.parent} is in use by another driver; wait until it ends")
    pid, host = holder
    message = (
        f"{path.parent} is in use by process {pid} on {host}; wait until it ends, or stop it (if it cannot be reached "
        f"and must not go on, delete {path})"
    )
    return RunLockedError(message, pid=pid, host=host)


def _whose(content: bytes) -> str:
    holder = _holder(content)
    return "its lock was removed" if holder is None else f"by process {holder[0]} on {holder[1]}"


def _holder(content: bytes) -> tuple[int, str] | None:
    """Process and host that a lock file names."""
    try:
        holder = json.loads(content)
        return int(holder["pid"]), str(holder["host"])
    except (ValueError, KeyError, TypeError):
        return None
