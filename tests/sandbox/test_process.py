from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox import Sandbox
from sandbox.local.process import ProcessSandbox
from sandbox.testing import SandboxContract


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = ProcessSandbox()
    yield sandbox
    sandbox.close()


class TestProcess(SandboxContract):
    pass
