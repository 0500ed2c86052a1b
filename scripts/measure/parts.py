"""Which part of a program the processor's time goes to, by looking at the main thread every few milliseconds of it."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping
from types import CodeType, FrameType

EVERY_S = 0.004
"""Processor seconds between two looks; a kernel may look no more often than that."""

REST = "the rest"


class Parts:
    """Of nested functions that are parts, the innermost one counts. Time of other threads counts for what the main
    thread does meanwhile, which is to wait for them."""

    def __init__(self, parts: Mapping[CodeType, str]) -> None:
        self._parts = parts
        self._seen: Counter[str] = Counter()

    def start(self) -> None:
        self._seen.clear()
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)

    def stop(self) -> Mapping[str, float]:
        """The share of each part, and of the rest, since `start`."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        names = [*dict.fromkeys(self._parts.values()), REST]
        return {name: self._seen[name] / max(1, self._seen.total()) for name in names}

    def _look(self, _: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code not in self._parts:
            frame = frame.f_back
        self._seen[REST if frame is None else self._parts[frame.f_code]] += 1
