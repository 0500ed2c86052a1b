"""The same contract on Ray, and what only processes can do: die. One local cluster for the whole module."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive import Outcome
from dgm.workers import Pool
from sandbox import Place
from sandbox.testing import gone, processes_named
from tests.dgm.workers.contract import SETTINGS, WRITE, PoolContract, finish, job, scratch_directory

ROOT = Path(__file__).parents[3]

KILLS_ITS_WORKER = """
ask()
def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
os.kill(parent(os.getppid()), 9)
time.sleep(60)
"""
"""At the process level an agent can do that; it stands for whatever else kills a worker."""


RAYS_OWN = (b"DashboardAgent", b"RuntimeEnvAgent")
"""Two agents of Ray's that notice only after up to a minute that a killed cluster is gone."""


def marked(mark: str) -> list[int]:
    """Processes with `mark` in their environment, but for Ray's slow agents."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            try:
                ours = mark.encode() in (directory / "environ").read_bytes()
                if ours and not any(name in (directory / "cmdline").read_bytes() for name in RAYS_OWN):
                    found.append(int(directory.name))
            except OSError:
                continue
    return found


def none_left(mark: str, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while marked(mark):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module")
def cluster() -> Iterator[Pool]:
    from dgm.workers.ray_pool import start

    mark = uuid.uuid4().hex
    with pytest.MonkeyPatch.context() as environment, scratch_directory() as scratch:
        environment.setenv("DGM_TEST", mark)
        environment.setenv("TMPDIR", scratch)
        environment.setenv(
            "RAY_ADDRESS", "203.0.113.1:6379"
        )  # somebody else's cluster, which must be left alone
        pool = start(SETTINGS, slots=2)
        yield pool
        sleep = f"78.{uuid.uuid4().int % 10**9}"
        pool.submit(job(99, f"os.execvp('sleep', ['sleep', '{sleep}'])\n", seconds=90.0))
        while not processes_named(sleep):
            time.sleep(0.05)
        began = time.monotonic()
        pool.close()
        pool.close()
        assert time.monotonic() - began < 60
        assert gone(sleep)
        assert none_left(mark, 60), "processes are left after the pool was closed"
        Place().sweep()
        assert list(Place().root.iterdir()) == []


@pytest.fixture
def pool(cluster: Pool) -> Pool:
    return cluster


class TestRayPool(PoolContract):
    def test_a_worker_that_dies_comes_back_void_and_its_next_try_goes_on(
        self, pool: Pool, tmp_path: Path
    ) -> None:
        journal = tmp_path / "j.jsonl"
        pool.submit(job(1, KILLS_ITS_WORKER, journal=journal))
        [dead] = finish(pool, 1)
        assert dead.outcome is Outcome.VOID
        assert "died" in dead.detail
        assert dead.record is not None
        assert dead.record.usage.calls == 1
        assert dead.record.usage.cost_microusd > 0
        place, end = Place(), time.monotonic() + 30
        while not all(place.alive(path.name) for path in place.root.iterdir()):
            assert time.monotonic() < end, "the node leaves a dead worker's directory behind"
            time.sleep(0.1)
        pool.submit(job(2, f"ask()\n{WRITE}", journal=journal))
        [alive] = finish(pool, 1)
        assert alive.outcome is Outcome.RESOLVED, alive.detail
        assert alive.record is not None
        assert [call.journal for call in alive.record.calls] == [True]

    def test_a_journal_in_use_is_told_as_what_it_is(self, pool: Pool, tmp_path: Path) -> None:
        (tmp_path / "j").write_text("no journal\nat all\n")
        pool.submit(job(1, journal=tmp_path / "j"))
        [result] = finish(pool, 1)
        assert result.outcome is Outcome.VOID
        assert "line 1 of the journal" in result.detail

    def test_no_process_reports_to_the_makers_of_ray(self, pool: Pool) -> None:
        ours = [Path(f"/proc/{pid}/environ").read_bytes() for pid in marked(os.environ["DGM_TEST"])]
        assert ours
        assert all(b"RAY_USAGE_STATS_ENABLED=0" in environment for environment in ours)


@pytest.fixture
def scratch() -> Iterator[str]:
    with scratch_directory() as directory:
        yield directory


@pytest.mark.whole
def test_interrupting_the_driver_ends_no_job_and_killing_it_ends_all(scratch: str) -> None:
    mark = f"{uuid.uuid4().int % 10**9:09}"
    driver = subprocess.Popen(
        [sys.executable, "-m", "tests.dgm.workers.doomed", mark],
        cwd=ROOT,
        env={**os.environ, "DGM_TEST": f"doomed{mark}", "TMPDIR": scratch},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with driver:
        assert driver.stdout is not None
        assert driver.stderr is not None
        assert driver.stdout.readline() == "first\n", driver.stderr.read()
        time.sleep(0.5)
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
        assert [driver.stdout.readline() for _ in range(3)] == ["interrupted\n", "resolved\n", "second\n"]
        end = time.monotonic() + 60
        while not processes_named(f"77.{mark}") and time.monotonic() < end:
            time.sleep(0.05)
        assert processes_named(f"77.{mark}")
        driver.kill()
        assert none_left(f"doomed{mark}", 60), "processes outlive their driver"
        assert gone(f"77.{mark}", 5)
        assert driver.stderr.read() == ""
