"""A cluster whose nodes come and go while a pool works on it: it follows them."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import ray
from ray.autoscaler.v2.sdk import get_cluster_status
from ray.cluster_utils import Cluster

from archive import Outcome
from dgm.workers import Pool
from dgm.workers.ray_cluster import LOOK_S
from dgm.workers.ray_parts import KEPT, Parts
from dgm.workers.ray_pool import start
from tests.dgm.jobs.agents import agent, evaluate_job
from tests.dgm.workers.contract import SETTINGS, WRITE, finish, job, napping
from tests.dgm.workers.machines import bare_head, marked


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with bare_head() as cluster:
        yield cluster


def until(pool: Pool, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert pool.next_finished(timeout_s=0.1) is None
        assert time.monotonic() < end


def demand(cluster: Cluster) -> int:
    """How many slots wait, as an autoscaler sees it."""
    waiting = get_cluster_status(cluster.address).resource_demands.ray_task_actor_demand
    return sum(one.count for each in waiting for one in each.bundles_by_count)


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_a_pool_follows_its_cluster(cluster: Cluster) -> None:
    pool = start(SETTINGS, slots=5, address=cluster.address)
    try:
        assert pool.slots == 0
        assert "ray start --address=HOST:PORT" in pool.lack()
        until(pool, lambda: demand(cluster) == 1)
        looked_at = time.monotonic()
        while time.monotonic() < looked_at + 2 * LOOK_S:
            assert pool.lack()
            assert pool.next_finished(timeout_s=0.1) is None
            assert demand(cluster) == 1

        cluster.add_node(num_cpus=1, resources={"dgm_slots": 2})
        until(pool, lambda: pool.slots == 2)
        assert pool.lack() == ""
        for n in range(2):
            pool.submit(job(n, napping(600), seconds=600.0))
        until(pool, lambda: demand(cluster) == 3)

        second = cluster.add_node(num_cpus=1, resources={"dgm_slots": 8})
        until(pool, lambda: pool.slots == 5)
        until(pool, lambda: demand(cluster) == 0)
        for n in range(2, 5):
            pool.submit(job(n))
        done = finish(pool, 3)
        assert {result.decision for result in done} == {2, 3, 4}
        assert all(result.outcome is Outcome.RESOLVED for result in done), [one.detail for one in done]
        assert all(result.digests["host"] and result.digests["machine"] for result in done)

        cluster.remove_node(second)
        until(pool, lambda: pool.slots == 2)
        assert pool.running == 2
    finally:
        pool.close()


@pytest.mark.whole
def test_nodes_serve_by_their_labels_and_one_without_a_job_is_let_go_of(cluster: Cluster) -> None:
    node = raylet(cluster.add_node(num_cpus=1, resources={"dgm_slots": 1}, labels={"dgm-arch": "aarch64"}))
    with pytest.raises(ValueError, match=r"needs dgm-arch=riscv.*dgm-arch=aarch64"):
        start(SETTINGS, slots=0, address=cluster.address, labels={"dgm-arch": "riscv"})
    settings = replace(SETTINGS, idle_s=1.0)
    pool = start(settings, slots=0, address=cluster.address, labels={"dgm-arch": "aarch64"})
    try:
        until(pool, lambda: pool.slots == 1)
        tree = agent(WRITE, **{"big": "x" * 300_000})
        for n in range(2):
            pool.submit(evaluate_job(tree, id=f"{n:032x}", decision=n))
        assert [result.outcome for result in finish(pool, 2)] == [Outcome.RESOLVED] * 2
        until(pool, lambda: not list(marked(f"RAY_RAYLET_PID={node}\0", "ray::NodeGateway")))
        pool.submit(job(2))
        [again] = finish(pool, 1)
        assert again.outcome is Outcome.RESOLVED, again.detail
    finally:
        pool.close()


@pytest.mark.whole
@pytest.mark.timeout(600)
def test_who_stands_still_before_anybody_looks_after_him_costs_no_try() -> None:
    """A worker while it imports, and then a gateway: the job is handed over again, the gateway is replaced."""
    with bare_head() as cluster:
        pool = start(replace(SETTINGS, stalled_s=3.0), slots=1, address=cluster.address)
        try:
            nodes = [raylet(cluster.add_node(num_cpus=1)) for _ in range(2)]
            until(pool, lambda: pool.slots == 1)
            pool.submit(job(1))
            begun = stopped(nodes, "ray::_do")
            [other] = [node for node in nodes if node != begun]
            until(pool, lambda: stopped([other], "ray::NodeGateway", within_s=0.5))
            [result] = finish(pool, 1)
            assert result.outcome is Outcome.RESOLVED, result.detail
        finally:
            pool.close()


def raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def stopped(nodes: list[int], title: str, within_s: float = 120.0) -> int:
    """Let the first process with this title stand still. Gives its node of these, 0 if there is none in that time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        for node in nodes:
            for pid in marked(f"RAY_RAYLET_PID={node}\0", title):
                os.kill(pid, signal.SIGSTOP)
                return node
        time.sleep(0.005)
    return 0


def test_an_agents_tree_travels_once_and_not_with_each_job(cluster: Cluster) -> None:
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        parts, whole = Parts(), job(1)
        bare, names, first = parts.taken_out(whole)
        assert names == ("tree", "task")
        assert [ray.get(part) for part in first] == [whole.tree, whole.task]
        assert len(pickle.dumps(bare)) < 1500 < len(pickle.dumps(whole))
        assert parts.taken_out(replace(whole, decision=2))[2] == first
        other = replace(whole, tree={**whole.tree, "more": b"x"})
        assert parts.taken_out(other)[2][0] != first[0]
        for n in range(KEPT):
            parts.taken_out(replace(whole, agent=f"{n:040x}"))
        assert parts.taken_out(whole)[2][0] != first[0]
        parts.forget(whole)
        assert ray.get(parts.taken_out(whole)[2][1]) == whole.task
    finally:
        ray.shutdown()
