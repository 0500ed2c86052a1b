"""A process that stands still is ended by the others of its node; none that beats, none that only has its number."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from dgm.workers.pulse import Pulse
from tests.dgm.workers.machines import within

BEATS = """
import sys
from pathlib import Path
from dgm.workers.pulse import Pulse
pulse = Pulse(Path(sys.argv[1]), 600.0 if sys.argv[2] == "sleepy" else 6.0)
pulse.start()
print("here", flush=True)
sys.stdin.read()
pulse.stop()
"""


@contextlib.contextmanager
def beating(directory: Path, stalled_s: float) -> Iterator[None]:
    pulse = Pulse(directory, stalled_s)
    pulse.start()
    yield
    pulse.stop()


def process(directory: Path, how: str = "brisk") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", BEATS, str(directory), how]
    found = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert found.stdout is not None
    assert found.stdout.readline() == b"here\n"
    return found


def test_who_stands_still_is_ended_and_who_beats_is_not(tmp_path: Path) -> None:
    directory = tmp_path / "pulse"
    with process(directory) as stopped, process(directory) as brisk, beating(directory, 6.0):
        os.kill(stopped.pid, signal.SIGSTOP)
        assert stopped.wait(120) == -signal.SIGKILL
        assert brisk.poll() is None
        assert within(60, lambda: not (directory / str(stopped.pid)).exists())
        brisk.communicate()
        assert brisk.returncode == 0
    assert not directory.exists()


def test_a_process_that_only_has_the_number_of_a_dead_one_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as innocent, beating(tmp_path, 0.6):
        file = tmp_path / str(innocent.pid)
        file.touch()
        assert within(60, lambda: not file.exists())
        assert innocent.poll() is None
        innocent.kill()
