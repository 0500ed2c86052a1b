"""Removes what a crash left: what carries our labels and the name of an instance that lives no more, nothing else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from sandbox.docker.config import DEADLINE, INSTANCE, PLACE
from sandbox.docker.engine import Engine
from sandbox.errors import SandboxUnavailableError
from sandbox.place import Place

log = logging.getLogger(__name__)


def reap(engine: Engine, place: Place, *, now: float | None = None) -> int:
    """Remove what dead instances of this place left, and containers past their deadline; how many things it were."""
    now = time.time() if now is None else now
    alive: dict[str, bool] = {}
    removed = 0

    def lives(labels: dict[str, str]) -> bool:
        name = labels.get(INSTANCE, "")
        if name not in alive:
            alive[name] = place.alive(name)
        return alive[name]

    for container, labels in engine.containers({PLACE: place.id}):
        if not lives(labels) or _deadline(labels.get(DEADLINE, "")) < now:
            removed += _done(engine.remove, container)
    for volume, labels in engine.volumes({PLACE: place.id}):
        if not lives(labels):
            removed += _done(engine.remove_volume, volume)
    return removed + place.sweep()


def remove_all(engine: Engine, instance: str) -> None:
    """Remove everything of one instance, which is our own."""
    for container, _ in engine.containers({INSTANCE: instance}):
        _done(engine.remove, container)
    for volume, _ in engine.volumes({INSTANCE: instance}):
        _done(engine.remove_volume, volume)


def _done(remove: Callable[[str], None], identity: str) -> bool:
    """What cannot be removed now must not keep the rest; the next round tries it again."""
    try:
        remove(identity)
    except SandboxUnavailableError as error:
        log.warning("%s stays for now: %s", identity, error)
        return False
    return True


def _deadline(label: str) -> float:
    with suppress(ValueError):
        return float(label)
    return 0.0
