"""Programs that use up what a box has, or will not end."""

from __future__ import annotations

import pytest

from archive import Outcome
from dgm.jobs import NodeServices
from sandbox.docker.backend import DockerSandbox
from tests.hostile.helpers import roll, tasks_of_instance

pytestmark = pytest.mark.docker


def test_11_sleep_for_ever(services: NodeServices, docker: DockerSandbox) -> None:
    result = roll(services, "say('asleep')\ntime.sleep(10**6)", seconds=1.0)
    assert (result.outcome, result.log) == (Outcome.TIMED_OUT, b'"asleep"\n')
    assert tasks_of_instance(docker.engine, {"dgm.instance": docker.instance}) == 0
