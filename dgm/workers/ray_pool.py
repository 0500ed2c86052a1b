"""Jobs as tasks on a Ray cluster. Only the `ray_` files of this room know Ray.

Each job is one task that takes one slot of a node and runs in a worker process, with plain values in and out. The
gateway of a node is an actor there, started by the node's first job. All gateways belong to one hub, which belongs to
the driver: when the driver dies they die with it. Ray's own retries are off: a job that is lost comes back void, and
the search decides what happens next.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayError
from ray.util.metrics import Gauge
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dgm.jobs import Job, NodeServices, Result, rollouts, voided
from dgm.jobs.services import NodeSettings, open_box_maker, work
from dgm.workers.base import Figure
from dgm.workers.ray_cluster import join, leave, offered, start_cluster
from dgm.workers.ray_nodes import CLOSING_S, Hub, Journals, RemoteDoors, told
from sandbox import Level, Sandbox

log = logging.getLogger(__name__)

LOCAL_CORES = 0.01
"""What a job takes of a local cluster, which has no other work: its slots alone say how many run, and may grow."""

JOURNALS_AT_ONCE = 32
"""Journals that are written side by side: each waits for its disk."""


@lru_cache(maxsize=1)
def _box_maker(pool: str, level: Level, slots: int, runtime: str | None, reap_s: float) -> Sandbox:
    """This worker process's sandbox, for the one pool that it works for, closed when the process ends."""
    sandbox = open_box_maker(level, slots, runtime, reap_s)
    atexit.register(sandbox.close)
    return sandbox


def _do(job: Job, hub: Any, pool: str, settings: NodeSettings) -> Result:
    try:
        gateway = ray.get(hub.gateway.remote(ray.get_runtime_context().get_node_id()))
        # This process may be killed at any moment: its temporary files lie where the node's gateway sees to them.
        tempfile.tempdir = str(told(gateway.directory.remote()))
        sandbox = _box_maker(pool, settings.level, settings.slots, settings.runtime, settings.reap_s)
        return work(job, NodeServices(sandbox, RemoteDoors(gateway), settings.limits))
    except Exception as error:  # noqa: BLE001 - the worker boundary: anything becomes a recorded outcome
        return voided(job, error)


class RayPool:
    """See `dgm.workers.base.Pool`. `release` ends what the pool started, `cores` is what a job takes of a node.

    It hands Ray no more jobs than there are slots, so that their number may change; the others wait here.
    """

    def __init__(
        self, settings: NodeSettings, slots: int, release: Callable[[], None], cores: float = 1.0
    ) -> None:
        self._slots = slots
        self._release = release
        beside_us = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        journals: Any = (
            ray.remote(Journals)
            .options(num_cpus=0, max_concurrency=JOURNALS_AT_ONCE, scheduling_strategy=beside_us)
            .remote()
        )
        self._hub: Any = ray.remote(Hub).options(num_cpus=0).remote(settings, journals)
        self._common = (self._hub, uuid4().hex[:12], ray.put(settings))
        self._task = ray.remote(_do).options(num_cpus=cores, max_retries=0)
        self._waiting: deque[tuple[Job, datetime]] = deque()
        self._running: dict[Any, tuple[Job, datetime]] = {}
        self._gauges: dict[str, Gauge] = {}
        self._closed = False

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def running(self) -> int:
        return len(self._running) + len(self._waiting)

    def resize(self, slots: int) -> None:
        self._slots = slots
        self._begin()

    def submit(self, job: Job) -> None:
        self._waiting.append((job, datetime.now(UTC)))
        self._begin()

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if not self._running:
            time.sleep(timeout_s or 0.0)
            return None
        done, _ = ray.wait(list(self._running), num_returns=1, timeout=timeout_s)
        if not done:
            return None
        job, submitted = self._running.pop(done[0])
        self._begin()
        try:
            result: Result = ray.get(done[0])
        except RayError as error:
            return self._lost(job, error)
        queued_s = max(0.0, (result.started - submitted).total_seconds())
        return replace(result, queued_s=result.queued_s + queued_s)

    def publish(self, run: str, figures: Sequence[Figure]) -> None:
        """As gauges of Ray, which each node's agent offers to Prometheus where `ray[default]` is installed."""
        for figure in figures:
            labels = {"run": run, **figure.labels}
            if figure.name not in self._gauges:
                self._gauges[figure.name] = Gauge(figure.name, figure.meaning, tuple(labels))
            self._gauges[figure.name].set(figure.value, labels)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._waiting.clear()
        running, self._running = list(self._running), {}
        for reference in running:
            ray.cancel(reference, force=True)
        with contextlib.suppress(RayError):
            if running:
                ray.wait(running, num_returns=len(running), timeout=CLOSING_S, fetch_local=False)
            ray.get(self._hub.stop.remote(), timeout=2 * CLOSING_S)
        self._release()

    def _begin(self) -> None:
        """Hand over what waits and has a slot."""
        while self._waiting and len(self._running) < self._slots:
            job, submitted = self._waiting.popleft()
            self._running[self._task.remote(job, *self._common)] = (job, submitted)

    def _lost(self, job: Job, error: RayError) -> Result:
        """A job whose worker died: close what it left open, and keep what it had paid."""
        record = None
        try:
            records = [self._hub.abandon.remote(rollout) for rollout in rollouts(job)]
            record = ray.get(records, timeout=CLOSING_S)[0]
        except RayError as second:
            log.warning("nothing can be learnt about the lost job %s: %s", job.id, second)
        return voided(job, error, record)


def start(settings: NodeSettings, *, slots: int, address: str | None = None) -> RayPool:
    """A pool on the cluster at `address`, or on a local one that lives as long as the pool; 0 slots: one per core.

    Without an `address` a cluster that the environment names (`RAY_ADDRESS`) is left alone.
    """
    if address is None:
        count = slots or os.cpu_count() or 1
        start_cluster(count)
    else:
        join(address)
        count = slots or offered()
    return RayPool(settings, count, leave, LOCAL_CORES if address is None else 1.0)
