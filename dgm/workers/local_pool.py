"""Jobs in threads of this process: for laptops, tests and simulated jobs.

A job mostly waits for a sandbox, which is a process of its own, so threads are enough here.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Callable
from threading import Thread

from dgm.jobs import Job, NodeServices, Result, voided
from dgm.jobs.services import NodeSettings, doors, open_box_maker, open_gateway, work


class LocalPool:
    """A fixed number of daemon threads that call `work`; see `dgm.workers.base.Pool`."""

    def __init__(
        self, work: Callable[[Job], Result], slots: int, *, release: Callable[[], None] | None = None
    ) -> None:
        if slots < 1:
            raise ValueError(f"workers.slots must be at least 1, got {slots}")
        self._work = work
        self._slots = slots
        self._release = release
        self._running = 0
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        for n in range(slots):
            Thread(target=self._serve, name=f"dgm-slot-{n}", daemon=True).start()

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def running(self) -> int:
        return self._running

    def submit(self, job: Job) -> None:
        self._running += 1
        self._jobs.put(job)

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        try:
            result = self._results.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self._running -= 1
        return result

    def close(self) -> None:
        for _ in range(self._slots):
            self._jobs.put(None)
        if self._release is not None:
            self._release()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                result = self._work(job)
            except Exception as error:  # noqa: BLE001 - the worker boundary: anything becomes a recorded outcome
                result = voided(job, error)
            self._results.put(result)


def start_local(settings: NodeSettings, *, slots: int) -> LocalPool:
    """A pool in this process, with this node's own gateway and sandbox; 0 slots: one per core."""
    count = slots or os.cpu_count() or 1
    sandbox = open_box_maker(settings.level, count)
    gateway = open_gateway(settings, os.environ)
    services = NodeServices(sandbox, doors(gateway, settings.level), settings.limits)

    def release() -> None:
        gateway.stop()
        sandbox.close()

    return LocalPool(lambda job: work(job, services), count, release=release)
