"""A node of a Ray cluster looks after the containers of its workers, even when none of them is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from archive import Outcome
from sandbox import Level, Place
from sandbox.docker import Engine
from sandbox.testing import processes_named
from tests.dgm.workers.contract import SETTINGS, finish, job, scratch_directory

pytestmark = pytest.mark.docker


def comes_true(holds: Callable[[], object], within_s: float = 90.0) -> bool:
    end = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def processes(title: str, scratch: str) -> list[int]:
    """Those of the cluster whose temporary files are in `scratch`."""
    return [
        pid for pid in processes_named(title) if scratch.encode() in Path(f"/proc/{pid}/environ").read_bytes()
    ]


@pytest.mark.timeout(300)
def test_a_killed_workers_containers_and_volumes_go_within_the_period_or_at_the_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dgm.workers.ray_pool import start

    with scratch_directory() as scratch:
        monkeypatch.setenv("TMPDIR", scratch)
        place = Place()
        mine = {"dgm.place": place.id, "dgm.kind": "solve"}
        pool = start(replace(SETTINGS, level=Level.DOCKER, slots=1, reap_s=1.0), slots=1)
        try:
            pool.submit(job(1, "time.sleep(600)\n", seconds=600.0))
            assert comes_true(lambda: engine.containers(mine)), "the job does not begin"
            [doomed] = processes("ray::_do", scratch)
            os.kill(doomed, signal.SIGKILL)
            [result] = finish(pool, 1)
            assert result.outcome is Outcome.VOID
            assert comes_true(lambda: not engine.containers({"dgm.place": place.id}))
            assert engine.volumes({"dgm.place": place.id}) == []

            pool.submit(job(2, "time.sleep(600)\n", seconds=600.0))
            assert comes_true(lambda: engine.containers(mine)), "the job does not begin"
            for doomed in [*processes("ray::_do", scratch), *processes("ray::NodeGateway", scratch)]:
                os.kill(doomed, signal.SIGKILL)
        finally:
            pool.close()
        assert engine.containers({"dgm.place": place.id}) == []
