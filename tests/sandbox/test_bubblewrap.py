from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox import Sandbox, SandboxUnavailableError
from sandbox.local.bubblewrap import BubblewrapSandbox
from sandbox.testing import IsolationContract


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    try:
        sandbox = BubblewrapSandbox()
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    yield sandbox
    sandbox.close()


class TestBubblewrap(IsolationContract):
    pass
