"""Ray clusters: joining one, or starting one on this machine, and what it offers."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayError

from dgm.workers.address import knock
from dgm.workers.placing import SLOTS, Node, Places, places
from dgm.workers.pulse import tidy_pulses
from sandbox import Level, SandboxUnavailableError, open_reaper

T = TypeVar("T")

LOOK_S = 1.0
"""Seconds between two looks at a cluster's head and nodes: a millisecond each."""

GONE_S = 20.0
"""Seconds without a head after which a run ends; Ray would end the whole process after a minute."""

OBJECT_STORE_BYTES = 128 << 20
"""Shared memory of a local cluster: a job is a few hundred kilobytes, and few are in flight."""

LOCAL = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no reports to Ray's makers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no warning about devices that we do not use
    # A box's first process ends its box when its worker dies; killed by Ray before that, it would leave it behind.
    "RAY_kill_child_processes_on_worker_exit": "0",
}
"""Environment of a local cluster."""

NO_TOKEN = (
    ". If it has a token (`ray start` takes the one in ~/.ray/auth_token), set RAY_AUTH_MODE=token here too"
)


def join(address: str) -> None:
    """Make this process a driver on the cluster at `address`. Raises ConnectionError."""
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        hint = "" if "RAY_AUTH_MODE" in os.environ else NO_TOKEN
        raise ConnectionError(f"workers: no Ray cluster answers at {address}: {error}{hint}") from error


def slots_at(address: str, labels: Mapping[str, str] | None = None) -> int:
    """How many jobs the cluster at `address` takes at once, on nodes with these labels."""
    try:
        join(address)
        return places(alive(), labels or {}, docker=False).total
    finally:
        ray.shutdown()


@contextlib.contextmanager
def shared_cluster(slots: int) -> Iterator[str]:
    """A local cluster for several drivers, by its address; it ends with this block, or with this process."""
    start_cluster(slots)
    try:
        yield own_address()
    finally:
        leave()


def start_cluster(slots: int) -> None:
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


def alive() -> list[Node]:
    """The nodes of the cluster that this process has joined."""
    return [
        Node(id=node["NodeID"], resources=node["Resources"], labels=node["Labels"])
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]


def _alive_or_unknown() -> list[Node] | None:
    with contextlib.suppress(RayError):
        return alive()
    return None


def own_address() -> str:
    """Where the head of the cluster is that this process has joined."""
    return str(ray.get_runtime_context().gcs_address)


class Beside(Generic[T]):
    """Something that is asked in a thread of its own: who asks a head that is gone may wait for a minute."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._answer: T | None = None
        self._asking: threading.Thread | None = None

    def now(self) -> T | None:
        """The answer; None while there is none. It is waited for a second once, and then only looked for."""
        if self._asking is None:
            self._answer = None
            self._asking = threading.Thread(target=self._run, daemon=True)
            self._asking.start()
            self._asking.join(LOOK_S)
        if self._asking.is_alive():
            return None
        self._asking = None
        return self._answer

    def _run(self) -> None:
        self._answer = self._ask()


class Head:
    """The head of a cluster, by its address: whether it is `there`. One that is slow is."""

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.there = True
        self._address = address
        self._fault = Beside(self._knock)
        self._clock = clock
        self._answered = clock()

    def look(self) -> None:
        """Raises ConnectionError when it has been gone for a while."""
        now = self._clock()
        fault = self._fault.now()
        self.there = fault == ""
        if self.there:
            self._answered = now
        elif now - self._answered > GONE_S:
            raise ConnectionError(
                f"workers: the head of the Ray cluster at {self._address} is gone ({fault or 'no answer'}). Nothing is"
                " lost: start it again and run the same command to go on"
            )

    def _knock(self) -> str:
        """Why it is not there, empty where it is. Its name is looked up each time: it may come back elsewhere."""
        try:
            knock(self._address, LOOK_S)
        except OSError as error:
            return str(error)
        return ""


class Watched:
    """A cluster whose nodes come and go. `labels` are those that the nodes of our jobs must have."""

    def __init__(self, labels: Mapping[str, str], *, docker: bool) -> None:
        self._labels = labels
        self._docker = docker
        self._alive = Beside(_alive_or_unknown)
        self.places = places(alive(), labels, docker=docker)

    def look(self) -> Places:
        """What it is now, as far as can be seen; a cluster that does not answer is as it was."""
        found = self._alive.now()
        if found is not None:
            self.places = places(found, self._labels, docker=self._docker, before=self.places)
        return self.places

    def options(self) -> dict[str, Any]:
        """What a task asks of its node that takes one slot."""
        places, options = self.places, dict[str, Any]()
        if places.unit == SLOTS:
            options |= {"num_cpus": 0, "resources": {SLOTS: 1}}
        else:
            options["num_cpus"] = 1
        return options | ({"label_selector": dict(places.labels)} if places.labels else {})


class Demand:
    """Tasks that do nothing and wait for a slot: an autoscaler counts what waits, and starts nodes for it.

    They end with their driver, unlike a request for nodes. One that gets a slot after all gives it back at once.
    """

    def __init__(self) -> None:
        self._task: Any = ray.remote(_nothing)
        self._waiting: list[Any] = []
        self._options: dict[str, Any] = {}

    def want(self, slots: int, options: dict[str, Any]) -> None:
        """Let so many wait, which ask of a node what `options` say."""
        if self._waiting:
            self._waiting = ray.wait(self._waiting, num_returns=len(self._waiting), timeout=0)[1]
        keep = max(0, slots) if options == self._options else 0
        for reference in self._waiting[keep:]:
            ray.cancel(reference)
        task, self._options = self._task.options(max_retries=0, **options), options
        missing = range(slots - len(self._waiting[:keep]))
        self._waiting = self._waiting[:keep] + [task.remote() for _ in missing]


def _nothing() -> None:
    pass


def leave(level: Level = Level.PROCESS) -> None:
    """Workers are killed at the end: what they held on this machine is removed now, or by whoever comes next."""
    ray.shutdown()
    tidy_pulses()
    with contextlib.suppress(SandboxUnavailableError):  # the driver's machine may have no engine
        open_reaper(level).stop()
