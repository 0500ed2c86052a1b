"""Where no core is idle rollouts begin one after the other, so that those that come together do not stay together.

Before its first call an agent keeps a core busy, loading its libraries. Side by side all would be through with that
as late as the last, wait for their models together while the cores are idle, and end together, to begin together again.
One after the other most are through earlier, and from then on they are spread.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

LOOK_S = 0.1
"""Seconds between two looks at the cores."""

LONGEST_S = 2.0
"""Seconds after which a rollout has begun, whether it has asked its model or not."""


class Starts:
    """So many rollouts `at_once` are at their beginning, and one more at each look that finds a core `idle`."""

    def __init__(
        self, at_once: int, idle: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_once = at_once
        self._idle = idle
        self._clock = clock
        self._waiting: deque[object] = deque()
        self._beginning: dict[str, float] = {}
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def turn(self, rollout: str) -> None:
        """Wait until this rollout may begin, in the order of those who ask."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or not self._room():
                    self._changed.wait(LOOK_S)
                self._beginning[rollout] = self._clock()
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def begun(self, rollout: str) -> None:
        """It has asked its model, or ended."""
        with self._changed:
            if self._beginning.pop(rollout, None) is not None:
                self._changed.notify_all()

    def _room(self) -> bool:
        recent = self._clock() - LONGEST_S
        self._beginning = {rollout: at for rollout, at in self._beginning.items() if at > recent}
        return len(self._beginning) < self._at_once or self._idle()


class Cores:
    """Whether half a core or more of this machine was idle between two looks; not told more often than each `LOOK_S`.

    `ticks` are those that the cores were idle so far, and all.
    """

    def __init__(
        self,
        count: int,
        ticks: Callable[[], tuple[int, int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._ticks = ticks
        self._clock = clock
        self._at, self._seen = clock(), ticks()

    def idle(self) -> bool:
        now = self._clock()
        since_s = now - self._at
        if since_s < LOOK_S:
            return False
        (idle, whole), seen = self._seen, self._ticks()
        self._at, self._seen = now, seen
        of_now = since_s <= 5 * LOOK_S  # a look of long ago tells how it was, not how it is
        return of_now and 2 * self._count * (seen[0] - idle) >= seen[1] - whole


def starts_here() -> Starts:
    """For all rollouts of this machine: as many at once as it has cores."""
    count = os.cpu_count() or 1
    return Starts(count, Cores(count, _ticks).idle)


def _ticks() -> tuple[int, int]:
    """The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; what follows is in these."""
    with Path("/proc/stat").open() as file:
        counted = [int(word) for word in file.readline().split()[1:9]]
    return counted[3] + counted[4], sum(counted)
