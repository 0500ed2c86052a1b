"""The page of a large run: time and memory to make it, how large it is, when a real browser has drawn the first tree.

The browser reads the file from disk with its network off. Times count from the beginning of the navigation and hold
reading the document up to the script.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import archive
from dgm.report import view_of
from dgm.report.page.report import MIB, report
from scripts.measure.browser import PROGRAMS, Browser, browser, program
from scripts.measure.large_run import make
from scripts.measure.report import CannotMeasureError, Report, Target, machine
from scripts.measure.stats import figure

TREE_S, FILE_MIB = 2.0, 25.0

DRAWN = "performance.getEntriesByName('tree').length"
WHEN = "performance.getEntriesByName('tree')[0].startTime"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--agents", type=int, default=5000)
    parser.add_argument("--evaluations", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=5, help="how often the page is opened")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIRECTORY",
        help="keep the run and its page there; a run that is there is used again",
    )


def measure(options: argparse.Namespace) -> Report:
    installed = program()
    if installed is None:
        raise CannotMeasureError(f"no browser: none of {', '.join(PROGRAMS)} is installed")
    before = os.getloadavg()
    with TemporaryDirectory(
        ignore_cleanup_errors=True
    ) as temporary:  # a browser that was killed may still write
        place = options.keep or Path(temporary)
        path, file = place / f"large-{options.agents}-{options.evaluations}", place / "page.html"
        if not path.exists():
            make(path, agents=options.agents, evaluations=options.evaluations)
        began, cpu = time.perf_counter(), time.process_time()
        with archive.open(path) as run:
            found = report(view_of(run), "large")
        file.write_text(found.html, encoding="utf-8")
        took, worked = time.perf_counter() - began, time.process_time() - cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with browser(installed, Path(temporary) / "profile") as page:
            drawn = [_drawn(page, file) for _ in range(options.times)]
        size = file.stat().st_size / MIB
    told = f"{options.agents} agents, {options.evaluations} evaluations"
    figures = (
        figure("making the file", "s", [took], note=told),
        figure("making the file: CPU", "s", [worked]),
        figure(
            "making the file: memory of the process at its most",
            "MiB",
            [memory],
            note="making the run counts too, unless it was kept",
        ),
        figure("file", "MiB", [size], note="; ".join(found.told())),
        figure("first tree drawn", "s", drawn),
    )
    targets = (
        Target(name="first tree drawn, median", unit="s", value=figures[-1].median, bound=TREE_S),
        Target(name="file", unit="MiB", value=size, bound=FILE_MIB),
    )
    return Report(
        subject="page",
        machine=machine(),
        settings={"agents": options.agents, "evaluations": options.evaluations, "times": options.times},
        load_before=before,
        load_after=os.getloadavg(),
        figures=figures,
        targets=targets,
    )


def _drawn(page: Browser, file: Path) -> float:
    """Seconds from the beginning of the navigation until the tree stood."""
    page.open("about:blank")
    page.wait("location.href === 'about:blank'")
    page.size(1280, 800)
    page.offline()
    page.open(file.as_uri())
    page.wait(DRAWN)
    return float(page.run(WHEN)) / 1000
