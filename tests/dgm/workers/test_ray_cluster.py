"""Nodes that share no file system with the driver: what is paid there still stands in the run's own directory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as NodeAffinity

import archive
from archive import Evaluation, Outcome
from dgm.jobs import ExpandJob, Job, Result
from dgm.llm import RolloutSpec, read_journal
from dgm.llm.upstreams import OpenAI
from dgm.purse import Money
from dgm.workers.ray_cluster import join
from dgm.workers.ray_nodes import Journals
from dgm.workers.ray_pool import start
from tests.dgm.accounts import spent_as_counted
from tests.dgm.scripted import Driver, Script
from tests.dgm.workers.contract import SETTINGS, WRITE, finish, job
from tests.dgm.workers.machines import bare_head, within
from tests.dgm.workers.rolling import Rolling
from tests.fake_upstream import FakeUpstream

ASKS_AND_DIES = "ask()\nwhile True: time.sleep(0.1)\n"

PATIENCE_S = 300
"""Seconds for what takes a few where nothing else runs."""


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
def cluster(run_directory: Path) -> Iterator[Cluster]:
    if not can_hide():
        pytest.skip("mounts of one's own need root, or user namespaces")
    with bare_head() as cluster:
        yield cluster


class Node:
    """A node which does not see the run's directory."""

    def __init__(self, cluster: Cluster, hidden: Path) -> None:
        self._mark = uuid.uuid4().hex
        joins = f"{sys.executable} -m ray.scripts.scripts start --address={cluster.address}"
        joins += " --num-cpus=1 --block"
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs tmpfs {hidden} && exec {joins}"],
            env={**os.environ, "DGM_TEST": self._mark},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        """The only node there is goes, and Ray has noticed."""
        self.end()
        assert within(PATIENCE_S, lambda: not serving()), "the node's death was not noticed"

    def end(self) -> None:
        """Every process of the node at once, as when its machine loses power."""
        for directory in Path("/proc").iterdir():
            try:
                if directory.name.isdigit() and self._mark.encode() in (directory / "environ").read_bytes():
                    os.kill(int(directory.name), 9)
            except OSError:
                continue
        self._process.wait()


def joined(*nodes: Node) -> Sequence[str]:
    """Wait until there are so many nodes with room for jobs. Gives their ids in Ray."""
    assert within(PATIENCE_S, lambda: len(serving()) == len(nodes)), "a node did not join"
    return serving()


def serving() -> Sequence[str]:
    """The nodes with room for jobs, by their ids in Ray."""
    return [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]


@pytest.mark.whole
def test_a_call_paid_on_a_node_that_died_is_not_bought_again_on_another(
    cluster: Cluster, run_directory: Path
) -> None:
    pool = start(replace(SETTINGS, slots=1), slots=1, address=cluster.address)
    journal = run_directory / "journal" / "1.jsonl"

    def asked() -> bool:
        assert pool.next_finished(timeout_s=0.1) is None  # looks for nodes meanwhile
        return len(read_journal(journal)) == 1

    try:
        first = Node(cluster, run_directory)
        joined(first)
        pool.submit(job(1, ASKS_AND_DIES, journal=journal))
        assert within(PATIENCE_S, asked), "the call is not in the run's directory"
        first.kill()
        [lost] = finish(pool, 1)
        assert lost.outcome is Outcome.VOID
        assert lost.record is not None
        assert lost.record.usage.cost_microusd == read_journal(journal)[0].cost_microusd
        second = Node(cluster, run_directory)
        joined(second)
        pool.submit(job(2, f"ask()\n{WRITE}", journal=journal))
        [done] = finish(pool, 1)
        assert done.outcome is Outcome.RESOLVED, done.detail
        assert done.record is not None
        assert [call.journal for call in done.record.calls] == [True]
        assert len(read_journal(journal)) == 1
        second.kill()
    finally:
        pool.close()


KEY = "sk-marked-41c7a9f02be86d35"
TOGETHER = 64
"""Rollouts that the provider has heard before it answers the first of them."""


def actor(made: type, place: NodeAffinity) -> Any:
    return ray.remote(made).options(num_cpus=0, max_concurrency=TOGETHER, scheduling_strategy=place)


@pytest.mark.whole
def test_rollouts_on_two_nodes_race_for_one_cap(
    cluster: Cluster, run_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 at once. Nobody coordinates but the driver with its allowances; what the provider counted is what was paid.

    Driver, purse, nodes, gateways, journals and HTTP are real. Instead of 64 worker processes with a sandbox each,
    threads beside each node's gateway ask as agents would; expansions ask nothing.
    """
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    money = Money(cap=100 * 15_000, job=15_000)
    opened, doors = Counter[str](), threading.Lock()
    with FakeUpstream(key=KEY) as upstream:
        upstream.script(*[{"do": "answer", "until": TOGETHER}] * TOGETHER)
        prices = {"fake-1": {"input": 1.0, "output": 10.0}}
        paid = OpenAI(base_url=upstream.base_url, models={"solve": "fake-1"}, price=prices)
        settings = replace(SETTINGS, upstream=paid)
        join(cluster.address)
        nodes = list[Node]()
        try:
            for _ in range(2):  # two that start at once get into each other's way
                nodes.append(Node(cluster, run_directory))
                places = joined(*nodes)
            beside_us = NodeAffinity(ray.get_runtime_context().get_node_id(), soft=False)
            journals: Any = actor(Journals, beside_us).remote()
            gateways = {
                place: actor(Rolling, NodeAffinity(place, soft=False)).remote(settings, journals)
                for place in places
            }
            ray.get([gateway.directory.remote() for gateway in gateways.values()], timeout=PATIENCE_S)

            def work(job: Job) -> Result:
                if isinstance(job, ExpandJob):
                    return Script()(job)
                with doors:
                    place = min(gateways, key=lambda place: opened[place])
                    opened[place] += 1
                spec = RolloutSpec(
                    id=job.id,
                    decision=job.decision,
                    role="solve",
                    sample=job.sample,
                    allowance=job.allowance,
                    journal=job.journal,
                )
                door = ray.get(gateways[place].open.remote(spec, False))
                statuses = ray.get(gateways[place].ask.remote(door, 1 + job.decision % 6, "x" * 1500))
                assert set(statuses) <= {200, 403}
                return replace(Script()(job), record=ray.get(gateways[place].close.remote(job.id, True)))

            driver = Driver(
                run_directory / "a",
                slots=TOGETHER,
                evaluations=400,
                work=work,
                money=money,
                journals=run_directory / "journal",
            )
            driver.search()
            ray.get([gateway.stop.remote() for gateway in gateways.values()])
        finally:
            for node in nodes:
                node.end()
        counts = upstream.counts()
    logs = [path for path in Path(cluster.head_node.get_logs_dir_path()).rglob("*") if path.is_file()]
    assert sum(path.name.startswith("worker-") for path in logs) > len(nodes)
    assert [path for path in logs if KEY.encode() in path.read_bytes()] == []
    with archive.open(driver.path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    spent = spent_as_counted(rows, counts)
    assert counts["most_in_flight"] >= TOGETHER
    assert money.cap is not None
    assert money.cap // 2 - money.job < spent <= money.cap
    assert any("the search ends by its budget" in line for line in driver.display.told)
    assert len(opened) == len(nodes)
    assert min(opened.values()) >= TOGETHER // 2
    assert not any(row.outcome is Outcome.VOID for row in rows if isinstance(row, Evaluation))
