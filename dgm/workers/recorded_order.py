"""A pool whose results come in the order of an earlier run, so that a replayed search sees what that one saw."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence

from dgm.jobs import Job, Result
from dgm.workers.base import Figure, Pool


class RecordedOrder:
    """Holds results of `pool` back until their round is whole; see `dgm.workers.base.Pool`.

    A round names the decisions whose results came before the next decision was made. Asked with a timeout of 0 this
    gives the rest of a round and never begins another, so a search that takes what is ready takes a round at a time. A
    decision of a round that is not running is passed over; a result that no round knows comes when nothing else is
    running.
    """

    def __init__(self, pool: Pool, rounds: Iterable[Iterable[int]]) -> None:
        self._pool = pool
        self._rounds = deque(tuple(round) for round in rounds)
        self._submitted: set[int] = set()
        self._held: dict[int, Result] = {}
        self._ready: deque[Result] = deque()

    @property
    def slots(self) -> int:
        return self._pool.slots

    @property
    def running(self) -> int:
        return len(self._submitted)

    def lack(self) -> str:
        return self._pool.lack()

    def resize(self, slots: int) -> None:
        self._pool.resize(slots)

    def publish(self, run: str, figures: Sequence[Figure]) -> None:
        self._pool.publish(run, figures)

    def submit(self, job: Job) -> None:
        self._submitted.add(job.decision)
        self._pool.submit(job)

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if not self._ready and timeout_s != 0:
            self._collect(timeout_s)
        if not self._ready:
            return None
        result = self._ready.popleft()
        self._submitted.discard(result.decision)
        return result

    def _collect(self, timeout_s: float | None) -> None:
        """Wait until the next round is whole, or for so long."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not (round := self._round()) or not self._held.keys() >= set(round):
            left = None if until is None else max(0.0, until - time.monotonic())
            result = self._pool.next_finished(left)
            if result is None:
                return
            self._held[result.decision] = result
        self._ready.extend(self._held.pop(decision) for decision in round)

    def _round(self) -> tuple[int, ...]:
        """The running decisions whose results come next, together; none when nothing runs."""
        while self._rounds and self._submitted:
            round = tuple(decision for decision in self._rounds[0] if decision in self._submitted)
            if round:
                return round
            self._rounds.popleft()
        last = min(self._held, default=min(self._submitted, default=None))
        return () if last is None else (last,)

    def close(self) -> None:
        self._pool.close()
