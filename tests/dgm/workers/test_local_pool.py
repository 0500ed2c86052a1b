from __future__ import annotations

import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive import Outcome
from dgm.jobs import Job, Result, voided
from dgm.workers import LocalPool, Pool, start_local
from sandbox import Place
from sandbox.testing import gone, processes_named
from tests.dgm.workers.contract import SETTINGS, PoolContract, finish, job, scratch_directory


@pytest.fixture(scope="module")
def local() -> Iterator[Pool]:
    with pytest.MonkeyPatch.context() as patch, scratch_directory() as scratch:
        patch.setattr(tempfile, "tempdir", scratch)
        patch.setenv("TMPDIR", scratch)
        pool = start_local(SETTINGS, slots=2)
        yield pool
        pool.close()
        pool.close()
        assert list(Place().root.iterdir()) == []
        assert list(Path(scratch).glob("dgm-*")) == [Place().root]


def test_closing_ends_the_boxes_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch_directory() as scratch:
        monkeypatch.setenv("TMPDIR", scratch)
        mark = f"79.{uuid.uuid4().int % 10**9}"
        pool = start_local(SETTINGS, slots=1)
        pool.submit(job(1, f"os.execvp('sleep', ['sleep', '{mark}'])\n", seconds=90.0))
        while not processes_named(mark):
            time.sleep(0.02)
        pool.close()
        assert gone(mark)
        assert list(Place().root.iterdir()) == []
        [result] = finish(pool, 1)
        assert result.outcome is Outcome.VOID


@pytest.fixture
def pool(local: Pool) -> Pool:
    return local


class TestLocalPool(PoolContract):
    pass


class Held:
    """Work that waits for leave."""

    def __init__(self) -> None:
        self.leave = threading.Event()
        self.begun: list[int] = []

    def __call__(self, job: Job) -> Result:
        self.begun.append(job.decision)
        self.leave.wait(60)
        return voided(job, RuntimeError("late"))


def test_closing_abandons_what_runs_and_what_waits_and_releases_once() -> None:
    released: list[int] = []
    work = Held()
    pool = LocalPool(work, 2, release=lambda: released.append(1))
    for n in range(6):
        pool.submit(job(n))
    while len(work.begun) < 2:
        time.sleep(0.01)
    pool.close()
    pool.close()
    assert released == [1]
    work.leave.set()
    finish(pool, 2)  # those that had begun; the others never begin
    assert pool.next_finished(timeout_s=0.1) is None
    assert len(work.begun) == 2


def test_without_a_clock_the_jobs_own_times_stand() -> None:
    pool = LocalPool(lambda job: voided(job, RuntimeError("no")), 1)
    pool.submit(job(1))
    assert finish(pool, 1)[0].queued_s == 0.0
    pool.close()


def test_no_slots_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"workers\.slots must be at least 1, got 0"):
        LocalPool(Held(), 0)
