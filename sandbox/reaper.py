"""Looks for what killed processes left, once in a while and at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sandbox.errors import SandboxUnavailableError

log = logging.getLogger(__name__)

PERIOD = 60.0  # seconds
LAST_S = 5.0
"""Seconds that the last look may take."""


class Reaper:
    """A thread that calls `look`, which says how much it removed, until it is stopped."""

    def __init__(
        self,
        look: Callable[[], int],
        period: float = PERIOD,
        *,
        release: Callable[[], None] | None = None,
    ) -> None:
        self._look = look
        self._period = period
        self._release = release
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sandbox-reaper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look a last time, unless that takes long. Idempotent."""
        self._stop.set()
        self._thread.join(LAST_S)
        if self._release is not None:
            self._release()

    def _loop(self) -> None:
        while not self._stop.wait(self._period):
            self._look_once()
        self._look_once()

    def _look_once(self) -> None:
        try:
            if removed := self._look():
                log.warning("removed %d things that a killed process left", removed)
        except (SandboxUnavailableError, OSError) as error:
            log.warning("could not look for what is left over: %s", error)
