"""What a node and the driver's node serve jobs with, as Ray actors: gateways, their hub, and the run's journals."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dgm.jobs.services import NodeDoors, NodeSettings
from dgm.llm import RolloutError, RolloutRecord, RolloutSpec
from dgm.llm.journal import LocalFile
from dgm.workers.placing import taken_by
from dgm.workers.pulse import Pulse, pulse_of, tidy_pulses
from dgm.workers.ray_cluster import alive
from sandbox import open_reaper

log = logging.getLogger(__name__)

CLOSING_S = 5.0
"""Seconds that gateways get to stop."""

RESTART_S, RESTART_PAUSE_S = 60.0, 0.5
"""Seconds that a job waits for a gateway that was lost, and between two looks."""

BEGIN = 5
"""So many times as long as a process may stand still it may take to begin: it imports, beside others."""

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
        self._pulse = pulse(settings.stalled_s)
        self._pulse.start()
        tidy_pulses()
        self._doors = NodeDoors(settings, os.environ, partial(_RemoteFile, journals))
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
    return pulse_of(ray.get_runtime_context().get_node_id(), stalled_s)


@dataclass(frozen=True, kw_only=True)
class Served:
    """By whom a node serves jobs, and how. `number` tells one gateway of a node from the next."""

    number: int
    gateway: Any
    settings: NodeSettings


class Hub:
    """Owns the gateways, one per node, and makes them when a node's first job asks. Serves several callers at once.

    With `declared` a node has the slots that it declares, else those of the settings. Each time that the driver hands a
    job over it writes a *ticket*. It begins here, and once only: one that was taken back does not begin.
    """

    def __init__(self, settings: NodeSettings, journals: Any, declared: bool) -> None:
        self._settings = settings
        self._journals = journals
        self._declared = declared
        self._served: dict[str, Served] = {}
        self._tickets: dict[int, tuple[str, float]] = {}
        self._back: set[int] = set()
        self._dead: set[str] = set()
        self._made = 0
        self._lock = threading.Lock()

    def begin(self, ticket: int, node: str, silent: int | None = None) -> Served:
        """How the node serves this ticket, which begins there; not by its gateway of this number, which is `silent`."""
        with self._lock:
            if ticket in self._back or node in self._dead:
                raise RolloutError("this job was given up here, and may have begun elsewhere")
            self._tickets[ticket] = node, time.monotonic()
            served = self._served.get(node)
            if served is not None and served.number == silent:
                ray.kill(served.gateway)
                served = None
            if served is None:
                served = self._served[node] = self._make(node)
            return served

    def give_up(self, nodes: set[str], tickets: set[int]) -> tuple[set[int], set[int]]:
        """Nothing begins any more on these nodes, which are dead, nor any of these tickets that has not begun.

        Gives the tickets that began on those nodes, and those of `tickets` that now never begin.
        """
        with self._lock:
            self._dead |= nodes
            for node in nodes:
                self._served.pop(node, None)
            back = tickets - self._tickets.keys()
            self._back |= back
            return {ticket for ticket, (node, _) in self._tickets.items() if node in nodes}, back

    def rest(self, running: set[int], newest: int, idle_s: float) -> None:
        """Stop the gateways of nodes without any of these tickets, that begun none for so long: an autoscaler takes a
        node away only when nothing runs there. Tickets after the `newest` were written since."""
        with self._lock:
            recent = time.monotonic() - idle_s
            self._tickets = {
                ticket: (node, at)
                for ticket, (node, at) in self._tickets.items()
                if ticket in running or ticket > newest or at > recent
            }
            busy = {node for node, _ in self._tickets.values()}
            for node in [node for node in self._served if node not in busy]:
                self._served.pop(node).gateway.stop.remote()

    def _make(self, node: str) -> Served:
        self._made += 1
        settings = self._settings_of(node)
        options = {
            "num_cpus": 0,
            "max_concurrency": 4 * settings.slots + 4,
            "max_restarts": -1,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False),
        }
        gateway = ray.remote(NodeGateway).options(**options).remote(settings, self._journals)
        return Served(number=self._made, gateway=gateway, settings=settings)

    def _settings_of(self, node: str) -> NodeSettings:
        slots = [taken_by(one) for one in alive() if one.id == node] if self._declared else []
        return replace(self._settings, slots=max(1, *slots)) if slots else self._settings

    def abandon(self, rollout: str) -> RolloutRecord | None:
        """Close a lost rollout wherever it is open: its journal is then free, its record tells what it paid.

        A gateway that stands still or was lost too is not waited for; the journal tells the same.
        """
        with self._lock:
            asked = [served.gateway.abandon.remote(rollout) for served in self._served.values()]
        answered, _ = ray.wait(asked, num_returns=len(asked), timeout=ABANDONED_S) if asked else ([], [])
        for answer in answered:
            with contextlib.suppress(RayError):
                record: RolloutRecord | None = ray.get(answer)
                if record is not None:
                    return record
        return None

    def stop(self) -> None:
        stopping = [served.gateway.stop.remote() for served in self._served.values()]
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


def begin(hub: Any, ticket: int, node: str) -> tuple[Served, Path]:
    """By whom this ticket is served on its node, and where its gateway keeps files.

    A gateway that was lost is started again, which is waited for; one that does not answer is replaced. Nothing has run
    yet.
    """
    since = time.monotonic()
    served: Served = ray.get(hub.begin.remote(ticket, node))
    while True:
        before = served
        try:
            answer = served.gateway.directory.remote()
            return served, ray.get(answer, timeout=BEGIN * served.settings.stalled_s)
        except ActorUnavailableError as error:
            if time.monotonic() >= since + RESTART_S:
                raise RolloutError(f"no gateway for {RESTART_S:g} s: {error}") from error
            time.sleep(RESTART_PAUSE_S)
        except GetTimeoutError:
            log.warning("the gateway of this node does not answer and is replaced")
            served = ray.get(hub.begin.remote(ticket, node, served.number))
        except ActorDiedError:
            served = ray.get(hub.begin.remote(ticket, node))
            if served.number == before.number:
                raise
        if served.number != before.number:
            since = time.monotonic()


def told(reference: Any) -> Any:
    """What the gateway's actor answers. An error of the gateway comes as itself, the loss of the actor as one."""
    try:
        return ray.get(reference)
    except RayError as error:
        cause = getattr(error, "cause", None)
        raise (cause if isinstance(cause, Exception) else RolloutError(f"no gateway: {error}")) from error
