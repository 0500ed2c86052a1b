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
import platform
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import RayError
from ray.util.metrics import Gauge
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dgm.jobs import Job, NodeServices, Result, rollouts, voided
from dgm.jobs.services import NodeSettings, open_box_maker, work
from dgm.workers.base import Figure
from dgm.workers.ray_cluster import LOOK_S, Demand, Head, Watched, join, leave, own_address, start_cluster
from dgm.workers.ray_nodes import BEGIN, CLOSING_S, Hub, Journals, RemoteDoors, begin, pulse
from dgm.workers.ray_parts import Parts
from sandbox import Level, Sandbox

log = logging.getLogger(__name__)

LOCAL_CORES = 0.01
"""What a job takes of a local cluster, which has no other work: its slots alone say how many run, and may grow."""

AT_ONCE = 8
"""More slots than these, or than twice those that there are, an autoscaler is not asked for at once."""

CALLERS_AT_ONCE = 8
"""Jobs that the hub answers side by side: it may wait for a gateway that does not answer."""

JOURNALS_AT_ONCE = 32
"""Journals that are written side by side: each waits for its disk."""


@lru_cache(maxsize=1)
def _box_maker(pool: str, level: Level, slots: int, runtime: str | None, reap_s: float) -> Sandbox:
    """This worker process's sandbox, for the one pool that it works for, closed when the process ends."""
    sandbox = open_box_maker(level, slots, runtime, reap_s)
    atexit.register(sandbox.close)
    return sandbox


@lru_cache(maxsize=1)
def _beat(stalled_s: float) -> None:
    """Let this worker process be looked after, with a job and without, until it ends."""
    own = pulse(stalled_s)
    own.start()
    atexit.register(own.stop)


def _do(
    ticket: int, job: Job, hub: Any, pool: str, stalled_s: float, names: Sequence[str], *parts: Any
) -> Result:
    try:
        _beat(stalled_s)
        job = replace(job, **dict(zip(names, parts, strict=True)))
        served, directory = begin(hub, ticket, ray.get_runtime_context().get_node_id())
        settings = served.settings
        # This process may be killed at any moment: its temporary files lie where the node's gateway sees to them.
        tempfile.tempdir = str(directory)
        sandbox = _box_maker(pool, settings.level, settings.slots, settings.runtime, settings.reap_s)
        result = work(job, NodeServices(sandbox, RemoteDoors(served.gateway), settings.limits))
    except Exception as error:  # noqa: BLE001 - the worker boundary: anything becomes a recorded outcome
        result = voided(job, error)
    here = {"host": platform.node(), "machine": platform.machine()}
    return replace(result, digests={**result.digests, **here})


@dataclass(kw_only=True)
class _Ticket:
    """A job that was handed over to Ray at `at` by our clock, and whether it is known to have begun."""

    number: int
    job: Job
    submitted: datetime
    at: float
    begun: bool = False


