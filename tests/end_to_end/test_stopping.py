"""Ctrl-C as a terminal sends it: to every process of the group. The same command goes on afterwards."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive import Decision
from sandbox import Place
from sandbox.testing import gone
from tests.end_to_end.real import Driver, assert_whole, open_decisions, results_of, rows_of, small

SLOW = {"llm.latency_s": 0.6, "budget.evaluations": 3, "budget.test_repeats": 0}


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where drivers put what they need; its name is on the command line of whatever runs in a box."""
    with tempfile.TemporaryDirectory(prefix="d") as directory:
        monkeypatch.setenv("TMPDIR", directory)
        yield directory


@pytest.mark.whole
def test_the_first_waits_the_second_leaves_and_the_same_command_goes_on(tmp_path: Path, scratch: str) -> None:
    arguments, run = small(tmp_path, grace_s=300.0, **SLOW), tmp_path / "runs" / "a"

    driver = Driver(arguments)
    driver.wait_until(lambda: len(open_decisions(run)) > 0)
    driver.interrupt(signal.SIGTERM)
    status, out, err = driver.end(within_s=360.0)
    assert status == 130, err
    assert "stopping: nothing new is begun" in out
    assert err.splitlines()[-1] == (
        "dgm: stopped with 0 decisions open; the same command goes on where this one stopped"
    )
    assert "Traceback" not in err
    assert_whole(run)
    decided = rows_of(run, Decision)

    driver = Driver(arguments)
    driver.wait_until(lambda: len(open_decisions(run)) > 0)
    driver.interrupt()
    time.sleep(0.5)  # two signals of a kind that nobody has heard yet are one
    driver.interrupt()
    status, out, err = driver.end(within_s=90.0)
    assert status == 130, err
    assert "Traceback" not in err
    assert gone(scratch, 30.0), "a process of a box outlives its driver"
    assert list(Place().root.iterdir()) == []
    left = open_decisions(run)
    assert f"stopped with {len(left)} decisions open" in err
    assert left
    assert rows_of(run, Decision)[: len(decided)] == decided

    status, out, err = Driver(arguments).end()
    assert status == 0, err
    assert_whole(run)
    assert {row.seq for row in rows_of(run, Decision)} >= left


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_ray_records_what_was_running(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    driver = Driver(small(tmp_path, workers="ray", grace_s=300.0, **SLOW))
    driver.wait_until(lambda: len(open_decisions(run)) > 0, within_s=180.0)
    driver.interrupt()
    status, out, err = driver.end(within_s=360.0)
    assert status == 130, err
    assert "Traceback" not in err
    assert "stopping: nothing new is begun" in out
    assert_whole(run)
    assert all(row.outcome.counted for row in results_of(run))
