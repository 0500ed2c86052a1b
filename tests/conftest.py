"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from collections.abc import Iterator

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

MACHINE = ("hostile/", "sandbox/", "scripts/", "dgm/jobs/")
"""Rooms whose tests look at what the machine has once: all boxes of its engine, its cgroups, its memory."""


class Rooms(LoadScopeScheduling):
    """Tests side by side by files, but those of the machine one after the other."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "machine" if file.removeprefix("tests/").startswith(MACHINE) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Rooms:
    return Rooms(config, log)


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
