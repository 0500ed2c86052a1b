"""Opens boxes on a Docker engine, as many at a time as there is room for."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sandbox.base import BoxSpec, Level
from sandbox.docker import config, guard, images, sockets
from sandbox.docker.box import DockerBox, open_door
from sandbox.docker.engine import Engine, EngineError
from sandbox.docker.reaper import reap, remove_all
from sandbox.docker.removals import Removals
from sandbox.docker.room import PATIENCE, Floors, Room
from sandbox.errors import InvalidSpecError, SandboxUnavailableError
from sandbox.place import Place, Slot
from sandbox.reaper import PERIOD, Reaper
from sandbox.spec import checked

log = logging.getLogger(__name__)

AWAY = 120.0
"""Seconds that a box waits for an engine that does not answer."""

_AWAY_PAUSE = 1.0  # seconds between two looks

SHARED_DOOR = (
    "the driver is not root, so every user of this machine who knew a socket's random name could use it"
)


class DockerSandbox:
    """Removes what killed processes of the same `place` left: when it starts, and every `period` seconds.

    `running` containers at most run at once, those of other processes of the place counted (by default two per core);
    `runtime` is the OCI runtime of the engine that runs them, by default the engine's own default. A box waits
    `patience` seconds for room, and `away` seconds for an engine that does not answer.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        base_image: str | None = None,
        runtime: str | None = None,
        running: int | None = None,
        place: Place | None = None,
        floors: Floors | None = None,
        patience: float = PATIENCE,
        away: float = AWAY,
        period: float = PERIOD,
    ) -> None:
        self._engine = Engine(url)
        try:
            found = guard.facts(self._engine)
            guard.check(found, runtime)
            self._images = images.find(self._engine, base_image)
            self._place = place or Place()
            reap(self._engine, self._place)
            guard.check_load(self._engine, found)
        except BaseException:
            self._engine.close()
            raise
        self._runtime = runtime
        self._away = away
        self._digests = {
            "agent_image": self._images.agent,
            "grader_image": self._images.grader,
            "engine": found.version,
            "runtime": found.runtime(runtime),
        }
        weak = [SHARED_DOOR] if os.geteuid() != 0 else []
        self._limit_sockets = found.cgroup != "2"
        if self._limit_sockets and not (self._engine.local and sockets.may_limit()):
            self._limit_sockets = False
            weak.append(sockets.UNCOUNTED)
        if weak:
            self._digests["weak"] = "; ".join(weak)
        self._room = Room(
            self._place,
            running=running,
            floors=floors,
            data_root=_reachable(found.data_root) if self._engine.local else None,
            patience=patience,
        )
        self._holding = self._place.hold()
        self._boxes: set[DockerBox] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._removals = Removals(self._engine.remove)
        self._reaper = Reaper(self._look, period)

    @property
    def level(self) -> Level:
        return Level.DOCKER

    @property
    def digests(self) -> Mapping[str, str]:
        return self._digests

    def note(self, facts: Mapping[str, str]) -> None:
        """Tell these facts in `digests` too."""
        self._digests = {**self._digests, **facts}

    @property
    def instance(self) -> str:
        return self._holding.name

    @property
    def engine(self) -> Engine:
        return self._engine

    def open(self, spec: BoxSpec) -> DockerBox:
        checked(spec)
        if config.is_grader(spec) and spec.door is not None:
            raise InvalidSpecError("a box that grades has no door")
        if spec.door is not None:
            open_door(spec.door)
        asked = time.monotonic()
        slot = self._room.enter()
        try:
            box = self._patiently(spec, slot, asked)
        except BaseException:
            slot.release()
            raise
        with self._lock:
            self._boxes.add(box)
            closed = self._closed
        if closed:
            box.close()
            raise SandboxUnavailableError("this sandbox was closed")
        return box

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            boxes = list(self._boxes)
        self._reaper.stop()
        for box in boxes:
            box.close()
        self._removals.close()
        with suppress(SandboxUnavailableError):
            remove_all(self._engine, self.instance)
        self._engine.close()
        self._holding.release()

    def _patiently(self, spec: BoxSpec, slot: Slot, asked: float) -> DockerBox:
        """An engine that does not answer, because it is started again perhaps, is waited for: nothing has run yet."""
        deadline = time.monotonic() + self._away
        while True:
            try:
                return self._started(spec, slot, asked)
            except EngineError as error:
                if error.status or time.monotonic() >= deadline:
                    raise
                log.warning("the engine does not answer, waiting up to %g s for it: %s", self._away, error)
                while not self._engine.answers():
                    if time.monotonic() >= deadline or self._closed:
                        raise
                    time.sleep(_AWAY_PAUSE)

    def _started(self, spec: BoxSpec, slot: Slot, asked: float) -> DockerBox:
        container = ""
        try:
            with self._room.start():
                opened = time.monotonic()
                name = f"dgm-{self.instance}-{secrets.token_hex(6)}"
                container = self._engine.create(self._config(spec), name)
                self._engine.start(container)
            if self._limit_sockets and not sockets.limit(container, spec.limits.memory_bytes):
                self.note({"weak": sockets.UNCOUNTED})

            def closed(box: DockerBox) -> None:
                with self._lock:
                    self._boxes.discard(box)
                slot.release()

            box = DockerBox(
                spec,
                self._engine,
                container,
                worker=config.WORKER_UIDS[slot.number % len(config.WORKER_UIDS)],
                opened=opened,
                queued_s=opened - asked,
                removals=self._removals,
                closed=closed,
            )
            box.fill()
        except BaseException:
            if container:
                self._removals.now(container, lambda: None)
            raise
        return box

    def settle(self) -> None:
        """Wait until the containers whose workspace was taken are gone."""
        self._removals.settle()

    def _config(self, spec: BoxSpec) -> dict[str, object]:
        labels = {
            config.PLACE: self._place.id,
            config.INSTANCE: self.instance,
            config.NAME: spec.name,
            config.KIND: spec.kind,
            config.DEADLINE: f"{time.time() + config.lifetime(spec):.0f}",
        }
        image = self._images.grader if config.is_grader(spec) else self._images.agent
        return config.container(spec, image=image, labels=labels, runtime=self._runtime)

    def _look(self) -> int:
        self._removals.again()
        return reap(self._engine, self._place)


def _reachable(directory: str) -> Path | None:
    try:
        shutil.disk_usage(directory)
    except OSError:
        return None
    return Path(directory)
