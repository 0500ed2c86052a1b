from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox, open_sandbox
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.engine import Engine
from sandbox.place import Place


@pytest.fixture(scope="module")
def docker_sandbox(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerSandbox]:
    sandbox = DockerSandbox(place=Place(tmp_path_factory.mktemp("place")))
    yield sandbox
    sandbox.close()
    assert engine.containers({"dgm.instance": sandbox.instance}) == []
    assert engine.volumes({"dgm.instance": sandbox.instance}) == []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


@pytest.fixture(scope="module")
def processes() -> Iterator[Sandbox]:
    """Bare processes: no isolation, nothing to wait for."""
    sandbox = open_sandbox("process")
    yield sandbox
    sandbox.close()
