"""For how long the boxes of one job waited until there was room for them: no part of what the job took."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox import Box, BoxSpec, Level, Sandbox


class Timed:
    """A sandbox for one job that sums up `queued_s` of its boxes."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.queued_s = 0.0

    @property
    def level(self) -> Level:
        return self._sandbox.level

    @property
    def digests(self) -> Mapping[str, str]:
        return self._sandbox.digests

    def open(self, spec: BoxSpec) -> Box:
        box = self._sandbox.open(spec)
        self.queued_s += box.queued_s
        return box

    def close(self) -> None:
        self._sandbox.close()
