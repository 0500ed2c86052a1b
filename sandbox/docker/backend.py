"""Opens boxes on a Docker engine, a bounded number at a time."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from sandbox.base import BoxSpec, Level
from sandbox.docker import config, images
from sandbox.docker.box import DockerBox, open_door
from sandbox.docker.engine import Engine
from sandbox.docker.reaper import Reaper, reap
from sandbox.docker.removals import Removals
from sandbox.errors import InvalidSpecError, SandboxUnavailableError
from sandbox.spec import checked

PATIENCE = 900.0  # seconds that `open` waits for one of the running containers to end
OLDEST = (20, 10)


class DockerSandbox:
    """`instance` names what this one starts; a later process of the same name removes what a crash left."""

    def __init__(
        self,
        *,
        url: str | None = None,
        base_image: str | None = None,
        instance: str | None = None,
        running: int | None = None,
    ) -> None:
        self._engine = Engine(url)
        try:
            self._version = _suitable(self._engine)
            self._images = images.find(self._engine, base_image)
            self._instance = instance or secrets.token_hex(8)
            reap(self._engine, self._instance)
        except BaseException:
            self._engine.close()
            raise
        cores = os.cpu_count() or 1
        self._places = threading.BoundedSemaphore(running or 2 * cores + 2)
        self._starting = threading.BoundedSemaphore(2)
        self._boxes: set[DockerBox] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._removals = Removals(self._engine.remove)
        self._reaper = Reaper(self._engine, self._instance, self._removals)
        self._reaper.start()

    @property
    def level(self) -> Level:
        return Level.DOCKER

    @property
    def digests(self) -> Mapping[str, str]:
        return {
            "agent_image": self._images.agent,
            "grader_image": self._images.grader,
            "engine": self._version,
        }

    @property
    def instance(self) -> str:
        return self._instance

    @property
    def engine(self) -> Engine:
        return self._engine

    def open(self, spec: BoxSpec) -> DockerBox:
        checked(spec)
        grader = config.is_grader(spec)
        if grader and spec.door is not None:
            raise InvalidSpecError("a box that grades has no door")
        if spec.door is not None:
            open_door(spec.door)
        if not self._places.acquire(timeout=PATIENCE):
            raise SandboxUnavailableError(f"no place for another container within {PATIENCE:.0f} s")
        container = ""
        try:
            with self._starting:
                opened = time.monotonic()
                labels = {
                    config.INSTANCE: self._instance,
                    config.NAME: spec.name,
                    config.KIND: spec.kind,
                    config.DEADLINE: f"{time.time() + config.lifetime(spec):.0f}",
                }
                image = self._images.grader if grader else self._images.agent
                name = f"dgm-{self._instance}-{secrets.token_hex(6)}"
                container = self._engine.create(config.container(spec, image=image, labels=labels), name)
                self._engine.start(container)
            box = DockerBox(
                spec, self._engine, container, opened=opened, removals=self._removals, closed=self._forget
            )
            box.fill()
        except BaseException:
            if container:
                with suppress(SandboxUnavailableError):
                    self._engine.remove(container)
            self._places.release()
            raise
        with self._lock:
            self._boxes.add(box)
        return box

    def settle(self) -> None:
        """Wait until the containers whose workspace was taken are gone."""
        self._removals.settle()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._reaper.stop()
        with self._lock:
            boxes = list(self._boxes)
        for box in boxes:
            with suppress(SandboxUnavailableError):
                box.close()
        self._removals.close()
        with suppress(SandboxUnavailableError):
            reap(self._engine, self._instance)
        self._engine.close()

    def _forget(self, box: DockerBox) -> None:
        with self._lock:
            self._boxes.discard(box)
        self._places.release()


def _suitable(engine: Engine) -> str:
    """The engine's version, or why it will not do."""
    info = engine.info()
    version = str(info.get("ServerVersion", ""))
    numbers = tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        raise SandboxUnavailableError(
            f"the engine is {version or 'of unknown age'}; 20.10 or newer is needed"
        )
    if not any("seccomp" in str(option) for option in info.get("SecurityOptions") or ()):
        raise SandboxUnavailableError("the engine does not filter system calls (no seccomp)")
    return version
