"""What every module of hostile programs stands on, and what must be true of the host after each of them.

A module gets a directory of its own for everything temporary, and an instance of its own on the engine. When its tests
are over, nothing may be left: no container, volume, socket, process or child of ours, and no disk that was used up.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dgm.jobs import NodeServices
from dgm.jobs.services import NodeDoors, NodeSettings
from dgm.llm import Gateway
from dgm.llm.upstreams import OpenAI
from sandbox import Level, SandboxUnavailableError
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.engine import Engine
from sandbox.local.bubblewrap import BubblewrapSandbox
from sandbox.place import Place
from sandbox.testing import a_spec
from tests.dgm.jobs.agents import LIMITS, Chatty, serving
from tests.fake_upstream import FakeUpstream
from tests.hostile.gateways import KEY, Neighbour, a_gateway, visit
from tests.hostile.helpers import (
    children,
    comes_true,
    container_of_every_process,
    free_bytes,
    groups_left,
    mounts_of_boxes,
    processes_in_groups,
)

DISK_TOLERANCE = 1 << 30
"""Bytes. Others may write meanwhile; every program that fills disks here tries to write more than this."""


def left_in(home: Path) -> list[Path]:
    """What is below `home`, but for the place where processes count each other and its counters."""
    place = home / f"dgm-{os.geteuid()}"
    counters = {path for slots in place.glob("*-slots") for path in (slots, *slots.iterdir())}
    return sorted({*home.rglob("*")} - {place} - counters)


@pytest.fixture(scope="module", autouse=True)
def untouched_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The module's own directory for temporary files; empty at its end, like the list of our child processes."""
    tmp_path_factory.getbasetemp()  # stays where pytest puts it
    home = Path(tempfile.mkdtemp(prefix="dgm-hostile-"))
    home.chmod(0o711)
    free, had = free_bytes(), children()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(home))
        patch.setattr(tempfile, "tempdir", None)
        yield home
    try:
        assert comes_true(lambda: not left_in(home)), f"left over: {left_in(home)}"
        assert comes_true(lambda: children() <= had), f"left over: {children() - had}"
        assert comes_true(lambda: free_bytes() > free - DISK_TOLERANCE), "the host's disk was used up"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def docker(engine: Engine, untouched_host: Path) -> Iterator[DockerSandbox]:
    """Boxes on the real engine, under an instance of this module's own."""
    place = Place()  # below the module's own directory: nobody else's
    sandbox = DockerSandbox(place=place)
    yield sandbox
    sandbox.close()
    mine = {"dgm.place": place.id}
    # The engine may still be at removing what was killed.
    assert comes_true(lambda: not engine.containers(mine)), f"left over: {engine.containers(mine)}"
    assert comes_true(lambda: not engine.volumes(mine)), f"left over: {engine.volumes(mine)}"

    def orphans() -> dict[int, str]:
        """Processes of this machine that still live in a container which the engine does not know any more."""
        inside = container_of_every_process()
        known = {container for container, _ in engine.containers({})}
        return {pid: container for pid, container in inside.items() if container not in known}

    assert comes_true(lambda: not orphans()), f"left over: {orphans()}"


@pytest.fixture(scope="module")
def services(docker: DockerSandbox) -> Iterator[NodeServices]:
    """A node for whole jobs: real boxes, a real gateway whose model always says the same."""
    with serving(docker, Chatty()) as services:
        yield services


@pytest.fixture(scope="module")
def bubblewrap(untouched_host: Path) -> Iterator[BubblewrapSandbox]:
    """Boxes of namespaces. A machine without them is a skip, with DGM_REQUIRE_DOCKER=1 a failure."""
    try:
        sandbox = BubblewrapSandbox()
        with sandbox.open(a_spec()) as box:
            box.exec(["true"])
    except SandboxUnavailableError as error:
        if os.environ.get("DGM_REQUIRE_DOCKER") == "1":
            raise
        pytest.skip(f"no bubblewrap: {error}")
    mounts = mounts_of_boxes()
    yield sandbox
    sandbox.close()
    assert comes_true(lambda: not processes_in_groups(sandbox.instance)), "a process of a box lives on"
    assert groups_left(sandbox) == []
    assert mounts_of_boxes() == mounts


@pytest.fixture(scope="module")
def bubblewrap_services(bubblewrap: BubblewrapSandbox) -> Iterator[NodeServices]:
    """A node for whole jobs in bubblewrap boxes; its model always says the same."""
    with serving(bubblewrap, Chatty()) as services:
        yield services


@pytest.fixture(scope="module")
def provider(untouched_host: Path) -> Iterator[FakeUpstream]:
    with FakeUpstream(key=KEY) as upstream:
        yield upstream


@pytest.fixture
def upstream(provider: FakeUpstream) -> FakeUpstream:
    provider.reset()
    return provider


@pytest.fixture
def gateway(upstream: FakeUpstream) -> Iterator[Gateway]:
    with a_gateway(upstream) as gateway:
        yield gateway


@pytest.fixture
def node(docker: DockerSandbox, upstream: FakeUpstream) -> Iterator[NodeServices]:
    """A node for whole jobs whose gateway holds a real key."""
    settings = NodeSettings(
        level=Level.DOCKER,
        limits=LIMITS,
        upstream=OpenAI(base_url=upstream.base_url, models={"solve": "fake-1", "improve": "fake-1"}),
        slots=2,
    )
    doors = NodeDoors(settings, {"OPENAI_API_KEY": KEY})
    try:
        yield NodeServices(docker, doors, LIMITS)
    finally:
        doors.stop()


@pytest.fixture
def neighbour(gateway: Gateway, docker: DockerSandbox) -> Iterator[Neighbour]:
    with visit(gateway, docker, "neighbour") as visiting:
        yield Neighbour(visiting)
