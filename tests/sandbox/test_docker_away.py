"""An engine that is gone or stands still, as seen through a process between us and it, which can be ended."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import SandboxUnavailableError
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.engine import Engine
from sandbox.place import Place
from sandbox.testing import a_spec

pytestmark = pytest.mark.docker

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
        self.start()

    def start(self) -> None:
        self._path.unlink(missing_ok=True)
        real = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        command = [sys.executable, "-c", FORWARDS, str(self._path), real]
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


@pytest.fixture
def detour(engine: Engine) -> Iterator[Detour]:
    if not engine.local:
        pytest.skip("the engine is at no Unix socket")
    with tempfile.TemporaryDirectory() as directory:
        found = Detour(Path(directory) / "engine.sock")
        yield found
        found.kill()
    with warnings.catch_warnings():  # the engine's client leaves its socket open where nobody is at home
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_a_command_that_an_engine_loses_is_no_evidence_and_the_next_box_waits_for_it(
    detour: Detour, place: Place
) -> None:
    sandbox = DockerSandbox(url=detour.url, place=place, away=100.0)
    with sandbox.open(a_spec()) as box:
        threading.Timer(1.0, detour.kill).start()
        with pytest.raises(SandboxUnavailableError, match="engine"):
            box.exec(["sleep", "100"])
    back = threading.Timer(3.0, detour.start)
    back.start()
    began = time.monotonic()
    with sandbox.open(a_spec()) as box:
        assert time.monotonic() - began > 2.0
        assert box.queued_s > 2.0
        assert box.exec(["true"]).exit_code == 0
    back.join()
    sandbox.close()


def test_a_command_that_ends_while_the_engine_stands_still_is_as_it_was(detour: Detour, place: Place) -> None:
    sandbox = DockerSandbox(url=detour.url, place=place)
    with sandbox.open(a_spec()) as box:
        threading.Timer(0.5, detour.stop).start()
        threading.Timer(6.0, detour.go_on).start()
        result = box.exec(["sh", "-c", "sleep 2; echo done; exit 3"])
        assert (result.exit_code, result.stdout, result.timed_out) == (3, b"done\n", False)
    sandbox.close()


def test_an_engine_that_stays_away_is_told_of(detour: Detour, place: Place) -> None:
    sandbox = DockerSandbox(url=detour.url, place=place, away=1.5)
    detour.kill()
    with pytest.raises(SandboxUnavailableError, match="no Docker engine answers at"):
        sandbox.open(a_spec())
    detour.start()
    sandbox.close()
