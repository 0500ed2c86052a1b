"""Who may write a run: an exclusive `flock` on the file `lock`, whose content names the holder.

The lock goes away with the process that holds it, however it ends, so the next driver takes over at once. It
belongs to the open file: a child process that was *forked* while the run was open shares it and keeps it
alive, so fork workers before opening a run, or start them with `spawn` or `forkserver`.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path

from .errors import RunLockedError, write_failed


class RunLock:
    """Held from construction to `close`. The file is never deleted: it may be locked under that name only."""

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise write_failed(str(path), error) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sign(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        except BlockingIOError:
            os.close(self._fd)
            raise _locked(path) from None
        except OSError as error:
            os.close(self._fd)
            raise write_failed(str(path), error) from error

    def close(self) -> None:
        """Give the run free. Closing twice is fine."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _sign(self, text: str) -> None:
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)


def _locked(path: Path) -> RunLockedError:
    """Who holds the lock, as far as the file says; a holder that just took it may not have signed yet."""
    try:
        holder = json.loads(path.read_text())
        pid, host = int(holder["pid"]), str(holder["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return RunLockedError(f"{path.parent} is in use by another driver; wait until it ends")
    message = f"{path.parent} is in use by process {pid} on {host}; wait until it ends, or stop it"
    return RunLockedError(message, pid=pid, host=host)
