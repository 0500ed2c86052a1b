"""What a node needs once, made from settings that travel."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dgm.gates import smoke
from dgm.jobs.base import ExpandJob, Job, NodeServices, Result
from dgm.jobs.evaluate import evaluate
from dgm.jobs.expand import expand
from dgm.llm import Gateway, RolloutRecord, RolloutSpec
from dgm.llm.upstreams import Upstream
from sandbox import Level, Limits, Sandbox, open_sandbox

RELAY_UID = 10_001
"""The user that a container's relay runs as, which alone may use the socket."""


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """How a node serves jobs. `slots` bounds how many run on it at once."""

    level: Level
    limits: Limits
    upstream: Upstream
    slots: int


class GatewayDoors:
    """The doors of this node. Rollouts of the smoke gate meet the script instead of the upstream."""

    def __init__(self, gateway: Gateway, socket_owner: int | None) -> None:
        self._gateway = gateway
        self._socket_owner = socket_owner
        self._script = smoke.SmokeBackend()

    def open(self, spec: RolloutSpec) -> Path:
        backend = self._script if spec.role == smoke.ROLE else None
        return self._gateway.open(spec, backend=backend, socket_owner=self._socket_owner)

    def close(self, rollout: str) -> RolloutRecord:
        return self._gateway.close(rollout)


def open_gateway(settings: NodeSettings, environ: Mapping[str, str]) -> Gateway:
    """A started gateway for this node's rollouts. The key, if any, is read from `environ` here and stays here."""
    gateway = Gateway(settings.upstream.backend(environ), prices=settings.upstream.prices())
    gateway.start()
    return gateway


def doors(gateway: Gateway, level: Level) -> GatewayDoors:
    """Doors for boxes of `level`: a container's socket belongs to its relay's user where we may give it away."""
    owner = RELAY_UID if level is Level.DOCKER and os.geteuid() == 0 else None
    return GatewayDoors(gateway, owner)


def open_box_maker(level: Level, slots: int) -> Sandbox:
    """The node's sandbox, at exactly the level that the driver chose; at most `slots` containers run at once."""
    return open_sandbox(level, running=slots)


def work(job: Job, services: NodeServices) -> Result:
    """Do one job with this node's services."""
    return expand(job, services) if isinstance(job, ExpandJob) else evaluate(job, services)