class RayPool:
    """See `dgm.workers.base.Pool`. `release` ends what the pool started.

    It hands Ray no more jobs than there are slots, so that their number may change; the others wait here. With
    `watched` that is what the cluster has, at most `slots` if that is not 0; without, it is `slots`.
    """

    def __init__(
        self,
        settings: NodeSettings,
        slots: int,
        release: Callable[[], None],
        watched: Watched | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stalled_s, self._idle_s = settings.stalled_s, settings.idle_s
        self._asked = slots
        self._release = release
        self._watched = watched
        self._clock = clock
        self._head = Head(own_address(), clock)
        beside_us = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        journals: Any = (
            ray.remote(Journals)
            .options(num_cpus=0, max_concurrency=JOURNALS_AT_ONCE, scheduling_strategy=beside_us)
            .remote()
        )
        self._hub: Any = (
            ray.remote(Hub)
            .options(num_cpus=0, max_concurrency=CALLERS_AT_ONCE, scheduling_strategy=beside_us)
            .remote(settings, journals, watched is not None)
        )
        self._id = uuid4().hex[:12]
        self._task: Any = ray.remote(_do)
        self._parts = Parts()
        self._waiting: deque[tuple[Job, datetime]] = deque()
        self._running: dict[Any, _Ticket] = {}
        self._tickets = 0
        self._ended: deque[Any] = deque()
        self._given_up: deque[Result] = deque()
        self._buried = 0
        self._dead: set[str] = set()
        self._demand = Demand()
        self._lacked = False
        self._rested_at = self._looked_at = clock()
        self._gauges: dict[str, Gauge] = {}
        self._closed = False

    @property
    def slots(self) -> int:
        if self._watched is None:
            return self._asked
        there = self._watched.places.total
        return min(self._asked, there) if self._asked else there

    @property
    def running(self) -> int:
        return len(self._running) + len(self._waiting) + len(self._given_up)

    def lack(self) -> str:
        if self.slots or self._watched is None:
            return ""
        self._lacked = True
        self._demand.want(1, self._watched.options())
        return self._watched.places.lack()

    def resize(self, slots: int) -> None:
        self._asked = slots
        self._begin()

    def submit(self, job: Job) -> None:
        self._waiting.append((job, datetime.now(UTC)))
        self._look()
        self._begin()

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if not self.running:
            self._look()
            time.sleep(timeout_s or 0.0)
            return None
        until = None if timeout_s is None else self._clock() + timeout_s
        while True:
            self._look()
            if self._given_up:
                return self._given_up.popleft()
            left = None if until is None else max(0.0, until - self._clock())
            done = self._done(left)
            if done is not None:
                return self._result(done)
            if until is not None and self._clock() >= until:
                return None

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
        self._demand.want(0, {})
        running, self._running = list(self._running), {}
        self._ended.clear()
        for reference in running:
            ray.cancel(reference, force=True)
        with contextlib.suppress(RayError):
            if running:
                ray.wait(running, num_returns=len(running), timeout=CLOSING_S, fetch_local=False)
            ray.get(self._hub.stop.remote(), timeout=2 * CLOSING_S)
        self._release()

    def _look(self) -> None:
        """Follow the cluster: hand over what has a slot now, ask for nodes, let go of those without work."""
        if self._clock() - self._looked_at < LOOK_S:
            return
        self._looked_at = self._clock()
        self._head.look()
        if not self._head.there:
            return
        self._recall()
        self._rest()
        if self._watched is None:
            return
        before, places = self._watched.places, self._watched.look()
        gone = before.alive - places.alive
        self._buried += len(gone)
        self._dead |= gone
        if self._dead:
            self._bury()
        self._begin()
        self._demand.want(self._wished(), self._watched.options())
        self._lacked = False

    def _rest(self) -> None:
        """Let go of nodes without work, and of what the hub knows of jobs that are over."""
        if self._clock() - self._rested_at >= self._idle_s:
            self._rested_at = self._clock()
            running = {ticket.number for ticket in self._running.values()}
            self._hub.rest.remote(running, self._tickets, self._idle_s)

    def _wished(self) -> int:
        """How many slots more would be taken at once: one where there are none and somebody asked for one."""
        if not self.slots:
            return int(self._lacked)
        return min(self._asked - self.slots, max(AT_ONCE, self.slots)) if self.running >= self.slots else 0

    def _recall(self) -> None:
        """Hand over again what should long have begun: its worker may stand still since before it had a pulse."""
        since = self._clock() - BEGIN * self._stalled_s
        late = [ticket for ticket in self._running.values() if not ticket.begun and ticket.at < since]
        if late and self._give_up(set(), {ticket.number for ticket in late}):
            for ticket in late:
                ticket.begun = True

    def _bury(self) -> None:
        """Give up the jobs of nodes that are gone: of one that stands still, or is cut off, Ray would wait for them.

        What was on its way to such a node and had not begun is handed over again.
        """
        if self._give_up(self._dead, {ticket.number for ticket in self._running.values()}):
            self._dead = set()

    def _give_up(self, nodes: set[str], tickets: set[int]) -> bool:
        """Void what began on these nodes; take back those of these tickets that have not begun, which costs no try.

        Whether the hub has answered; if not it is asked at the next look.
        """
        try:
            lost, back = ray.get(self._hub.give_up.remote(nodes, tickets), timeout=CLOSING_S)
        except RayError as error:
            log.warning("the driver's node does not say yet what has begun: %s", error)
            return False
        given_up = lost | back
        for reference, ticket in list(self._running.items()):
            if ticket.number not in given_up or reference in self._ended:
                continue
            if ray.wait([reference], timeout=0)[0]:
                continue
            del self._running[reference]
            ray.cancel(reference, force=ticket.number in lost)
            self._parts.forget(ticket.job)
            if ticket.number in lost:
                self._given_up.append(voided(ticket.job, RayError("its node is gone")))
            else:
                self._waiting.appendleft((ticket.job, ticket.submitted))
        return True

    def _begin(self) -> None:
        """Hand over what waits and has a slot."""
        while self._waiting and len(self._running) < self.slots:
            job, submitted = self._waiting.popleft()
            takes = {"num_cpus": LOCAL_CORES} if self._watched is None else self._watched.options()
            if self._buried:
                # Ray asks for one worker at a time for tasks that ask for the same, and goes on asking a node that
                # stands still: so what comes after its end asks for something else, by bytes.
                takes["memory"] = self._buried
            bare, names, parts = self._parts.taken_out(job)
            task = self._task.options(max_retries=0, **takes)
            self._tickets += 1
            ticket = _Ticket(number=self._tickets, job=job, submitted=submitted, at=self._clock())
            given = task.remote(ticket.number, bare, self._hub, self._id, self._stalled_s, names, *parts)
            self._running[given] = ticket

    def _done(self, timeout_s: float | None) -> Any:
        """A task that ended, None if none did in that time; a watched cluster is looked at again before long."""
        if self._watched is not None:
            timeout_s = LOOK_S if timeout_s is None else min(timeout_s, LOOK_S)
        if not self._running:
            time.sleep(timeout_s or 0.0)
            return None
        if not self._ended:
            self._ended.extend(self._wait(1, timeout_s) and self._wait(len(self._running), 0))
        return self._ended.popleft() if self._ended else None

    def _wait(self, count: int, timeout_s: float | None) -> list[Any]:
        """Tasks that ended. Each wait looks at all that run, so those that have ended are asked for together."""
        return ray.wait(list(self._running), num_returns=count, timeout=timeout_s)[0]

    def _result(self, done: Any) -> Result:
        ticket = self._running.pop(done)
        self._begin()
        try:
            result: Result = ray.get(done)
        except RayError as error:
            self._parts.forget(ticket.job)
            return self._lost(ticket.job, error)
        queued_s = max(0.0, (result.started - ticket.submitted).total_seconds())
        return replace(result, queued_s=result.queued_s + queued_s)

    def _lost(self, job: Job, error: RayError) -> Result:
        """A job whose worker died: close what it left open, and keep what it had paid."""
        record = None
        try:
            records = [self._hub.abandon.remote(rollout) for rollout in rollouts(job)]
            record = ray.get(records, timeout=CLOSING_S)[0]
        except RayError as second:
            log.warning("nothing can be learnt about the lost job %s: %s", job.id, second)
        return voided(job, error, record)


def start(
    settings: NodeSettings,
    *,
    slots: int,
    address: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> RayPool:
    """A pool on the cluster at `address`, or on a local one that lives as long as the pool; 0 slots: one per core.

    On the cluster at an address there are as many slots as it has, at most `slots` if that is not 0, on nodes that have
    these `labels`. Without an `address` a cluster that the environment names (`RAY_ADDRESS`) is left alone. Raises
    ValueError if the cluster has nodes that take jobs and none of them can serve.
    """
    if address is None:
        there = slots or os.cpu_count() or 1
        start_cluster(there)
        return RayPool(settings, there, partial(leave, settings.level))
    join(address)
    watched = Watched(labels or {}, docker=settings.level is Level.DOCKER)
    if watched.places.unfit and not watched.places.total:
        leave()
        raise ValueError(watched.places.lack())
    return RayPool(settings, slots, partial(leave, settings.level), watched)
