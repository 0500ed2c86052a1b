"""A pool whose results come in the order of an earlier run, so that a replayed search sees what that one saw."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from dgm.jobs import Job, Result
from dgm.workers.base import Pool


class RecordedOrder:
    """Holds results of `pool` back until their turn; see `dgm.workers.base.Pool`.

    `order` names decisions in the order of their results. A decision whose turn it is but that is not running is passed
    over; a result that `order` does not know comes when nothing else is running.
    """

    def __init__(self, pool: Pool, order: Iterable[int]) -> None:
        self._pool = pool
        self._order = deque(order)
        self._submitted: set[int] = set()
        self._held: dict[int, Result] = {}

    @property
    def slots(self) -> int:
        return self._pool.slots

    @property
    def running(self) -> int:
        return len(self._submitted)

    def submit(self, job: Job) -> None:
        self._submitted.add(job.decision)
        self._pool.submit(job)

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while (turn := self._turn()) not in self._held:
            left = None if until is None else max(0.0, until - time.monotonic())
            result = self._pool.next_finished(left)
            if result is None:
                return None
            self._held[result.decision] = result
        assert turn is not None
        self._submitted.discard(turn)
        return self._held.pop(turn)

    def _turn(self) -> int | None:
        """The running decision whose result comes next; None when nothing runs."""
        while self._order and self._order[0] not in self._submitted and self._submitted:
            self._order.popleft()
        if self._order and self._order[0] in self._submitted:
            return self._order[0]
        return min(self._held, default=min(self._submitted, default=None))

    def close(self) -> None:
        self._pool.close()
