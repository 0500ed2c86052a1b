"""Jobs as tasks on a Ray cluster; the only file that knows Ray.

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
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayError
from ray.util.metrics import Gauge
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dgm.jobs import Job, NodeServices, Result, rollouts, voided
from dgm.jobs.services import NodeDoors, NodeSettings, open_box_maker, work
from dgm.llm import RolloutError, RolloutRecord, RolloutSpec
from dgm.llm.journal import LocalFile
from dgm.workers.base import Figure
from sandbox import Level, Place, Sandbox, open_reaper

log = logging.getLogger(__name__)

OBJECT_STORE_BYTES = 128 << 20
"""Shared memory of a local cluster: a job is a few hundred kilobytes, and few are in flight."""

CLOSING_S = 5.0
"""Seconds that workers get to be gone when the pool is closed, and gateways to stop."""

LOCAL_CORES = 0.01
"""What a job takes of a local cluster, which has no other work: its slots alone say how many run, and may grow."""

JOURNALS_AT_ONCE = 32
"""Journals that are written side by side: each waits for its disk."""

LOCAL = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no reports to Ray's makers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no warning about devices that we do not use
    # A box's first process ends its box when its worker dies; killed by Ray before that, it would leave it behind.
    "RAY_kill_child_processes_on_worker_exit": "0",
}
"""Environment of a local cluster."""


class _Journals:
    """The journals of the run, on the driver's node: the only one that sees the run's directory for sure.

    Who opens a journal takes it over: the rollout that had it was lost with its node.
    """

    def __init__(self) -> None:
        self._files: dict[str, tuple[Path, LocalFile]] = {}
        self._lock = threading.Lock()

    def open(self, path: Path) -> tuple[str, bytes]:
        with self._lock:
            for holder in [holder for holder, (held, _) in self._files.items() if held == path]:
                self._files.pop(holder)[1].close()
            file = LocalFile(path)
            holder = uuid4().hex
            self._files[holder] = (path, file)
            return holder, file.read()

    def append(self, holder: str, data: bytes) -> None:
        self._file(holder).append(data)

    def cut(self, holder: str, size: int) -> None:
        self._file(holder).cut(size)

    def close(self, holder: str) -> None:
        with self._lock:
            if holder in self._files:
                self._files.pop(holder)[1].close()

    def _file(self, holder: str) -> LocalFile:
        if holder not in self._files:
            raise OSError("another rollout has taken over this journal")
        return self._files[holder][1]


class _RemoteFile:
    """A journal's file that the driver's node holds; see `dgm.llm.journal.JournalFile`."""

    def __init__(self, journals: Any, path: Path) -> None:
        self._journals = journals
        self._holder, self._data = _journalled(journals.open.remote(path))

    def read(self) -> bytes:
        return bytes(self._data)

    def append(self, data: bytes) -> None:
        _journalled(self._journals.append.remote(self._holder, data))

    def cut(self, size: int) -> None:
        _journalled(self._journals.cut.remote(self._holder, size))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            _journalled(self._journals.close.remote(self._holder))


def _journalled(reference: Any) -> Any:
    """What the journals' actor answers; an OSError of the file as itself, the loss of the actor as one."""
    try:
        return ray.get(reference)
    except RayError as error:
        cause = getattr(error, "cause", None)
        raise (cause if isinstance(cause, OSError) else OSError(f"the driver's node: {error}")) from error


class _NodeGateway:
    """The gateway of one node, as an actor."""

    def __init__(self, settings: NodeSettings, journals: Any) -> None:
        self._doors = NodeDoors(settings, os.environ, partial(_RemoteFile, journals))
        self._reaper = open_reaper(settings.level, period=settings.reap_s)

    def directory(self) -> Path:
        return self._doors.directory

    def open(self, spec: RolloutSpec, scripted: bool) -> Path:
        return self._doors.open(spec, scripted=scripted)

    def close(self, rollout: str, left: bool) -> RolloutRecord:
        return self._doors.close(rollout, left=left)

    def abandon(self, rollout: str) -> RolloutRecord | None:
        """Close a rollout whose job is lost, if it is open here."""
        with contextlib.suppress(RolloutError):
            return self._doors.close(rollout)
        return None

    def stop(self) -> None:
        self._reaper.stop()
        self._doors.stop()


class _Hub:
    """Owns the gateways, one per node, and makes them when a node's first job asks."""

    def __init__(self, settings: NodeSettings, journals: Any) -> None:
        self._settings = settings
        self._journals = journals
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
                .remote(self._settings, self._journals)
            )
        return self._gateways[node]

    def abandon(self, rollout: str) -> RolloutRecord | None:
        """Close a lost rollout wherever it is open: its journal is then free, its record tells what it paid."""
        for gateway in self._gateways.values():
            with contextlib.suppress(RayError):
                record: RolloutRecord | None = ray.get(gateway.abandon.remote(rollout))
                if record is not None:
                    return record
        return None

    def stop(self) -> None:
        stopping = [gateway.stop.remote() for gateway in self._gateways.values()]
        if stopping:
            ray.wait(stopping, num_returns=len(stopping), timeout=CLOSING_S)


class _RemoteDoors:
    """The doors of the actor on this node."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def open(self, spec: RolloutSpec, *, scripted: bool = False) -> Path:
        path: Path = _told(self._actor.open.remote(spec, scripted))
        return path

    def close(self, rollout: str, *, left: bool = False) -> RolloutRecord:
        record: RolloutRecord = _told(self._actor.close.remote(rollout, left))
        return record


def _told(reference: Any) -> Any:
    """What the gateway's actor answers. An error of the gateway comes as itself, the loss of the actor as one."""
    try:
        return ray.get(reference)
    except RayError as error:
        cause = getattr(error, "cause", None)
        raise (cause if isinstance(cause, Exception) else RolloutError(f"no gateway: {error}")) from error


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
        tempfile.tempdir = str(_told(gateway.directory.remote()))
        sandbox = _box_maker(pool, settings.level, settings.slots, settings.runtime, settings.reap_s)
        return work(job, NodeServices(sandbox, _RemoteDoors(gateway), settings.limits))
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
            ray.remote(_Journals)
            .options(num_cpus=0, max_concurrency=JOURNALS_AT_ONCE, scheduling_strategy=beside_us)
            .remote()
        )
        self._hub: Any = ray.remote(_Hub).options(num_cpus=0).remote(settings, journals)
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
        _start_cluster(count)
    else:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        count = slots or _slots()
    return RayPool(settings, count, _leave, LOCAL_CORES if address is None else 1.0)


def slots_at(address: str) -> int:
    """How many jobs the cluster at `address` may run at once: one per core."""
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        return _slots()
    finally:
        ray.shutdown()


@contextlib.contextmanager
def shared_cluster(slots: int) -> Iterator[str]:
    """A local cluster for several drivers, by its address; it ends with this block, or with this process."""
    _start_cluster(slots)
    try:
        yield str(ray.get_runtime_context().gcs_address)
    finally:
        _leave()


def _start_cluster(slots: int) -> None:
    for name, value in LOCAL.items():
        os.environ.setdefault(name, value)
    ray.init(
        address="local",
        num_cpus=slots,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=OBJECT_STORE_BYTES,
    )


def _slots() -> int:
    return int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]


def _leave() -> None:
    """Workers are killed at the end: what they held is removed now, or by whoever comes next."""
    ray.shutdown()
    Place().sweep()
