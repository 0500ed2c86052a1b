"""A way to the engine that can be ended: so an engine is gone, or stands still, for those who take it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.docker.engine import Engine

FORWARDS = """
import socket, sys, threading
def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
here = socket.socket(socket.AF_UNIX)
here.bind(sys.argv[1])
here.listen(64)
print("here", flush=True)
while True:
    client, _ = here.accept()
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(sys.argv[2])
    for pair in ((client, engine), (engine, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


class Detour:
    """An engine's address that leads to the real one while its process runs."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self._path = path
        self._real = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        self.start()

    def start(self) -> None:
        self._path.unlink(missing_ok=True)
        command = [sys.executable, "-c", FORWARDS, str(self._path), self._real]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"here\n"

    def kill(self) -> None:
        with self._process:
            self._process.kill()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def detours(engine: Engine) -> Iterator[Detour]:
    """One that leads to the engine of these tests."""
    if not engine.local:
        pytest.skip("the engine is at no Unix socket")
    with tempfile.TemporaryDirectory() as directory:
        found = Detour(Path(directory) / "engine.sock")
        yield found
        found.kill()
