from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dgm.jobs import NodeServices
from sandbox import Sandbox, SandboxUnavailableError, open_sandbox
from tests.dgm.jobs.agents import Chatty, serving


@pytest.fixture(scope="session")
def process() -> Iterator[Sandbox]:
    sandbox = open_sandbox("process")
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session", params=["process", "bubblewrap"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        sandbox = open_sandbox(request.param)
    except SandboxUnavailableError as error:
        if os.environ.get("DGM_REQUIRE_DOCKER") == "1":
            raise
        pytest.skip(str(error))
    yield sandbox
    sandbox.close()


@pytest.fixture
def services(sandbox: Sandbox) -> Iterator[NodeServices]:
    """A node at each local level, with a gateway whose model always says the same."""
    with serving(sandbox, Chatty()) as services:
        yield services


@pytest.fixture
def plain(process: Sandbox) -> Iterator[NodeServices]:
    """The same at the process level alone, for what does not depend on the level."""
    with serving(process, Chatty()) as services:
        yield services
