"""The archive: durable appends, beside SQLite and Delta Lake in the same directory; opening a large run.

A result is an evaluation on a real task with its three model calls, about 2 KiB of JSON. `alone` waits for the disk for
one result, `64 queued` once for 64. The *floor* writes the same number of bytes to a file and waits for the disk.
All four take turns; a ratio is taken turn by turn. Delta Lake never waits for the disk.

The *large run* is made from columns. It is opened and folded into `dgm.tree.Tree` in a process of its own, so often.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from scripts.measure.opening import measure_opening
from scripts.measure.report import Figure, Report, Target, machine
from scripts.measure.stats import estimate, figure
from scripts.measure.stores import TABLES, Bare, DeltaLake, OurArchive, Sqlite

QUEUED = 64
BYTES = 2048


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--directory", type=Path, help="where to write; a temporary one by default")
    parser.add_argument("--alone", type=int, default=300, help="turns of one result (300)")
    parser.add_argument("--agents", type=int, default=10_000, help="of the large run (10000)")
    parser.add_argument("--evaluations", type=int, default=1_000_000, help="of the large run (1000000)")
    parser.add_argument("--opens", type=int, default=9, help="how often it is opened (9); 0 leaves it out")
    parser.add_argument("--queued", type=int, default=40, help=f"turns of {QUEUED} results (40)")


def measure(options: argparse.Namespace) -> Report:
    before = os.getloadavg()
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="dgm-perf-") as scratch:
        figures = [
            *_appends(Path(scratch) / "alone", "alone", options.alone, 1),
            *_appends(Path(scratch) / "queued", f"{QUEUED} queued", options.queued, QUEUED),
        ]
        targets: list[Target] = []
        if options.opens:
            opened, targets = measure_opening(
                Path(scratch), agents=options.agents, evaluations=options.evaluations, times=options.opens
            )
            figures += opened
    names = ("alone", "queued", "agents", "evaluations", "opens")
    settings = {name: getattr(options, name) for name in names}
    return Report(
        subject="archive", machine=machine(), settings=settings, load_before=before, load_after=os.getloadavg(),
        figures=tuple(figures), targets=tuple(targets),
    )  # fmt: skip


def _appends(directory: Path, name: str, turns: int, together: int) -> list[Figure]:
    directory.mkdir()
    archive = OurArchive(directory / "run", (turns + 1) * together)
    sqlite, delta = Sqlite(directory / "sqlite.db"), DeltaLake(directory / "delta")
    bare = Bare(directory / "bare")
    took: dict[str, list[float]] = {"archive": [], "SQLite": [], "Delta Lake": [], "floor": []}
    for turn in range(turns + 1):
        results = archive.results(turn * together, together)
        ways: dict[str, Callable[[], None]] = {
            "archive": partial(archive.put, results),
            "SQLite": partial(sqlite.put, results),
            "Delta Lake": partial(delta.put, results),
            "floor": partial(bare.write, bytes(BYTES * together)),
        }
        for way in np.roll(list(ways), turn):
            seconds = _timed(ways[way])
            if turn:
                took[way].append(1000 * seconds)
    for store in (archive, sqlite, delta, bare):
        store.close()
    figures = [spread(f"append, {name}: {way}", "ms", samples) for way, samples in took.items()]
    for way in ("SQLite", "Delta Lake", "floor"):
        ratios = [a / b for a, b in zip(took["archive"], took[way], strict=True)]
        figures.append(estimate(f"append, {name}: archive : {way}", "", ratios))
    return figures + (_sizes(directory, name, (turns + 1) * together) if together > 1 else [])


def _sizes(directory: Path, name: str, results: int) -> list[Figure]:
    """Bytes of a result, evaluation and calls, once all is sealed; SQLite after its checkpoint."""
    sealed = sum(
        part.stat().st_size for table in TABLES for part in (directory / "run" / table).glob("part-*.parquet")
    )
    sqlite = (directory / "sqlite.db").stat().st_size
    return [
        figure(f"size, {name}: archive", "B", [sealed / results]),
        figure(f"size, {name}: SQLite", "B", [sqlite / results]),
        figure(f"size, {name}: archive : SQLite", "", [sealed / sqlite]),
    ]


def spread(name: str, unit: str, samples: list[float]) -> Figure:
    """The median, from the smallest to the 99th percentile."""
    median, late = np.quantile(samples, (0.5, 0.99))
    return Figure(
        name=name, unit=unit, n=len(samples), median=float(median), low=min(samples), high=float(late),
        range_is="least to p99",
    )  # fmt: skip


def _timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
