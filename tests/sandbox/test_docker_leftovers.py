"""What a command leaves running in its container must not make what it did look like an outage."""

from __future__ import annotations

from contextlib import suppress

import pytest

from sandbox import Limits, SubmissionRejectedError
from sandbox.base import MIB
from sandbox.docker import config
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.engine import EngineError
from sandbox.testing import a_spec, gateway, python

pytestmark = pytest.mark.docker

STORM = """
import os, time
if os.fork() == 0:
    os.setsid()
    for _ in range(30):
        if os.fork() == 0:
            while True:
                try:
                    if os.fork(): os._exit(0)
                except OSError: pass
    os._exit(0)
time.sleep(0.3)
"""
# Memory that no process answers for, in processes smaller than the relay: the kernel then ends the relay first.
HOARD = """
import os, sys, time
with open("/proc/self/oom_score_adj", "w") as file: file.write("0")
if os.fork() == 0:
    os.setsid()
    parent = os.getppid()
    for _ in range(int(sys.argv[1]) // 30):
        held = os.memfd_create("held", 0)
        os.set_inheritable(held, True)
        for _ in range(30): os.write(held, b"x" * (1 << 20))
    open("/tmp/ready", "w").close()
    while sys.argv[2] == "after" and os.getppid() == parent: time.sleep(0.0005)
    more = "head -c 16000000 /dev/zero > /dev/shm/f; for i in 1 2 3 4; do head -c 16000000 /dev/zero > /tmp/$i; done"
    os.execv("/bin/sh", ["sh", "-c", more + "; sleep 9"])
while not os.path.exists("/tmp/ready"): time.sleep(0.01)
time.sleep(0 if sys.argv[2] == "after" else 5)
"""


@pytest.fixture(scope="module")
def sandbox(docker_sandbox: DockerSandbox) -> DockerSandbox:
    return docker_sandbox


@pytest.mark.parametrize("turn", range(3))
def test_a_storm_of_forks_does_not_keep_the_workspace_from_being_read(
    sandbox: DockerSandbox, turn: int
) -> None:
    with sandbox.open(a_spec()) as box:
        assert python(box, STORM).exit_code == 0
        assert box.get() is not None


def test_a_container_that_cannot_be_paused_is_its_commands_fault(
    sandbox: DockerSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pause(container: str) -> None:
        raise EngineError("unable to freeze", 500)

    monkeypatch.setattr(sandbox.engine, "pause", pause)
    with sandbox.open(a_spec()) as box:
        with pytest.raises(EngineError):
            box.get()  # nothing untrusted has run
        assert box.exec(["true"]).exit_code == 0
        with pytest.raises(SubmissionRejectedError, match="could not be stopped"):
            box.get()


def test_memory_that_runs_out_after_the_command_has_ended_is_the_commands(sandbox: DockerSandbox) -> None:
    for size in ("240", "270"):
        with (
            gateway() as door,
            sandbox.open(a_spec(door=door, limits=Limits(memory_bytes=256 * MIB))) as box,
        ):
            result = python(box, HOARD, size, "after")
            assert result.exit_code == 0 or result.out_of_memory
            with suppress(SubmissionRejectedError):
                box.get()


def test_the_next_command_of_a_container_that_ran_out_of_memory_is_out_of_memory(
    sandbox: DockerSandbox,
) -> None:
    with gateway() as door, sandbox.open(a_spec(door=door, limits=Limits(memory_bytes=256 * MIB))) as box:
        result = python(box, HOARD, "240", "now")
        assert result.out_of_memory or result.exit_code == 0 or box.exec(["true"]).out_of_memory


def test_deep_trees_of_the_agents_own_find_room(sandbox: DockerSandbox) -> None:
    deep = {"/".join([f"d{n}", *"abcdefghij", "f.py"]): b"x" for n in range(200)}
    assert config.entries(deep) == 200 * 12
    with sandbox.open(a_spec(workspace=deep, areas={"agent": deep})) as box:
        assert box.exec(["true"]).exit_code == 0
        assert box.get() == deep
