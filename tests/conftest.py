"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sandbox import SandboxUnavailableError
from sandbox.docker import images
from sandbox.docker.engine import Engine

settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", parent=settings.get_profile("same"), derandomize=False)
settings.load_profile("same")
"""The same examples on every machine, however slow; `--hypothesis-profile explore` looks for others."""

MACHINE = ("end_to_end", "hostile", "sandbox", "scripts", "dgm/jobs", "dgm/workers")
"""Rooms whose tests use what the machine has once (an engine, a Ray cluster, cgroups, all of its memory)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side, those that use the machine's one engine or cluster run one after the other."""
    here = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(here).as_posix()
        of_machine = any(place.startswith(f"{room}/") for room in MACHINE)
        item.add_marker(pytest.mark.xdist_group("machine" if of_machine else place))


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A real engine with our images, or a skip that says why; with DGM_REQUIRE_DOCKER=1 a failure instead."""
    try:
        engine = Engine()
        images.build(engine)
    except SandboxUnavailableError as error:
        if os.environ.get("DGM_REQUIRE_DOCKER") == "1":
            raise
        pytest.skip(f"no Docker engine: {error}")
    yield engine
    engine.close()
