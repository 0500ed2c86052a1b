"""Whether this process stood still: stopped by somebody, or on a machine that had no time for it.

What ran elsewhere meanwhile went on: its clock ran, its questions were not answered. So what came of it says nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

STILL_S = 15.0
"""Seconds without a single step of a thread that only counts them: more than a busy machine makes one wait."""


class Stillness:
    """Counts while the block runs, or from `start` to `stop`. `found` says for how long it could not, if ever too long.

    `tell` is called with the same, from a thread of its own, as soon as it goes on.
    """

    def __init__(self, tell: Callable[[str], None] | None = None, *, most_s: float = STILL_S) -> None:
        self.found: str | None = None
        self._tell = tell
        self._most_s = most_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count, name="stillness", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _count(self) -> None:
        step_s = self._most_s / 10
        over = False
        while not over:
            began = time.monotonic()
            over = self._over.wait(step_s)
            took_s = time.monotonic() - began
            if took_s > self._most_s:
                self.found = f"its process stood still for {took_s:.0f} s"
                if self._tell is not None:
                    self._tell(self.found)
