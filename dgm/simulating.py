"""`dgm simulate`: every combination that was asked for, searched in one pool of processes, then told."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dgm.config import Plain, build, compose_and_run
from dgm.errors import ConfigError
from dgm.interrupts import SIGNALS, Stops
from dgm.pictures import check_picture
from dgm.simulate import (
    Found,
    Planned,
    Searched,
    Setting,
    Simulation,
    document,
    draw,
    searched,
    table,
)

Say = Callable[[str], None]

Job = tuple[Plain, int]
"""One search: its configuration and its seed."""

WANTED = {
    "--plot": "a file to write: --plot gains.png",
    "--from": "a run: its directory, or its name under runs/",
    "--save": "a file to write: --save worlds/world/fitted.yaml",
}
"""Flags with a value."""

CHUNKS = 32
"""In how many parts each process gets its searches, so that none is left waiting for another's last."""


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What `dgm simulate` takes besides overrides."""

    json: bool = False
    plot: Path | None = None
    sources: tuple[str, ...] = ()
    save: Path | None = None


def simulate(flags: Flags, overrides: Sequence[str], say: Say) -> int:
    """Compose every combination, search, and say what came of it. Raises ConfigError."""
    plans: list[Planned] = []

    def add(config: Plain) -> int:
        plans.append(planned(config))
        return 0

    status = compose_and_run(overrides, add, command="simulate", name="simulate")
    if not plans:
        return status
    if flags.plot:
        check_picture(flags.plot)
    done = search(plans)
    say(json.dumps(document(done)) if flags.json else table(done))
    if flags.plot:
        draw(done, flags.plot)
    return status


def split_flags(arguments: Sequence[str]) -> tuple[Flags, list[str]]:
    """Our own flags, and what is left for Hydra. Raises ConfigError for a flag without what it wants."""
    as_json, values, left = False, dict.fromkeys(WANTED, ""), list[str]()
    sources: list[str] = []
    given = iter(arguments)
    for argument in given:
        name, equals, value = argument.partition("=")
        if argument == "--json":
            as_json = True
        elif name in WANTED:
            values[name] = value if equals else next(given, "")
            if not values[name] or values[name].startswith("-"):
                raise ConfigError(f"{name} wants {WANTED[name]}")
            sources += [value for value in [values["--from"]] if name == "--from"]
        else:
            left.append(argument)
    if values["--save"] and not values["--from"]:
        raise ConfigError("--save writes the world that --from RUN fits; give both")
    plot, save = (Path(values[name]) if values[name] else None for name in ("--plot", "--save"))
    return Flags(json=as_json, plot=plot, sources=tuple(sources), save=save), left


def planned(config: Plain) -> Planned:
    """What is to be searched. Raises ConfigError for what cannot be."""
    check_numbers(config)
    _simulation(config, config["first_seed"])
    return Planned(config=config, policy=build(config, "policy").name, world=build(config, "world").name)


def check_numbers(config: Plain) -> None:
    """Raises ConfigError for numbers of searches, seeds or processes that cannot be."""
    if config["seeds"] < 1:
        raise ConfigError(f"seeds must be at least 1, got {config['seeds']}")
    if config["first_seed"] < 0:
        raise ConfigError(f"first_seed must not be negative, got {config['first_seed']}")
    if config["processes"] < 0:
        raise ConfigError(f"processes must not be negative, got {config['processes']}")


def search(plans: Sequence[Planned]) -> list[Searched]:
    """Every search of every combination. Raises ConfigError when a process dies."""
    configs = [plan.config for plan in plans]
    jobs = [(config, config["first_seed"] + n) for config in configs for n in range(config["seeds"])]
    asked = max(config["processes"] for config in configs)
    found = iter(found_by(jobs, asked))
    return searched(plans, [tuple(islice(found, config["seeds"])) for config in configs])


def found_by(jobs: Sequence[Job], processes: int) -> list[Found]:
    """What each search found; 0 processes are one per core."""
    processes = min(processes or len(os.sched_getaffinity(0)), len(jobs))
    if processes == 1:
        return [_search(job) for job in jobs]
    with _pool(processes) as pool:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the processes have left them to this one
        coming = pool.map(_search, jobs, chunksize=1 + len(jobs) // (CHUNKS * processes))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return list(coming)


@contextmanager
def _pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with this one's work, and at once when the operator stops it."""
    with Stops(), ProcessPoolExecutor(count, initializer=_leave_signals) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.kill()
            raise
        except BrokenProcessPool as error:
            raise ConfigError(
                "a process that searched was killed, by lack of memory perhaps; try fewer: processes=1"
            ) from error


def _leave_signals() -> None:
    """Ctrl-C reaches every process of the terminal; it is for the first of them to say what follows from it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _search(job: Job) -> Found:
    return _simulation(*job).run()


def _simulation(config: Plain, seed: int) -> Simulation:
    setting = build(config, "budget")
    if not isinstance(setting, Setting):
        raise ConfigError(f"budget must make a dgm.simulate.Setting, got {type(setting).__name__}")
    world = build(config, "world")
    missing = [name for name in ("name", "instance", "child") if not hasattr(world, name)]
    if missing:
        raise ConfigError(
            f"world must be a dgm.simulate.World, got {type(world).__name__} without {', '.join(missing)}"
        )
    return Simulation(build(config, "policy"), world, seed, setting)
