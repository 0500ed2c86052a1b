"""What one rollout takes of the processor, piece by piece, where the model answers at once."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dgm.benchmarks.base import Task
from dgm.benchmarks.polyglot import katas
from dgm.jobs.base import NodeServices
from dgm.jobs.evaluate import evaluate
from dgm.jobs.manifest import MANIFEST, parse_manifest
from dgm.jobs.services import NodeDoors, NodeSettings
from dgm.llm.upstreams import Rehearsal
from sandbox import BoxSpec, Level, Limits, Sandbox, grade, open_sandbox
from scripts.measure.jobs import evaluation
from scripts.measure.report import Figure
from scripts.measure.stats import figure

AGENT = Path(__file__).parent / "waiting"
LIMITS = Limits()


def parts(level: Level, count: int) -> list[Figure]:
    """CPU seconds of pieces and of whole rollouts, `count` times each; of a box with all that runs in it."""
    sandbox = open_sandbox(level)
    doors = NodeDoors(
        NodeSettings(level=level, limits=LIMITS, upstream=Rehearsal(), slots=1), dict(os.environ)
    )
    services = NodeServices(sandbox, doors, LIMITS)
    task = katas().tasks()[0]
    files = {path.name: path.read_bytes() for path in AGENT.iterdir() if path.is_file()}
    manifest = replace(parse_manifest(files[MANIFEST]), name="waiting")
    jobs = iter(range(10 * count + 10))

    def whole() -> None:
        result = evaluate(evaluation(task, files, manifest, next(jobs)), services)
        if result.record is None or len(result.record.calls) < 10 or not result.tests:
            raise RuntimeError(f"the rollout ended as {result.outcome}: {result.detail}")

    try:
        pieces = {
            "an empty box": lambda: _run(sandbox, ["true"]),
            "with Python": lambda: _run(sandbox, ["python3", "-c", ""]),
            "with Python and the openai client": lambda: _run(sandbox, ["python3", "-c", "import openai"]),
            "grading": lambda: _grade(sandbox, task),
            "a whole evaluation of ten calls": whole,
        }
        return [one for name, piece in pieces.items() for one in _taken(name, piece, count)]
    finally:
        sandbox.close()
        doors.stop()


def _taken(name: str, piece: Callable[[], None], count: int) -> list[Figure]:
    piece()
    boxes, ours = [], []
    for _ in range(count):
        before, own = _children(), time.process_time()
        piece()
        boxes.append(_children() - before)
        ours.append(time.process_time() - own)
    return [
        figure(f"CPU: {name}, in boxes", "s", boxes),
        figure(f"CPU: {name}, in this process", "s", ours),
    ]


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(sandbox: Sandbox, command: list[str]) -> None:
    with sandbox.open(BoxSpec(name="part", kind="solve", limits=LIMITS)) as box:
        result = box.exec(command)
    if result.exit_code != 0:
        raise RuntimeError(f"{command} ended with {result.exit_code}: {result.stderr.decode()}")


def _grade(sandbox: Sandbox, task: Task) -> None:
    answer = {**task.files, **task.reference}
    if not grade(sandbox, task.test, answer, task.files, name="part", limits=LIMITS).resolved:
        raise RuntimeError(f"the reference of {task.id} does not resolve it")
