"""What a node needs once, made from settings that travel."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dgm.gates.smoke import SmokeBackend
from dgm.jobs.base import ExpandJob, Job, NodeServices, Result
from dgm.jobs.evaluate import evaluate
from dgm.jobs.expand import expand
from dgm.jobs.outcomes import voided
from dgm.jobs.starts import starts_here
from dgm.llm import Gateway, RolloutRecord, RolloutSpec
from dgm.llm.journal import LocalFile, OpenFile
from dgm.llm.upstreams import Upstream
from dgm.stillness import Stillness
from sandbox import Level, Limits, Place, Sandbox, SandboxUnavailableError, open_sandbox

LEAST_CALLS = 64
"""So many calls of a node may be upstream at once even where it has fewer slots: theirs may grow, and agents may ask
side by side."""

RELAY_UID = 10_001
"""The user that a container's relay runs as, which alone may use the socket."""


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """How a node serves jobs. `slots` bounds how many run on it at once.

    `runtime` is the engine's OCI runtime for containers, None its default. Every `reap_s` seconds a node looks for what
    killed processes left on it. Where jobs have processes of their own, one that stands still for `stalled_s` seconds
    is ended; a node of a cluster without a job for `idle_s` seconds is let go of.
    """

    level: Level
    limits: Limits
    upstream: Upstream
    slots: int
    runtime: str | None = None
    reap_s: float = 60.0
    stalled_s: float = 60.0
    idle_s: float = 60.0


class NodeDoors:
    """The gateway of this node, started. Rollouts of the smoke gate meet the script instead of the upstream.

    The key, if any, is read from `environ` here and stays here. The sockets lie in `directory`, where the node may put
    other temporary files too; if this process is killed, whoever looks after this machine's leftovers removes it.
    """

    def __init__(
        self, settings: NodeSettings, environ: Mapping[str, str], journals: OpenFile = LocalFile
    ) -> None:
        # A container's socket belongs to its relay's user where we may give it away.
        may_give = settings.level is Level.DOCKER and os.geteuid() == 0
        self._socket_owner = RELAY_UID if may_give else None
        self._script = SmokeBackend()
        self._starts = starts_here()
        backend, prices = settings.upstream.backend(environ), settings.upstream.prices()
        place = Place()
        place.sweep()
        self._holding = place.hold()
        self.directory = self._holding.path
        self._gateway = Gateway(
            backend,
            prices=prices,
            lanes=settings.upstream.lanes(),
            concurrency=max(LEAST_CALLS, settings.slots),
            output_tokens=settings.upstream.longest(),
            base=self.directory,
            journals=journals,
            cache=settings.upstream.answers(),
            asked=self._starts.begun,
        )
        try:
            self._gateway.start()
        except BaseException:
            self.stop()
            raise

    def turn(self, rollout: str) -> None:
        self._starts.turn(rollout)

    def open(self, spec: RolloutSpec, *, scripted: bool = False) -> Path:
        backend = self._script if scripted else None
        return self._gateway.open(spec, backend=backend, socket_owner=self._socket_owner)

    def close(self, rollout: str, *, left: bool = False) -> RolloutRecord:
        self._starts.begun(rollout)
        return self._gateway.close(rollout, left=left)

    def stop(self) -> None:
        """Close what is open and stop serving. Idempotent."""
        self._gateway.stop()
        self._holding.release()


def open_box_maker(level: Level, slots: int, runtime: str | None, reap_s: float) -> Sandbox:
    """The node's sandbox, at exactly the level that the driver chose.

    So many containers run at once on the node as there are slots, or two for each core if those are more; two besides
    may be on their way out while their jobs go on.
    """
    running = max(slots, 2 * (os.cpu_count() or 1)) + 2
    return open_sandbox(level, running=running, runtime=runtime, period=reap_s)


def work(job: Job, services: NodeServices) -> Result:
    """Do one job with this node's services. Nothing is learnt from it if this process stood still meanwhile."""
    with Stillness() as still:
        result = expand(job, services) if isinstance(job, ExpandJob) else evaluate(job, services)
    if still.found is None or not result.outcome.counted:
        return result
    return voided(job, SandboxUnavailableError(still.found), result.record)
