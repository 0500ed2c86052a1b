"""An engine that is gone or stands still, as seen by a sandbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from sandbox import SandboxUnavailableError
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.engine import Engine
from sandbox.place import Place
from sandbox.testing import a_spec
from tests.sandbox.detour import Detour, detours

pytestmark = pytest.mark.docker


@pytest.fixture
def detour(engine: Engine) -> Iterator[Detour]:
    with detours(engine) as found:
        yield found


def test_a_command_that_an_engine_loses_is_no_evidence_and_the_next_box_waits_for_it(
    detour: Detour, place: Place
) -> None:
    sandbox = DockerSandbox(url=detour.url, place=place, away=100.0)
    with sandbox.open(a_spec()) as box:
        threading.Timer(1.0, detour.kill).start()
        with pytest.raises(SandboxUnavailableError, match="engine"):
            box.exec(["sleep", "100"])
    back = threading.Timer(3.0, detour.start)
    back.start()
    began = time.monotonic()
    with sandbox.open(a_spec()) as box:
        assert time.monotonic() - began > 2.0
        assert box.queued_s > 2.0
        assert box.exec(["true"]).exit_code == 0
    back.join()
    sandbox.close()


def test_a_command_that_ends_while_the_engine_stands_still_is_as_it_was(detour: Detour, place: Place) -> None:
    sandbox = DockerSandbox(url=detour.url, place=place)
    with sandbox.open(a_spec()) as box:
        threading.Timer(0.5, detour.stop).start()
        threading.Timer(6.0, detour.go_on).start()
        result = box.exec(["sh", "-c", "sleep 2; echo done; exit 3"])
        assert (result.exit_code, result.stdout, result.timed_out) == (3, b"done\n", False)
    sandbox.close()


def test_an_engine_that_stays_away_is_told_of(detour: Detour, place: Place) -> None:
    sandbox = DockerSandbox(url=detour.url, place=place, away=1.5)
    detour.kill()
    with pytest.raises(SandboxUnavailableError, match="no Docker engine answers at"):
        sandbox.open(a_spec())
    detour.start()
    sandbox.close()
