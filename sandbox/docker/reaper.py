"""Removes what a crash left: by our labels and our instance only, never by name, never anybody else's."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sandbox.docker.config import DEADLINE, INSTANCE
from sandbox.docker.engine import Engine
from sandbox.docker.removals import Removals
from sandbox.errors import SandboxUnavailableError

log = logging.getLogger(__name__)

PERIOD = 60.0  # seconds


def reap(engine: Engine, instance: str, *, expired_only: bool = False, now: float | None = None) -> int:
    """Remove this instance's containers and volumes, or only expired containers; how many it were."""
    now = time.time() if now is None else now
    removed = 0
    for container, labels in engine.containers({INSTANCE: instance}):
        if not expired_only or _deadline(labels.get(DEADLINE, "")) < now:
            engine.remove(container)
            removed += 1
    if not expired_only:
        for volume in engine.volumes({INSTANCE: instance}):
            engine.remove_volume(volume)
    return removed


def _deadline(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return 0.0


class Reaper:
    """Looks once in a while, until it is stopped, for what expired or could not be removed when it should."""

    def __init__(
        self, engine: Engine, instance: str, removals: Removals, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._instance = instance
        self._removals = removals
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sandbox-reaper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5.0)

    def _loop(self) -> None:
        while not self._stop.wait(PERIOD):
            try:
                self._removals.again()
                if removed := reap(self._engine, self._instance, expired_only=True, now=self._clock()):
                    log.warning("removed %d containers past their deadline", removed)
            except SandboxUnavailableError as error:
                log.warning("could not look for leftover containers: %s", error)
