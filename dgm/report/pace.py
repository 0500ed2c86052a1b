"""How fast a search goes, and what that lets one expect: over the time in which it searched, pauses left out."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import NamedTuple

RECENT_S = 1800.0
"""Searching time in seconds over which the recent pace is taken."""

APART = 1.2
"""If the recent pace and the whole one expect times that differ by more than this factor, both are told."""


class Seen(NamedTuple):
    """Evaluations and micro-dollars after so many seconds of searching."""

    at: float
    done: int
    microusd: int


class Pace:
    """Told of the state again and again; times are seconds of any clock."""

    def __init__(self) -> None:
        self._searched = 0.0
        self._now: float | None = None
        self._searching = True
        self._seen: deque[Seen] = deque()
        self._first = self._last = Seen(0.0, 0, 0)

    def see(self, now: float, done: int, microusd: int, *, searching: bool) -> None:
        if self._now is None:
            self._first = Seen(0.0, done, microusd)
            self._seen.append(self._first)
        elif self._searching:
            self._searched += now - self._now
        self._now, self._searching = now, searching
        self._last = Seen(self._searched, done, microusd)
        if done != self._seen[-1].done:
            self._seen.append(self._last)
        while len(self._seen) > 2 and self._seen[1].at < self._searched - RECENT_S:
            self._seen.popleft()

    @property
    def per_hour(self) -> float | None:
        """Evaluations an hour, of late; None before there is one."""
        return 3600 * rate if (rate := self._rate(self._seen[0])) else None

    @property
    def usd_per_hour(self) -> float | None:
        """Dollars an hour, of late."""
        since = self._seen[0]
        seconds = self._last.at - since.at
        return 3600e-6 * (self._last.microusd - since.microusd) / seconds if seconds > 0 else None

    def left(self, total: int, cap_microusd: int | None) -> str:
        """How long until all is done or the money is spent; `-` where nothing lets one say it."""
        rates = [rate for since in (self._seen[0], self._first) if (rate := self._rate(since))]
        if not rates or total <= self._last.done:
            return "-"
        times = sorted((total - self._last.done) / rate for rate in rates)
        usd = self.usd_per_hour
        if cap_microusd is not None and usd:
            money = 3600 * max(0.0, cap_microusd - self._last.microusd) / 1e6 / usd
            if money < times[0]:
                return f"about {duration(money)} until the money is spent"
        if times[-1] > APART * times[0]:
            return f"{duration(times[0])} to {duration(times[-1])}"
        return f"about {duration(times[0])}"

    def _rate(self, since: Seen) -> float:
        """Evaluations a second."""
        seconds = self._last.at - since.at
        return (self._last.done - since.done) / seconds if seconds > 0 else 0.0


def duration(seconds: float) -> str:
    """Days, hours, minutes, seconds; from an hour on without the seconds, which nobody knows."""
    return str(timedelta(seconds=round(seconds) if seconds < 3600 else 60 * round(seconds / 60)))
