"""Containers: a whole evaluation against two bare life cycles, what the relay adds, memory over many cycles.

The *floor* is two bare life cycles, one of each image: create, start, two commands `true`, remove by force, with
exactly the limits, filters and volume that our boxes have, through the engine client with nothing around it. The main
process is `sleep`, nothing is copied, there is no door.

The *cycle* is `dgm.jobs.evaluate` as a search calls it, on a kata, with a real gateway: the door, the agent's box with
its files, a `solve` that is a line of shell, pause, export, re-packing and removal; then grading in tier A in a fresh
container: the task's files and the answer, the trusted driver and the solution's process, the hidden tests,
removal. It ends when both containers are gone.

Floor and cycle take turns; the ratio is taken turn by turn.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox import SandboxUnavailableError
from sandbox.docker.backend import DockerSandbox
from scripts.measure.containers import Bench
from scripts.measure.memory import watched
from scripts.measure.relay import measure_relay
from scripts.measure.report import CannotMeasureError, Figure, Report, Target, machine
from scripts.measure.stats import estimate, figure

RATIO = 1.35
RELAY_MS = 0.2
GROWTH_MIB = 2.0
WARM_UP = 20
MANY = 200


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cycles", type=int, default=40, help="turns of floor and cycle (40)")
    parser.add_argument(
        "--files", type=int, default=300, help="files in the agent's box, its own and the task's (300)"
    )
    parser.add_argument("--calls", type=int, default=2000, help="model calls on each way (2000)")
    parser.add_argument(
        "--memory",
        action="store_true",
        help=f"also {MANY} cycles in this process, after {WARM_UP} to warm up",
    )


def measure(options: argparse.Namespace) -> Report:
    before = os.getloadavg()
    with _sandbox() as sandbox, Bench(sandbox, files=options.files) as bench:
        figures, targets = _cycles(bench, options.cycles)
        relay_figures, relay_added = measure_relay(sandbox, options.calls)
        figures += relay_figures
        targets.append(Target(name="relay, added to a call", unit="ms", value=relay_added, bound=RELAY_MS))
        if options.memory:
            grown, new_figures = watched(bench.cycle, warm_up=WARM_UP, cycles=MANY)
            figures += new_figures
            targets.append(Target(name="memory grown", unit="MiB", value=grown.mib, bound=GROWTH_MIB))
            targets.append(Target(name="descriptors grown", unit="", value=grown.descriptors, bound=0))
            targets.append(Target(name="threads grown", unit="", value=grown.threads, bound=0))
        left = bench.left()
        engine = sandbox.digests["engine"]
    targets.append(Target(name="containers and volumes left", unit="", value=left, bound=0))
    settings = {"engine": engine, "cycles": options.cycles, "files": options.files, "calls": options.calls}
    return Report(
        subject="sandbox", machine=machine(), settings=settings, load_before=before, load_after=os.getloadavg(),
        figures=tuple(figures), targets=tuple(targets),
    )  # fmt: skip


def _cycles(bench: Bench, count: int) -> tuple[list[Figure], list[Target]]:
    bench.floor()
    bench.cycle()
    floors, cycles, solves, grades = [], [], [], []
    for _ in range(count):
        began = time.perf_counter()
        bench.floor()
        between = time.perf_counter()
        result = bench.cycle()
        floors.append(1000 * (between - began))
        cycles.append(1000 * (time.perf_counter() - between))
        solves.append(1000 * result.solve_s)
        grades.append(1000 * result.grade_s)
    ratios = [cycle / floor for cycle, floor in zip(cycles, floors, strict=True)]
    ratio = estimate("cycle : floor", "", ratios)
    figures = [
        figure("floor", "ms", floors),
        figure("cycle", "ms", cycles),
        figure("  its agent", "ms", solves),
        figure("  its grading", "ms", grades),
        ratio,
    ]
    return figures, [Target(name="cycle : floor, median", unit="", value=ratio.median, bound=RATIO)]


@contextmanager
def _sandbox() -> Iterator[DockerSandbox]:
    try:
        sandbox = DockerSandbox()
    except SandboxUnavailableError as error:
        raise CannotMeasureError(str(error)) from error
    try:
        yield sandbox
    finally:
        sandbox.close()
