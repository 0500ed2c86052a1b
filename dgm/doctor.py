"""What this machine offers, found out by trying it; and what can be set up or checked on it before a search."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from dgm.benchmarks import (
    Benchmark,
    BenchmarkError,
    Checked,
    PolyglotBenchmark,
    check_benchmark,
    katas,
    table,
)
from dgm.errors import ConfigError
from sandbox import Attempt, ImageMissingError, Level, SandboxError, open_sandbox

Say = Callable[[str], None]

FOLDER = "path="


def report(say: Say) -> int:
    """Say what works here and what does not; 0 when a search can run at some level."""
    say(f"python      {sys.version.split()[0]}")
    say(f"cores       {len(os.sched_getaffinity(0))}")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    say(f"disk        {free / 1e9:.1f} GB free in {tempfile.gettempdir()}")
    _report_engine(say)
    usable = []
    for level in Level:
        tried: list[Attempt] = []
        try:
            open_sandbox(level, attempts=tried).close()
            usable.append(level)
        except SandboxError as error:
            if not tried:
                say(f"{level:11} no: {error}")
        for attempt in tried:
            say(f"{attempt.level:11} {'yes' if attempt.fault is None else f'no: {attempt.fault}'}")
            for one in attempt.checks:
                say(f"              {'ok ' if one.holds else 'NOT'} {one.name}: {one.seen}")
    strongest = usable[0] if usable else None
    say(f"sandbox=auto takes {strongest or 'nothing: no level works here'}")
    if strongest is not Level.DOCKER:
        say(
            "a real model needs Docker, or bubblewrap with sandbox.accept_weaker=true; rehearsal runs at any level"
        )
    return 0 if usable else 1


def _report_engine(say: Say) -> None:
    """What the guard before containers looks at; the levels below say what it makes of it."""
    # Here and below, because it imports the Docker SDK, which other commands do without.
    from sandbox.docker import Engine, guard

    try:
        engine = Engine()
    except SandboxError as error:
        say(f"engine      none: {error}")
        return
    try:
        found = guard.facts(engine)
    except SandboxError as error:
        say(f"engine      does not tell about itself: {error}")
        return
    finally:
        engine.close()
    say(f"engine      {found.version}, storage {found.storage}, cgroup version {found.cgroup}")
    others = [name for name in found.runtimes if name != found.default_runtime]
    say(f"runtime     {found.runtime(None)} (also {', '.join(others) or 'nothing else'})")
    if Path(found.data_root).is_dir():
        say(f"data root   {shutil.disk_usage(found.data_root).free / 1e9:.1f} GB free in {found.data_root}")
    for warning in guard.warnings(found):
        say(f"            WARNING: {warning}")


def check_tasks(what: str, level: str, say: Say) -> int:
    """Check a benchmark (`katas`, or `path=FOLDER`) through the real sandbox and grader; 1 when something fails.

    Each finding is said when it is made; at the end a table of every task with the tier that it needs and why.
    """
    benchmark = _benchmark(what)
    box_maker = open_sandbox(level)
    rows: list[Checked] = []
    try:
        for checked in check_benchmark(benchmark, box_maker):
            rows.append(checked)
            for finding in checked.findings:
                say(str(finding))
    finally:
        box_maker.close()
    say(table(rows))
    findings = sum(len(row.findings) for row in rows)
    say(f"{len(rows)} tasks checked at sandbox level {box_maker.level}: {findings} findings")
    return 1 if findings else 0


def build_images(base: str | None, say: Say) -> int:
    """Build the images of `sandbox=docker` on this machine's engine, from the image `base` if one is named."""
    from sandbox.docker import Engine, images

    engine = Engine()
    try:
        built = images.build(engine, base)
    except ImageMissingError as error:
        raise ConfigError(
            f"{error.image} is not on this engine: pull python:3.11-slim, make one with scripts/base-image, or name"
            " another with --base-image"
        ) from error
    finally:
        engine.close()
    say(f"agent image   {built.agent}")
    say(f"grader image  {built.grader}")
    return 0


def _benchmark(what: str) -> Benchmark:
    try:
        benchmark = PolyglotBenchmark(what.removeprefix(FOLDER)) if what.startswith(FOLDER) else katas()
    except BenchmarkError as error:
        raise ConfigError(str(error)) from error
    if not what.startswith(FOLDER) and what != benchmark.name:
        raise ConfigError(f"no benchmark {what!r}; katas is packaged, any folder is {FOLDER}FOLDER")
    return benchmark
