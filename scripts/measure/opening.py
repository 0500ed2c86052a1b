"""Opening a large run, and having the view ready that policies on counts read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from archive import ROW_TYPES
from scripts.measure.large_run import make
from scripts.measure.report import Figure, Target
from scripts.measure.stats import figure

SECONDS, MIB = 1.0, 700.0

OPENING = """
import json, sys, time
import archive
from archive import Split
from dgm.tree import Tree
started, cpu = time.perf_counter(), time.process_time()
run = archive.open(sys.argv[1])
tree = Tree(run.info.splits[Split.SEARCH])
tree.fold(run)
seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
most = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([seconds, cpu, int(most.split()[1]) / 1024]))
"""
"""In a process of its own, after its imports: seconds, seconds of CPU, MiB at most with the imports."""


def measure_opening(
    place: Path, *, agents: int, evaluations: int, times: int
) -> tuple[list[Figure], list[Target]]:
    """Make a run of this size below `place` and open it so often. The files are in memory, as after writing them."""
    path = place / "large"
    make(path, agents=agents, evaluations=evaluations)
    size = sum(file.stat().st_size for table in ROW_TYPES for file in (path / table).glob("part-*"))
    index = sum(file.stat().st_size for file in (path / "index").glob("*"))
    found = np.array([_open(path) for _ in range(times)])
    seconds, cpu, memory = found.T.tolist()
    entries = f"{agents} agents, {evaluations} evaluations"
    figures = [
        figure("open, view ready", "s", seconds, note=entries),
        figure("open, view ready: CPU", "s", cpu),
        figure("open, view ready: memory", "MiB", memory),
        figure("index : parts", "", [index / size]),
    ]
    targets = [
        Target(name="open, view ready, median", unit="s", value=float(np.median(seconds)), bound=SECONDS),
        Target(name="open, view ready: memory, most", unit="MiB", value=max(memory), bound=MIB),
    ]
    return figures, targets


def _open(path: Path) -> list[float]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", OPENING, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    values: list[float] = json.loads(done.stdout)
    return values
