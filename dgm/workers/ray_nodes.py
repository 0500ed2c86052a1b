"""What a node and the driver's node serve jobs with, as Ray actors: gateways, their hub, and the run's journals."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import ActorUnavailableError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dgm.jobs.services import NodeDoors, NodeSettings
from dgm.llm import RolloutError, RolloutRecord, RolloutSpec
from dgm.llm.journal import LocalFile
from dgm.workers.placing import taken_by
from dgm.workers.pulse import Pulse
from dgm.workers.ray_cluster import alive
from sandbox import Place, open_reaper

CLOSING_S = 5.0
"""Seconds that gateways get to stop."""

RESTART_S, RESTART_PAUSE_S = 60.0, 0.5
"""Seconds that a job waits for a gateway that was lost, and between two looks."""

ABANDONED_S = 2.0
"""Seconds that gateways get to say what they know of a lost rollout."""


class Journals:
    """The journals of the run, on the driver's node: the only one that sees the run's directory for sure.

    Who opens a journal takes it over: the rollout that had it was lost with its node.
    """

    def __init__(self) -> None:
        self._files: dict[str, tuple[Path, LocalFile]] = {}
        self._lock = threading.Lock()

    def open(self, path: Path) -> tuple[str, bytes]:
        with self._lock:
            for holder in [holder for holder, (held, _) in self._files.items() if held == path]:
                self._files.pop(holder)[1].close()
            file = LocalFile(path)
            holder = uuid4().hex
            self._files[holder] = (path, file)
            return holder, file.read()

    def append(self, holder: str, data: bytes) -> None:
        self._file(holder).append(data)

    def cut(self, holder: str, size: int) -> None:
        self._file(holder).cut(size)

    def close(self, holder: str) -> None:
        with self._lock:
            if holder in self._files:
                self._files.pop(holder)[1].close()

    def _file(self, holder: str) -> LocalFile:
        if holder not in self._files:
            raise OSError("another rollout has taken over this journal")
        return self._files[holder][1]


class _RemoteFile:
    """A journal's file that the driver's node holds; see `dgm.llm.journal.JournalFile`."""

    def __init__(self, journals: Any, path: Path) -> None:
        self._journals = journals
        self._holder, self._data = _journalled(journals.open.remote(path))

    def read(self) -> bytes:
        return bytes(self._data)

    def append(self, data: bytes) -> None:
        _journalled(self._journals.append.remote(self._holder, data))

    def cut(self, size: int) -> None:
        _journalled(self._journals.cut.remote(self._holder, size))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            _journalled(self._journals.close.remote(self._holder))


def _journalled(reference: Any) -> Any:
    """What the journals' actor answers; an OSError of the file as itself, the loss of the actor as one."""
    try:
        return ray.get(reference)
    except RayError as error:
        cause = getattr(error, "cause", None)
        raise (cause if isinstance(cause, OSError) else OSError(f"the driver's node: {error}")) from error


class NodeGateway:
    """The gateway of one node, as an actor."""

    def __init__(self, settings: NodeSettings, journals: Any) -> None:
        self._doors = NodeDoors(settings, os.environ, partial(_RemoteFile, journals))
        self._pulse = pulse(settings.stalled_s)
        self._pulse.start()
        self._reaper = open_reaper(settings.level, period=settings.reap_s)

    def directory(self) -> Path:
        return self._doors.directory

    def turn(self, rollout: str) -> None:
        self._doors.turn(rollout)

    def open(self, spec: RolloutSpec, scripted: bool) -> Path:
        return self._doors.open(spec, scripted=scripted)

    def close(self, rollout: str, left: bool) -> RolloutRecord:
        return self._doors.close(rollout, left=left)

    def abandon(self, rollout: str) -> RolloutRecord | None:
        """Close a rollout whose job is lost, if it is open here."""
        with contextlib.suppress(RolloutError):
            return self._doors.close(rollout)
        return None

    def stop(self) -> None:
        self._reaper.stop()
        self._pulse.stop()
        self._doors.stop()


def pulse(stalled_s: float) -> Pulse:
    """That of this process, among all those of its node."""
    node = ray.get_runtime_context().get_node_id()
    return Pulse(Place().root.parent / f"dgm-pulse-{node[:16]}", stalled_s)


