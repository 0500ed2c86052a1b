"""Jobs as tasks on a Ray cluster; the only file that knows Ray.

Each job is one task that takes one slot of a node and runs in a worker process, with plain values in and out. The
gateway of a node is an actor there, started by the node's first job. All gateways belong to one hub, which belongs to
the driver: when the driver dies they die with it. Ray's own retries are off: a job that is lost comes back void, and
the search decides what happens next.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dgm.jobs import Job, NodeServices, Result, voided
from dgm.jobs.services import NodeSettings, doors, open_box_maker, open_gateway, work
from dgm.llm import RolloutRecord, RolloutSpec
from sandbox import Level, Sandbox

log = logging.getLogger(__name__)

OBJECT_STORE_BYTES = 256 << 20


class _NodeGateway:
    """The gateway of one node, as an actor."""

    def __init__(self, settings: NodeSettings) -> None:
        self._gateway = open_gateway(settings, os.environ)
        self._doors = doors(self._gateway, settings.level)

    def open(self, spec: RolloutSpec) -> Path:
        return self._doors.open(spec)

    def close(self, rollout: str) -> RolloutRecord:
        return self._doors.close(rollout)

    def stop(self) -> None:
        self._gateway.stop()


class _Hub:
    """Owns the gateways, one per node, and makes them when a node's first job asks."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._gateways: dict[str, Any] = {}

    def gateway(self, node: str) -> Any:
        if node not in self._gateways:
            here = NodeAffinitySchedulingStrategy(node, soft=False)
            self._gateways[node] = (
                ray.remote(_NodeGateway)
                .options(
                    num_cpus=0,
                    max_concurrency=4 * self._settings.slots + 4,
                    max_restarts=-1,
                    scheduling_strategy=here,
                )
                .remote(self._settings)
            )
        return self._gateways[node]


class _RemoteDoors:
    """The doors of the actor on this node."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def open(self, spec: RolloutSpec) -> Path:
        path: Path = ray.get(self._actor.open.remote(spec))
        return path

    def close(self, rollout: str) -> RolloutRecord:
        record: RolloutRecord = ray.get(self._actor.close.remote(rollout))
        return record


@lru_cache(maxsize=1)
def _box_maker(instance: str, level: Level, slots: int) -> Sandbox:
    """This worker process's sandbox, for the one pool (`instance`) that it works for."""
    return open_box_maker(level, slots)


def _do(job: Job, hub: Any, instance: str, settings: NodeSettings) -> Result:
    try:
        gateway = ray.get(hub.gateway.remote(ray.get_runtime_context().get_node_id()))
        services = NodeServices(
            _box_maker(instance, settings.level, settings.slots), _RemoteDoors(gateway), settings.limits
        )
        return work(job, services)
    except Exception as error:  # noqa: BLE001 - the worker boundary: anything becomes a recorded outcome
        return voided(job, error)


class RayPool:
    """See `dgm.workers.base.Pool`. `release` ends what the pool started."""

    def __init__(self, settings: NodeSettings, slots: int, release: Callable[[], None]) -> None:
        self._settings = settings
        self._slots = slots
        self._release = release
        self._instance = uuid4().hex[:12]
        self._hub = ray.remote(_Hub).options(num_cpus=0).remote(settings)
        self._task = ray.remote(_do).options(num_cpus=1, max_retries=0)
        self._running: dict[Any, Job] = {}

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def running(self) -> int:
        return len(self._running)

    def submit(self, job: Job) -> None:
        self._running[self._task.remote(job, self._hub, self._instance, self._settings)] = job

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if not self._running:
            time.sleep(timeout_s or 0.0)
            return None
        done, _ = ray.wait(list(self._running), num_returns=1, timeout=timeout_s)
        if not done:
            return None
        job = self._running.pop(done[0])
        try:
            result: Result = ray.get(done[0])
        except RayError as error:
            return voided(job, error)
        return result

    def close(self) -> None:
        for reference in self._running:
            ray.cancel(reference, force=True)
        self._running.clear()
        self._release()


def start(settings: NodeSettings, *, slots: int, address: str | None = None) -> RayPool:
    """A pool on the cluster at `address`, or on a local one that lives as long as the pool; 0 slots: one per core."""
    if address is None:
        count = slots or os.cpu_count() or 1
        ray.init(
            num_cpus=count,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
        )
    else:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        count = slots or int(ray.cluster_resources().get("CPU", 1))
    return RayPool(settings, count, ray.shutdown)
