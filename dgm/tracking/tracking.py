"""The driver's side: a process of its own gets the run's events, and nothing that it does can stop or slow the run.

Trackers of experiments talk to servers, take over signals and leave threads behind. So each is a program that reads
events from its standard input; what it does not read in time is dropped, and how it fails is told once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

Sink = Callable[[str], None]

WANTED = ("started", "status", "ended")
"""The events that a tracker is told."""

MOST_WAITING = 1 << 20
"""Bytes that wait for a tracker that does not read."""

LOOK_S = 0.05

HURRIED_S = 1.0
"""The patience with a tracker once the operator has asked to stop a second time."""


def nothing() -> None:
    """No tracker."""


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """`program` is a module that reads events; `options` is handed to it as JSON. At the end of the run it gets
    `patience_s` seconds to finish, then it is ended."""

    name: str
    program: str
    options: Mapping[str, object] = field(default_factory=dict)
    patience_s: float = 30.0

    @contextmanager
    def opened(self, tell: Sink, stops: Callable[[], int] = lambda: 0) -> Iterator[Sink]:
        """A sink for events. Never raises. `stops` says how often the operator asked to stop."""
        with tempfile.TemporaryFile() as said:
            process = _Process(self, said, tell, stops)
            try:
                yield process.take
            finally:
                process.close()


class _Process:
    def __init__(self, tracking: Tracking, said: IO[bytes], tell: Sink, stops: Callable[[], int]) -> None:
        self._tracking = tracking
        self._said = said
        self._tell = tell
        self._stops = stops
        self._waiting = bytearray()
        self._failed = False
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", tracking.program, json.dumps(dict(tracking.options))],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                start_new_session=True,  # Ctrl-C is for the driver
            )
        except OSError as error:
            self._cannot(f"cannot be started: {error}")
        else:
            os.set_blocking(self._pipe(), False)

    def take(self, line: str) -> None:
        if self._process is None or json.loads(line).get("event") not in WANTED:
            return
        if len(self._waiting) > MOST_WAITING:
            self._cannot("does not read what it is told; the rest is dropped")
            return
        self._waiting += line.encode() + b"\n"
        self._flush()

    def close(self) -> None:
        """Let it finish, or end it; nothing that it has started is left behind."""
        if self._process is None:
            return
        try:
            patience_s = self._let_finish(self._process)
            if self._process.poll() is None:
                self._cannot(f"was not done {patience_s:.3g} s after the end of the run, and was ended")
            elif self._process.returncode:
                self._cannot(f"ended with status {self._process.returncode}: {self._last_words()}")
        finally:  # whoever asks a third time does not wait at all
            self._end_of_input()
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _let_finish(self, process: subprocess.Popen[bytes]) -> float:
        """Hand over the rest and wait; for how long at most."""
        began, patience_s, hurried = time.monotonic(), self._tracking.patience_s, False
        while process.poll() is None and (waited_s := time.monotonic() - began) < patience_s:
            if not hurried and self._stops() > 1:
                patience_s, hurried = min(patience_s, waited_s + HURRIED_S), True
            if self._waiting:
                self._flush()
            if not self._waiting:
                self._end_of_input()
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_S)
        return patience_s

    def _end_of_input(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def _flush(self) -> None:
        """Hand over what the pipe takes."""
        try:
            while self._waiting:
                del self._waiting[: os.write(self._pipe(), self._waiting[: 64 << 10])]
        except BlockingIOError:
            return
        except OSError:
            self._waiting.clear()
            self._cannot(f"ended: {self._last_words()}")

    def _pipe(self) -> int:
        assert self._process is not None
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    def _last_words(self) -> str:
        with suppress(OSError, ValueError):
            size = self._said.seek(0, os.SEEK_END)
            self._said.seek(max(0, size - 4096))
            lines = self._said.read().decode(errors="replace").split("\n")
            return next((line for line in reversed(lines) if line.strip()), "it said nothing")[:500]
        return "nobody knows what it said"

    def _cannot(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            self._tell(f"tracking: {self._tracking.name} {why}; the run goes on without it")
