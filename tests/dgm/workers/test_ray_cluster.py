"""Nodes that share no file system with the driver: what is paid there still stands in the run's own directory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from archive import Outcome
from dgm.llm import read_journal
from dgm.workers.ray_pool import start
from tests.dgm.workers.contract import SETTINGS, WRITE, finish, job, scratch_directory

ASKS_AND_DIES = "ask()\nwhile True: time.sleep(0.1)\n"


def can_hide() -> bool:
    """Whether a process may have mounts of its own here."""
    command = ["unshare", "--mount", "true"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    """Where the driver keeps its run; on the other nodes it is empty, and what is written there is lost."""
    directory = tmp_path / "run"
    directory.mkdir()
    return directory


@pytest.fixture
def cluster(run_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head without room for jobs."""
    if not can_hide():
        pytest.skip("mounts of one's own need root, or user namespaces")
    with scratch_directory() as scratch:
        monkeypatch.setenv("TMPDIR", scratch)
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        yield cluster
        ray.shutdown()
        cluster.shutdown()


class Node:
    """A node with one slot, which does not see the run's directory."""

    def __init__(self, cluster: Cluster, hidden: Path) -> None:
        self._mark = uuid.uuid4().hex
        joins = (
            f"{sys.executable} -m ray.scripts.scripts start --address={cluster.address} --num-cpus=1 --block"
        )
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs tmpfs {hidden} && exec {joins}"],
            env={**os.environ, "DGM_TEST": self._mark},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert within(120, lambda: self._alive() > 0), "the node did not join"

    def _alive(self) -> float:
        return float(ray.cluster_resources().get("CPU", 0))

    def kill(self) -> None:
        """Every process of the node at once, as when its machine loses power."""
        for directory in Path("/proc").iterdir():
            try:
                if directory.name.isdigit() and self._mark.encode() in (directory / "environ").read_bytes():
                    os.kill(int(directory.name), 9)
            except OSError:
                continue
        self._process.wait()
        assert within(120, lambda: self._alive() == 0), "the node's death was not noticed"


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_a_call_paid_on_a_node_that_died_is_not_bought_again_on_another(
    cluster: Cluster, run_directory: Path
) -> None:
    pool = start(replace(SETTINGS, slots=1), slots=1, address=cluster.address)
    journal = run_directory / "journal" / "1.jsonl"
    try:
        first = Node(cluster, run_directory)
        pool.submit(job(1, ASKS_AND_DIES, journal=journal))
        assert within(120, lambda: len(read_journal(journal)) == 1), "the call is not in the run's directory"
        first.kill()
        [lost] = finish(pool, 1)
        assert lost.outcome is Outcome.VOID
        assert lost.record is not None
        assert lost.record.usage.cost_microusd == read_journal(journal)[0].cost_microusd
        second = Node(cluster, run_directory)
        pool.submit(job(2, f"ask()\n{WRITE}", journal=journal))
        [done] = finish(pool, 1)
        assert done.outcome is Outcome.RESOLVED, done.detail
        assert done.record is not None
        assert [call.journal for call in done.record.calls] == [True]
        assert len(read_journal(journal)) == 1
        second.kill()
    finally:
        pool.close()
