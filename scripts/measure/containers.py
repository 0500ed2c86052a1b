"""One whole evaluation, and the two bare life cycles that it is held against."""

from __future__ import annotations

import os
import secrets
import time
from types import TracebackType
from typing import Self

from dgm.benchmarks.base import Task
from dgm.benchmarks.polyglot import katas
from dgm.jobs.base import EvaluateJob, EvaluateResult, NodeServices
from dgm.jobs.evaluate import evaluate
from dgm.jobs.manifest import Manifest
from dgm.jobs.services import NodeDoors, NodeSettings
from dgm.llm.upstreams import Rehearsal
from sandbox import BoxSpec, Files, Level, Limits
from sandbox.docker import config
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.engine import Engine
from scripts.measure.jobs import evaluation

LIMITS = Limits()


class Bench:
    """A node as a search has it, and an evaluation that resolves its task with one line of shell."""

    def __init__(self, sandbox: DockerSandbox, *, files: int) -> None:
        self._sandbox = sandbox
        upstream = Rehearsal()
        settings = NodeSettings(level=Level.DOCKER, limits=LIMITS, upstream=upstream, slots=1)
        self._doors = NodeDoors(settings, os.environ)
        self._services = NodeServices(sandbox, self._doors, LIMITS)
        self._task = katas().tasks()[0]
        self._agent = _agent(self._task, files)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._doors.stop()

    def cycle(self) -> EvaluateResult:
        self._count += 1
        result = evaluate(_job(self._task, self._agent, self._count), self._services)
        self._sandbox.settle()
        if result.outcome != "resolved":
            raise RuntimeError(f"the evaluation that is measured ended as {result.outcome}: {result.detail}")
        return result

    def floor(self) -> None:
        for image in ("agent_image", "grader_image"):
            bare_life(self._sandbox, self._sandbox.digests[image])

    def left(self) -> int:
        """How many containers and volumes of ours there are."""
        labels = {config.INSTANCE: self._sandbox.instance}
        engine = self._sandbox.engine
        return len(engine.containers(labels)) + len(engine.volumes(labels))


def bare_life(sandbox: DockerSandbox, image: str) -> None:
    """Create, start, two commands, remove: no files, no door, nothing asked that need not be."""
    engine = sandbox.engine
    spec = BoxSpec(name="floor", kind="floor", limits=LIMITS)
    labels = {
        config.INSTANCE: sandbox.instance,
        config.NAME: spec.name,
        config.KIND: spec.kind,
        config.DEADLINE: f"{time.time() + config.lifetime(spec):.0f}",
    }
    made = config.container(spec, image=image, labels=labels)
    container = engine.create(made, f"dgm-{sandbox.instance}-{secrets.token_hex(6)}")
    try:
        engine.start(container)
        for _ in range(2):
            _command(engine, container)
    finally:
        engine.remove(container)


def _command(engine: Engine, container: str) -> None:
    running = engine.exec(container, ["true"], user=config.WORKER_UIDS[0], directory="/")
    assert running is not None
    try:
        while running.read(60.0, lambda stream, data: None):
            pass
        if running.status() != (False, 0):
            raise RuntimeError(f"`true` in a bare container ended as {running.status()}")
    finally:
        running.close()


def _agent(task: Task, files: int) -> Files:
    """An agent's tree; with the task's own files, so many are in its box."""
    return {
        f"agent/{n // 20:02}/{n:03}.txt": b"%d\n" % n * (20 * n % 900) for n in range(files - len(task.files))
    }


def _job(task: Task, tree: Files, number: int) -> EvaluateJob:
    [(path, content)] = task.reference.items()
    command = ("/bin/sh", "-c", 'printf %s "$1" > "$DGM_WORKSPACE/$2"', "sh", content.decode(), path)
    manifest = Manifest(name="perf", solve=command, improve=("true",), check=("true",))
    return evaluation(task, tree, manifest, number)
