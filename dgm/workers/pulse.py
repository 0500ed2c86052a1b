"""The processes of one node look after each other: one that stands still is ended, so that its work is tried again.

    <directory>/<pid>    touched again and again by this process, locked while it lives

Who shares a directory must share the numbers of processes too: so it is one for each node.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import threading
from pathlib import Path

from sandbox import Place

log = logging.getLogger(__name__)

NAME = "dgm-pulse-"
"""With a node's id behind it the name of its directory."""

LOOKS = 12
"""So many looks in a row must find a process without a beat. They are counted, not timed: who stood still himself,
with the whole machine perhaps, begins to count when he goes on."""


class Pulse:
    """Beats from `start` to `stop` or the end of this process, and ends who did not beat for `stalled_s` seconds."""

    def __init__(self, directory: Path, stalled_s: float) -> None:
        self._directory = directory
        self._period_s = stalled_s / LOOKS
        self._path = directory / f"{os.getpid()}"
        self._seen: dict[Path, tuple[int, int]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def start(self) -> None:
        while not self._locked():
            pass
        self._thread.start()

    def _locked(self) -> bool:
        """Whether we have our file now: who cleans up may have removed it, or the directory, before it was locked."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            if self._path.exists():
                return True
            os.close(self._descriptor)
        return False

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        _tidy(self._directory)

    def _beat(self) -> None:
        while not self._over.wait(self._period_s):
            os.utime(self._descriptor)
            with contextlib.suppress(OSError):
                self._look()

    def _look(self) -> None:
        others = {path for path in self._directory.iterdir() if path != self._path}
        self._seen = {path: seen for path, seen in self._seen.items() if path in others}
        for path in others:
            with contextlib.suppress(FileNotFoundError):
                beat = path.stat().st_mtime_ns
                before, looks = self._seen.get(path, (beat, 0))
                self._seen[path] = (beat, looks + 1 if beat == before else 0)
                if self._seen[path][1] >= LOOKS:
                    self._end(path)

    def _end(self, path: Path) -> None:
        if not _gone(path):
            log.error("process %s of this node stands still and is ended: its work is tried again", path.name)
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.name), signal.SIGKILL)


def pulse_of(node: str, stalled_s: float) -> Pulse:
    return Pulse(Place().root.parent / f"{NAME}{node[:16]}", stalled_s)


def tidy_pulses() -> None:
    """Remove what nodes on this machine left that are gone."""
    for directory in Place().root.parent.glob(f"{NAME}*"):
        _tidy(directory)


def _tidy(directory: Path) -> None:
    """Remove the directory if nobody in it lives."""
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            _gone(path)
        directory.rmdir()


def _gone(path: Path) -> bool:
    """Whether the process of this file is gone; then the file goes too, since the number may be another's."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)
