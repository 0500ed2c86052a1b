"""For how long one job waited for its turn and for room for its boxes: no part of what it took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dgm.jobs.base import Doors, NodeServices
from dgm.llm import RolloutRecord, RolloutSpec
from sandbox import Box, BoxSpec, Level, Sandbox


@dataclass
class Waited:
    """The sum so far."""

    seconds: float = 0.0


def timed(services: NodeServices) -> tuple[NodeServices, Waited]:
    """The same services for one job, and what it waited for them."""
    waited = Waited()
    boxes, doors = _Boxes(services.sandbox, waited), _Doors(services.doors, waited)
    return replace(services, sandbox=boxes, doors=doors), waited


class _Boxes:
    def __init__(self, sandbox: Sandbox, waited: Waited) -> None:
        self._sandbox = sandbox
        self._waited = waited

    @property
    def level(self) -> Level:
        return self._sandbox.level

    @property
    def digests(self) -> Mapping[str, str]:
        return self._sandbox.digests

    def open(self, spec: BoxSpec) -> Box:
        box = self._sandbox.open(spec)
        self._waited.seconds += box.queued_s
        return box

    def close(self) -> None:
        self._sandbox.close()


class _Doors:
    def __init__(self, doors: Doors, waited: Waited) -> None:
        self._doors = doors
        self._waited = waited

    def turn(self, rollout: str) -> None:
        began = time.monotonic()
        try:
            self._doors.turn(rollout)
        finally:
            self._waited.seconds += time.monotonic() - began

    def open(self, spec: RolloutSpec, *, scripted: bool = False) -> Path:
        return self._doors.open(spec, scripted=scripted)

    def close(self, rollout: str, *, left: bool = False) -> RolloutRecord:
        return self._doors.close(rollout, left=left)
