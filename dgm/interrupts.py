"""Ctrl-C and SIGTERM: raised while a run is prepared, counted while it goes on."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 3
"""From this many on they are raised again, in case leaving hangs."""


class Stops:
    """How often the operator asked to stop. As a context manager it minds the signals; call it for the count.

    Until `count` is called either signal raises KeyboardInterrupt, since nothing is under way that must be recorded.
    """

    def __init__(self) -> None:
        self._count = 0
        self._counting = False
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> int:
        return self._count

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def count(self) -> None:
        """Count from now on. Takes the signals back from whoever took them meanwhile, as Ray does."""
        self._counting = True
        self._listen()

    def _listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._heard)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if not self._counting or self._count >= PATIENCE:
            raise KeyboardInterrupt