class Hub:
    """Owns the gateways, one per node, and makes them when a node's first job asks. Serves several callers at once.

    With `declared` a node has the slots that it declares, else those of the settings.
    """

    def __init__(self, settings: NodeSettings, journals: Any, declared: bool) -> None:
        self._settings = settings
        self._journals = journals
        self._declared = declared
        self._gateways: dict[str, tuple[Any, NodeSettings]] = {}
        self._jobs: dict[str, tuple[str, float]] = {}
        self._dead: set[str] = set()
        self._lock = threading.Lock()

    def gateway(self, node: str, job: str) -> tuple[Any, NodeSettings]:
        """The gateway of the node on which this job begins, and how the node serves jobs."""
        with self._lock:
            if node in self._dead:
                raise RolloutError(
                    "this node was given up, and so was its job, which may have begun on another"
                )
            self._jobs[job] = node, time.monotonic()
            if node not in self._gateways:
                settings = self._settings_of(node)
                here = NodeAffinitySchedulingStrategy(node, soft=False)
                actor = (
                    ray.remote(NodeGateway)
                    .options(
                        num_cpus=0,
                        max_concurrency=4 * settings.slots + 4,
                        max_restarts=-1,
                        scheduling_strategy=here,
                    )
                    .remote(settings, self._journals)
                )
                self._gateways[node] = actor, settings
            return self._gateways[node]

    def bury(self, nodes: set[str]) -> tuple[set[str], set[str]]:
        """The jobs that began on these nodes, which are dead, and on others. None begins there from now on."""
        with self._lock:
            self._dead |= nodes
            for node in nodes:
                self._gateways.pop(node, None)
            there = {job for job, (node, _) in self._jobs.items() if node in nodes}
            return there, self._jobs.keys() - there

    def rest(self, running: set[str], idle_s: float) -> None:
        """Stop the gateways of nodes without any of these jobs, that begun none for so long: an autoscaler takes a node
        away only when nothing runs there."""
        with self._lock:
            recent = time.monotonic() - idle_s
            self._jobs = {
                job: (node, at) for job, (node, at) in self._jobs.items() if job in running or at > recent
            }
            busy = {node for node, _ in self._jobs.values()}
            for node in [node for node in self._gateways if node not in busy]:
                gateway, _ = self._gateways.pop(node)
                gateway.stop.remote()

    def _settings_of(self, node: str) -> NodeSettings:
        slots = [taken_by(one) for one in alive() if one.id == node] if self._declared else []
        return replace(self._settings, slots=max(1, *slots)) if slots else self._settings

    def abandon(self, rollout: str) -> RolloutRecord | None:
        """Close a lost rollout wherever it is open: its journal is then free, its record tells what it paid.

        A gateway that stands still or was lost too is not waited for; the journal tells the same.
        """
        with self._lock:
            asked = [gateway.abandon.remote(rollout) for gateway, _ in self._gateways.values()]
        answered, _ = ray.wait(asked, num_returns=len(asked), timeout=ABANDONED_S) if asked else ([], [])
        for answer in answered:
            with contextlib.suppress(RayError):
                record: RolloutRecord | None = ray.get(answer)
                if record is not None:
                    return record
        return None

    def stop(self) -> None:
        stopping = [gateway.stop.remote() for gateway, _ in self._gateways.values()]
        if stopping:
            ray.wait(stopping, num_returns=len(stopping), timeout=CLOSING_S)


class RemoteDoors:
    """The doors of the actor on this node."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def turn(self, rollout: str) -> None:
        told(self._actor.turn.remote(rollout))

    def open(self, spec: RolloutSpec, *, scripted: bool = False) -> Path:
        path: Path = told(self._actor.open.remote(spec, scripted))
        return path

    def close(self, rollout: str, *, left: bool = False) -> RolloutRecord:
        record: RolloutRecord = told(self._actor.close.remote(rollout, left))
        return record


def directory_of(gateway: Any) -> Path:
    """Where a gateway keeps its files. One that was lost is started again, which is waited for: nothing has run yet."""
    deadline = time.monotonic() + RESTART_S
    while True:
        try:
            found: Path = ray.get(gateway.directory.remote())
            return found
        except ActorUnavailableError as error:
            if time.monotonic() >= deadline:
                raise RolloutError(f"no gateway for {RESTART_S:g} s: {error}") from error
            time.sleep(RESTART_PAUSE_S)


def told(reference: Any) -> Any:
    """What the gateway's actor answers. An error of the gateway comes as itself, the loss of the actor as one."""
    try:
        return ray.get(reference)
    except RayError as error:
        cause = getattr(error, "cause", None)
        raise (cause if isinstance(cause, Exception) else RolloutError(f"no gateway: {error}")) from error
