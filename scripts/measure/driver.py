"""The driver's own work per result: a real search on a real archive, its jobs made up.

The search, its policy, planning, rows, git, blobs and the log with its waits for the disk are those of `dgm run`; only
the pool is not: it hands out results in the sizes of a small task, as soon as they are asked for, then at `--rate`. The
archive holds so many evaluations when the driver begins, an agent for every forty. Making results up is not counted.

At *saturation* as many results as there are slots are always there. The *delay* is from a result's being there to the
submission of the job that takes its place: both are on disk then. Nothing is removed before the end: file systems take
long to make files where many were removed just before.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import archive
from archive import Agent, Blobs, Run, RunInfo, Split, create_run, resume_run, tree_hash
from dgm.benchmarks.polyglot import katas
from dgm.deciding import Decider
from dgm.events import DriverLog, Events
from dgm.gates import Gates
from dgm.jobs.manifest import MANIFEST, parse_manifest
from dgm.llm import Allowance
from dgm.operators import SingleFailure
from dgm.planning import Plan, RunPlanner
from dgm.policies import Huxley, Pedigree, Policy
from dgm.search import Search, Settings, StoppedError
from dgm.seeds import read_agent
from dgm.tree import Tree
from scripts.measure.large_run import RUN, TASKS, make
from scripts.measure.parts import Parts
from scripts.measure.report import Figure, Report, Target, machine
from scripts.measure.simulated_jobs import Seen, Simulated, result_of
from scripts.measure.stats import figure

RATE = 1000.0
EACH = 40
MADE_UP = "making results up"
PARTS = {
    Decider.decide.__code__: "deciding",
    Search._fold.__code__: "folding rows in",
    RunPlanner.job.__code__: "planning jobs",
    RunPlanner.keep.__code__: "texts",
    RunPlanner.rows.__code__: "rows and children",
    Run.append_many.__code__: "log",
    Run._roll.__code__: "sealing",
    Events._tell.__code__: "driver.log",
    result_of.__code__: MADE_UP,
}
POLICIES: dict[str, Policy[Any]] = {"huxley": Huxley(), "pedigree": Pedigree()}


def add_options(parser: argparse.ArgumentParser) -> None:
    sizes = [0, 10_000, 100_000]
    parser.add_argument(
        "--evaluations", type=int, nargs="*", default=sizes, help="in the archive (0 10000 100000)"
    )
    parser.add_argument("--policies", choices=list(POLICIES), nargs="*", default=list(POLICIES))
    parser.add_argument(
        "--results", type=int, default=3000, help="results that are measured, of each kind (3000)"
    )
    parser.add_argument(
        "--rate", type=float, default=None, help="results per second below saturation (half of it)"
    )
    parser.add_argument("--slots", type=int, default=256, help="jobs in flight (256)")
    parser.add_argument("--directory", type=Path, default=None, help="where the runs lie (a temporary one)")


def measure(options: argparse.Namespace) -> Report:
    before = os.getloadavg()
    figures: list[Figure] = []
    targets: list[Target] = []
    pa.array([0])  # a process pays once for what this imports: some 0.3 s
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="dgm-perf-") as folder:
        for evaluations in options.evaluations:
            made = Path(folder) / f"made-{evaluations}"
            _made(made, evaluations)
            for name in options.policies:
                label = f"{name}, {evaluations} evaluations"
                fast, paced = _searched(options, name, made, made.with_name(f"{name}-{evaluations}"))
                figures += [*_rates(label, fast), *_parts(label, fast), *_delays(label, paced)]
                rate = fast.results / fast.wall
                targets.append(
                    Target(name=f"{label}: saturation", unit="/s", value=rate, bound=RATE, at_least=True)
                )
    settings = {"results": options.results, "slots": options.slots}
    return Report(
        subject="driver", machine=machine(), settings=settings, load_before=before, load_after=os.getloadavg(),
        figures=tuple(figures), targets=tuple(targets),
    )  # fmt: skip


def _rates(label: str, seen: Seen) -> list[Figure]:
    processor, wall = 1000 * seen.processor / seen.results, 1000 * seen.wall / seen.results
    return [
        figure(f"{label}: saturation", "/s", [1000 / wall]),
        figure(f"{label}: a result's wait for the disk and for a core", "ms", [wall - processor]),
        figure(f"{label}: CPU of a result", "ms", [processor]),
    ]


def _parts(label: str, seen: Seen) -> list[Figure]:
    shares = {part: share for part, share in seen.parts.items() if part != MADE_UP}
    each = 1000 * seen.processor / seen.results / (sum(shares.values()) or 1.0)
    return [figure(f"{label}: of it {part}", "ms", [share * each]) for part, share in shares.items()]


def _delays(label: str, seen: Seen) -> list[Figure]:
    late = 1000 * np.asarray(seen.delays)
    rate = seen.results / seen.wall
    note = f"99 % within {float(np.quantile(late, 0.99)):.1f}; at {rate:.0f}/s"
    return [
        figure(f"{label}: CPU of a result below saturation", "ms", [1000 * seen.processor / seen.results]),
        figure(f"{label}: delay below saturation", "ms", late.tolist(), note=note),
    ]


def _searched(options: argparse.Namespace, name: str, made: Path, path: Path) -> list[Seen]:
    """One search of so many results twice, going on with a copy of the run that was made."""
    shutil.copytree(made, path)
    pool = Simulated(
        options.slots, warm=2 * options.slots, count=options.results, rate=options.rate, parts=Parts(PARTS)
    )
    with (
        resume_run(path) as run,
        archive.open(path) as past,
        DriverLog(path / "driver.log", "run", print) as log,
    ):
        more = 3 * options.results + 12 * options.slots
        there = _evaluations(past)
        settings = Settings(
            seed=0, evaluations=there + more, confirm=0, test_repeats=0,
            expansions=max(len(past.lineage), 2 * int((there + more) ** 0.6)),
        )  # fmt: skip
        search = Search(
            archive=run,
            decider=Decider(policy=POLICIES[name], tree=Tree(TASKS), tests=(), operator=SingleFailure().name),
            pool=pool,
            planner=RunPlanner(_plan(path), run.code, Blobs(path / "blobs")),
            settings=settings,
            display=Events("run", [log]),
            clock=time.monotonic,
            past=past,
            stops=lambda: 2 if len(pool.seen) == 2 else 0,
        )
        with suppress(StoppedError):
            search.run()
    assert len(pool.seen) == 2, "the budget ended before the results"
    return pool.seen


def _evaluations(past: archive.RunReader) -> int:
    tree = Tree(TASKS)
    tree.fold(past)
    return tree.evaluations_started


def _made(path: Path, evaluations: int) -> None:
    if evaluations:
        make(path, agents=max(2, evaluations // EACH), evaluations=evaluations)
        return
    with create_run(path, RunInfo(id=RUN, seed=0, splits={Split.SEARCH: TASKS})) as run:
        _plant(run)


def _plant(run: Run) -> None:
    files = read_agent("seed")
    seed = run.code.commit(files, parents=(), message="Seed agent", seq=0)
    run.append(Agent(id=seed, seq=0, parent=None, depth=0, tree=tree_hash(files)))


def _plan(path: Path) -> Plan:
    task = katas().tasks()[0]
    seed = read_agent("seed")
    return Plan(
        run_id=RUN,
        seed=0,
        tasks={name: replace(task, id=name) for name in TASKS},
        manifest=parse_manifest(seed[MANIFEST]),
        seed_tree=seed,
        improve_with_seed=False,
        operator=SingleFailure(),
        gates=Gates(),
        allowance=Allowance(),
        solve_s=120.0,
        improve_s=300.0,
        journals=path / "journal",
    )
