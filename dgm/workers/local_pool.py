"""Jobs in threads of this process: for laptops, tests and simulated jobs.

A job mostly waits for a sandbox, which is a process of its own, so threads are enough here.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Thread

from dgm.jobs import Job, NodeServices, Result, voided
from dgm.jobs.services import NodeDoors, NodeSettings, open_box_maker, work
from dgm.workers.base import Figure

Clock = Callable[[], float]


class LocalPool:
    """As many daemon threads as slots, which call `work`; see `dgm.workers.base.Pool`.

    `clock` tells for how long a job waited for a free thread; without one, that is left as the job says.
    """

    def __init__(
        self,
        work: Callable[[Job], Result],
        slots: int,
        *,
        release: Callable[[], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if slots < 1:
            raise ValueError(f"workers.slots must be at least 1, got {slots}")
        self._work = work
        self._slots = 0
        self._release = release
        self._clock = clock
        self._running = 0
        self._closed = False
        self._jobs: queue.SimpleQueue[tuple[Job, float] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self.resize(slots)

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def running(self) -> int:
        return self._running

    def lack(self) -> str:
        return ""

    def resize(self, slots: int) -> None:
        for n in range(self._slots, slots):
            Thread(target=self._serve, name=f"dgm-slot-{n}", daemon=True).start()
        for _ in range(slots, self._slots):
            self._jobs.put(None)  # whoever is free next ends
        self._slots = slots

    def submit(self, job: Job) -> None:
        self._running += 1
        self._jobs.put((job, self._clock() if self._clock else 0.0))

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if not self._running:
            time.sleep(timeout_s or 0.0)
            return None
        try:
            result = self._results.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self._running -= 1
        return result

    def publish(self, run: str, figures: Sequence[Figure]) -> None:
        """Nobody asks a single process; `dgm run --json` and driver.log tell the same."""

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for _ in range(self._slots):
            self._jobs.put(None)
        if self._release is not None:
            self._release()

    def _serve(self) -> None:
        while (taken := self._jobs.get()) is not None and not self._closed:
            job, submitted = taken
            queued_s = max(0.0, self._clock() - submitted) if self._clock else None
            try:
                result = self._work(job)
            except Exception as error:  # noqa: BLE001 - the worker boundary: anything becomes a recorded outcome
                result = voided(job, error)
            self._results.put(
                result if queued_s is None else replace(result, queued_s=result.queued_s + queued_s)
            )


def start_local(settings: NodeSettings, *, slots: int) -> LocalPool:
    """A pool in this process, with this node's own gateway and sandbox; 0 slots: one per core."""
    count = slots or os.cpu_count() or 1
    sandbox = open_box_maker(settings.level, count, settings.runtime, settings.reap_s)
    doors = NodeDoors(settings, os.environ)
    services = NodeServices(sandbox, doors, settings.limits)

    def release() -> None:
        sandbox.close()  # first, since it ends what may wait for an answer
        doors.stop()

    return LocalPool(lambda job: work(job, services), count, release=release, clock=time.monotonic)
