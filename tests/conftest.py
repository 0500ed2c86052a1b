"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sandbox import SandboxUnavailableError
from sandbox.docker import images
from sandbox.docker.engine import Engine


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
