"""Workers that are killed anywhere in a rollout leave nothing for longer than the reaper's period."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.docker import DockerSandbox, Engine, reap
from sandbox.place import Place
from sandbox.reaper import Reaper
from sandbox.testing import a_spec, processes_named

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[3]
PERIOD = 1.0  # seconds
SLACK = 30.0  # seconds that a loaded machine may take for what the reaper asks of the engine

POINTS = (
    ("open solve", 0.02),  # creating
    ("open solve", 0.2),  # starting
    ("open solve", 0.5),  # copying in
    ("exec", 0.05),
    ("exec", 0.6),
    ("get", 0.03),  # pausing
    ("get", 0.1),  # copying out
    ("get", 0.3),  # removing
    ("open grade", 0.4),
    ("pair", 0.4),
)
"""What a worker is about to do when its time has come, and at most so many seconds later it is killed."""


@contextmanager
def worker(scratch: str, mark: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.dgm.jobs.doomed", mark],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": scratch},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], what: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == what:
            return
    raise AssertionError(f"the worker ended before it came to {what!r}")


def left(engine: Engine, place: Place, sibling: DockerSandbox, mark: str) -> list[str]:
    """Everything at this place that is not the sibling's."""
    labelled = [*engine.containers({"dgm.place": place.id}), *engine.volumes({"dgm.place": place.id})]
    found = [name for name, labels in labelled if labels["dgm.instance"] != sibling.instance]
    directories = [path.name for path in place.root.iterdir() if not path.name.endswith("-slots")]
    found += [name for name in directories if name != sibling.instance]
    return found + [str(pid) for pid in processes_named(mark)]


@pytest.mark.timeout(600)
def test_workers_killed_at_ten_points_of_a_rollout_leave_nothing_and_their_sibling_alone(
    engine: Engine,
) -> None:
    draw = random.Random(20_251_122)
    mark = f"doomed-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="d") as scratch:
        place = Place(Path(scratch) / f"dgm-{os.geteuid()}")
        sibling = DockerSandbox(place=place, period=3600.0)
        beat = "(n=0; while :; do n=$((n+1)); echo $n > beat; sleep 0.1; done) > /dev/null 2>&1 &"
        with sibling.open(a_spec()) as box:
            box.exec(["sh", "-c", beat])
            reaper = Reaper(lambda: reap(engine, place), PERIOD)
            for what, within_s in POINTS:
                with worker(scratch, mark) as process:
                    wait_for(process, what)
                    time.sleep(draw.uniform(0.0, within_s))
                    process.kill()
                end = time.monotonic() + PERIOD + SLACK
                while (found := left(engine, place, sibling, mark)) and time.monotonic() < end:
                    time.sleep(0.1)
                assert found == [], f"killed at {what}"
            reaper.stop()
            assert int(box.get()["beat"]) > 10

            with worker(scratch, mark) as process:
                wait_for(process, "exec")
            assert left(engine, place, sibling, mark) != []  # nobody looks after it now
            DockerSandbox(place=place).close()
            assert left(engine, place, sibling, mark) == []
            assert box.exec(["true"]).exit_code == 0
        sibling.close()
