"""What containers of ours an engine runs while something goes on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from sandbox.docker.engine import Engine, EngineError

KINDS = ("solve", "improve", "evidence", "smoke", "check", "grade")


class Watch:
    """Looks at every container of ours that appears, every so many seconds, until it is told to stop."""

    def __init__(self, engine: Engine, every_s: float = 0.02) -> None:
        self.seen: dict[str, Mapping[str, Any]] = {}
        self._engine = engine
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self._every_s):
            for kind in KINDS:
                for identity, _ in self._engine.containers({"dgm.kind": kind}):
                    if identity not in self.seen:
                        try:
                            self.seen[identity] = self._engine.inspect(identity)
                        except EngineError:
                            continue  # gone between the two questions
