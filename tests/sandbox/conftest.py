from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.docker.backend import DockerSandbox
from sandbox.docker.engine import Engine


@pytest.fixture(scope="module")
def docker_sandbox(engine: Engine) -> Iterator[DockerSandbox]:
    sandbox = DockerSandbox()
    yield sandbox
    sandbox.close()
    assert engine.containers({"dgm.instance": sandbox.instance}) == []
    assert engine.volumes({"dgm.instance": sandbox.instance}) == []
