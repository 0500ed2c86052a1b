"""What a node needs once, and what is left of it."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dgm.jobs.services import RELAY_UID, NodeDoors, NodeSettings
from dgm.llm import GatewayConfigError, RolloutError, RolloutSpec
from dgm.llm.upstreams import Rehearsal
from sandbox import Level
from tests.dgm.jobs.agents import LIMITS, Chatty, Fixed

ROOT = Path(__file__).parents[3]
SPEC = RolloutSpec(id="1" * 32, decision=1, role="solve", sample=bytes(16))


def settings(level: Level = Level.PROCESS) -> NodeSettings:
    return NodeSettings(level=level, limits=LIMITS, upstream=Fixed(Chatty()), slots=1)


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="d") as directory:
        monkeypatch.setenv("TMPDIR", directory)
        yield Path(directory) / f"dgm-{os.geteuid()}"


def test_settings_travel() -> None:
    given = NodeSettings(level=Level.DOCKER, limits=LIMITS, upstream=Rehearsal(), slots=3)
    assert pickle.loads(pickle.dumps(given)) == given


def test_stopping_leaves_nothing_and_may_be_done_twice(scratch: Path) -> None:
    doors = NodeDoors(settings(), {})
    directory = doors.open(SPEC)
    assert (directory / "gateway.sock").is_socket()
    assert directory.parent == doors.directory
    doors.stop()
    doors.stop()
    assert list(scratch.iterdir()) == []


def test_a_rollout_is_open_once_and_closed_once(scratch: Path) -> None:
    doors = NodeDoors(settings(), {})
    doors.open(SPEC)
    with pytest.raises(RolloutError, match="already open"):
        doors.open(SPEC)
    assert doors.close(SPEC.id).calls == ()
    with pytest.raises(RolloutError, match="not open"):
        doors.close(SPEC.id)
    doors.stop()


def test_what_a_killed_node_left_goes_when_the_next_one_starts_and_only_that(scratch: Path) -> None:
    code = (
        "import os\n"
        "from dgm.jobs.services import NodeDoors\n"
        "from tests.dgm.jobs.test_services import settings\n"
        "NodeDoors(settings(), {})\n"
        "os.kill(os.getpid(), 9)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=env, check=False)
    [left] = scratch.iterdir()
    alive = NodeDoors(settings(), {})
    assert list(scratch.iterdir()) == [alive.directory]
    other = NodeDoors(settings(), {})
    assert alive.directory.exists()
    assert not left.exists()
    alive.stop()
    other.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a socket away")
def test_a_containers_socket_belongs_to_its_relays_user(scratch: Path) -> None:
    doors = NodeDoors(settings(Level.DOCKER), {})
    found = (doors.open(SPEC) / "gateway.sock").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (RELAY_UID, 0o660)
    doors.stop()


def test_a_gateway_that_does_not_start_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    monkeypatch.setenv("TMPDIR", str(long))
    with pytest.raises(GatewayConfigError, match="too long for Unix sockets"):
        NodeDoors(settings(), {})
    assert list((long / f"dgm-{os.geteuid()}").iterdir()) == []
