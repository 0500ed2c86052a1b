"""Jobs in threads of this process: for laptops, tests and simulated jobs.

A job mostly waits for a sandbox, which is a process of its own, so threads are enough here.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from threading import Thread

from dgm.jobs import Job, Result, voided


class LocalPool:
    """A fixed number of daemon threads that call `work`; see `dgm.workers.base.Pool`."""

    def __init__(self, work: Callable[[Job], Result], slots: int, *, release: Callable[[], None] | None = None) -> None:
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
