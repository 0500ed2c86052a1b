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

import archive
from archive import Evaluation, Outcome
from dgm.jobs import EvaluateResult, ExpandJob, Job, Result
from dgm.llm import read_journal
from dgm.llm.upstreams import OpenAI
from dgm.purse import Money
from dgm.workers import Pool
from dgm.workers.ray_pool import start
from tests.dgm.accounts import spent_as_counted
from tests.dgm.jobs.agents import agent, evaluate_job
from tests.dgm.scripted import Driver, Script
from tests.dgm.workers.contract import SETTINGS, WRITE, finish, job, scratch_directory
from tests.fake_upstream import FakeUpstream

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
    """A node which does not see the run's directory."""

    def __init__(self, cluster: Cluster, hidden: Path, slots: int = 1) -> None:
        self._mark = uuid.uuid4().hex
        joins = f"{sys.executable} -m ray.scripts.scripts start --address={cluster.address}"
        joins += f" --num-cpus={slots} --block"
        before = self._alive()
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs tmpfs {hidden} && exec {joins}"],
            env={**os.environ, "DGM_TEST": self._mark},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert within(120, lambda: self._alive() > before), "the node did not join"

    def _alive(self) -> float:
        return float(ray.cluster_resources().get("CPU", 0))

    def kill(self) -> None:
        """The only node there is goes, and Ray has noticed."""
        self.end()
        assert within(120, lambda: self._alive() == 0), "the node's death was not noticed"

    def end(self) -> None:
        """Every process of the node at once, as when its machine loses power."""
        for directory in Path("/proc").iterdir():
            try:
                if directory.name.isdigit() and self._mark.encode() in (directory / "environ").read_bytes():
                    os.kill(int(directory.name), 9)
            except OSError:
                continue
        self._process.wait()


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


ASKS = """
import urllib.error
print(os.readlink("/proc/self/ns/mnt"))
try:
    for _ in range(1 + os.getpid() % 4):
        ask("x" * 1500)
except urllib.error.HTTPError as error:
    print(error.code)
"""


class Evaluating:
    """A cluster to which a search's evaluations go as rollouts that ask until they may not; see `dgm.workers.Pool`."""

    def __init__(self, inner: Pool) -> None:
        self._inner = inner
        self._made: list[Result] = []
        self.logs: list[list[str]] = []

    @property
    def slots(self) -> int:
        return self._inner.slots

    @property
    def running(self) -> int:
        return self._inner.running + len(self._made)

    def submit(self, job: Job) -> None:
        if isinstance(job, ExpandJob):
            self._made.append(Script()(job))
            return
        asks = evaluate_job(
            agent(ASKS), id=job.id, decision=job.decision, allowance=job.allowance, journal=job.journal
        )
        self._inner.submit(asks)

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if self._made:
            return self._made.pop()
        result = self._inner.next_finished(timeout_s)
        if isinstance(result, EvaluateResult):
            self.logs.append(result.log.decode().split())
        return result

    def resize(self, slots: int) -> None:
        self._inner.resize(slots)

    def lack(self) -> str:
        return self._inner.lack()

    def close(self) -> None:
        return None


def test_rollouts_on_two_nodes_race_for_one_cap(cluster: Cluster, run_directory: Path) -> None:
    """Nobody coordinates but the driver with its allowances; what the provider counted is what the run paid."""
    money = Money(cap=200_000, job=15_000)
    with FakeUpstream() as upstream:
        paid = OpenAI(
            base_url=upstream.base_url,
            models={"solve": "fake-1"},
            price={"fake-1": {"input": 1.0, "output": 10.0}},
        )
        ray_pool = start(replace(SETTINGS, upstream=paid, slots=2), slots=4, address=cluster.address)
        nodes = list[Node]()
        try:
            nodes += [Node(cluster, run_directory, slots=2) for _ in range(2)]
            pool = Evaluating(ray_pool)
            driver = Driver(
                run_directory / "a",
                slots=4,
                evaluations=40,
                pool=lambda _: pool,
                money=money,
                journals=run_directory / "journal",
            )
            driver.search()
        finally:
            ray_pool.close()
            for node in nodes:
                node.end()
        counts = upstream.counts()
    with archive.open(driver.path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    spent = spent_as_counted(rows, counts)
    assert money.cap is not None
    assert money.cap // 2 - money.job < spent <= money.cap
    assert any("the search ends by its budget" in line for line in driver.display.told)
    assert len({place for place, *_ in pool.logs}) == len(nodes)
    assert len(pool.logs) > 10
    assert not any(row.outcome is Outcome.VOID for row in rows if isinstance(row, Evaluation))
