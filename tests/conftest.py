"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from sandbox import SandboxUnavailableError
from sandbox.docker import images
from sandbox.docker.engine import Engine

settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", parent=settings.get_profile("same"), derandomize=False)
settings.load_profile("same")
"""The same examples on every machine, however slow; `--hypothesis-profile explore` looks for others."""

WHOLE = os.environ.get("DGM_REQUIRE_DOCKER") == "1"
"""Whether nothing may be left out."""

LEFT_OUT = pytest.mark.skip(reason="dear: DGM_REQUIRE_DOCKER=1 asks for it, as .ci/run does")

MACHINE = (
    *("end_to_end/test_compose.py", "end_to_end/test_docker.py", "end_to_end/test_chaos.py"),
    *("hostile/", "sandbox/", "scripts/", "dgm/jobs/"),
)
"""Where tests look at what the machine has once: all boxes of its engine, its cgroups, its memory."""


LONG = ("end_to_end/", "dgm/workers/", "dgm/llm/rehearsal/")
"""Rooms with few tests that take long: begun early, so that no worker is left alone with one of them."""

MEMORY, ROOM = Path("/dev/shm"), 2 << 30
"""Where temporary files lie in memory, and how many free bytes all tests need there."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep what tests write in memory where that has room: waiting for a disk is a third of what they would take.

    And no cluster of Ray has a token: with its first one that has, a process wants it of all others.
    """
    os.environ["RAY_AUTH_MODE"] = "disabled"
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = (MACHINE, LONG)

    def place(item: pytest.Item) -> int:
        found = (n for n, rooms in enumerate(order) if in_rooms(item.nodeid, rooms))
        return next(found, len(order))

    items.sort(key=place)
    for item in items if not WHOLE else []:
        if item.get_closest_marker("whole") and not item.get_closest_marker("soak"):
            item.add_marker(LEFT_OUT)


def in_rooms(nodeid: str, rooms: tuple[str, ...]) -> bool:
    return nodeid.removeprefix("tests/").startswith(rooms)


class Rooms(LoadScopeScheduling):
    """Tests side by side by files in the order of collection, but those of the machine one after the other."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return "machine" if in_rooms(nodeid, MACHINE) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Rooms:
    return Rooms(config, log)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A real engine with our images, or a skip that says why; with DGM_REQUIRE_DOCKER=1 a failure instead."""
    try:
        engine = Engine()
        images.build(engine)
    except SandboxUnavailableError as error:
        if WHOLE:
            raise
        pytest.skip(f"no Docker engine: {error}")
    yield engine
    engine.close()
