from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox
from sandbox.local.process import ProcessSandbox
from sandbox.testing import SandboxContract


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = ProcessSandbox()
    yield sandbox
    sandbox.close()


class TestProcess(SandboxContract):
    pass


def test_the_relay_goes_with_the_process_that_opened_the_box(tmp_path: Path) -> None:
    """A driver that is killed leaves no relay behind, and a Ctrl-C at its terminal does not reach the relay."""
    program = (
        "import os, pathlib, sys\n"
        "from sandbox import BoxSpec, open_sandbox\n"
        "box = open_sandbox('process').open(BoxSpec(name='x', kind='solve', door=pathlib.Path(sys.argv[1])))\n"
        "relay = box._relay.pid\n"
        "print(relay, os.getsid(relay) != os.getsid(0), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    relay, apart = done.stdout.split()
    assert apart == "True"
    deadline = time.monotonic() + 60
    while Path(f"/proc/{relay}").exists() and "State:\tZ" not in Path(f"/proc/{relay}/status").read_text():
        assert time.monotonic() < deadline, "the relay outlived its driver"
        time.sleep(0.05)
