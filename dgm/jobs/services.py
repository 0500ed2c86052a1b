"""What a node needs once, made from settings that travel."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dgm.gates.smoke import SmokeBackend
from dgm.jobs.base import ExpandJob, Job, NodeServices, Result
from dgm.jobs.evaluate import evaluate
from dgm.jobs.expand import expand
from dgm.llm import Gateway, RolloutRecord, RolloutSpec
from dgm.llm.journal import LocalFile, OpenFile
from dgm.llm.upstreams import Upstream
from sandbox import Level, Limits, Sandbox, open_sandbox

RELAY_UID = 10_001
"""The user that a container's relay runs as, which alone may use the socket."""

_PREFIX = "dgm-doors-"
_OWNER = ".owner"


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """How a node serves jobs. `slots` bounds how many run on it at once."""

    level: Level
    limits: Limits
    upstream: Upstream
    slots: int


class NodeDoors:
    """The gateway of this node, started. Rollouts of the smoke gate meet the script instead of the upstream.

    The key, if any, is read from `environ` here and stays here. The sockets lie in `directory`, where the node may put
    other temporary files too; the next one of its kind removes it if this process is killed.
    """

    def __init__(
        self, settings: NodeSettings, environ: Mapping[str, str], journals: OpenFile = LocalFile
    ) -> None:
        # A container's socket belongs to its relay's user where we may give it away.
        may_give = settings.level is Level.DOCKER and os.geteuid() == 0
        self._socket_owner = RELAY_UID if may_give else None
        self._script = SmokeBackend()
        backend, prices = settings.upstream.backend(environ), settings.upstream.prices()
        self.directory, self._lock = _own_directory()
        self._gateway = Gateway(backend, prices=prices, base=self.directory, journals=journals)
        try:
            self._gateway.start()
        except BaseException:
            self.stop()
            raise

    def open(self, spec: RolloutSpec, *, scripted: bool = False) -> Path:
        backend = self._script if scripted else None
        return self._gateway.open(spec, backend=backend, socket_owner=self._socket_owner)

    def close(self, rollout: str) -> RolloutRecord:
        return self._gateway.close(rollout)

    def stop(self) -> None:
        """Close what is open and stop serving. Idempotent."""
        self._gateway.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def open_box_maker(level: Level, slots: int) -> Sandbox:
    """The node's sandbox, at exactly the level that the driver chose.

    At most `slots` containers run commands at once; two more may be on their way out while their jobs go on.
    """
    return open_sandbox(level, running=slots + 2)


def work(job: Job, services: NodeServices) -> Result:
    """Do one job with this node's services."""
    return expand(job, services) if isinstance(job, ExpandJob) else evaluate(job, services)


def _own_directory() -> tuple[Path, int]:
    """A new directory and the descriptor by which this process holds it; those that nobody holds are removed."""
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (left / _OWNER).open("rb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    held, name = tempfile.mkstemp(dir=directory)
    fcntl.flock(held, fcntl.LOCK_EX)
    Path(name).rename(directory / _OWNER)  # held before it has its name, so never seen free
    return directory, held
