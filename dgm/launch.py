"""From a configuration to a finished run: everything is checked first, then made, then searched."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console

from archive import Agent, Change, Run, RunInfo, RunReader, Split, create_run, open_run, resume_run
from dgm.benchmarks import Benchmark, PolyglotBenchmark, Task, check_benchmark, deal_splits, katas
from dgm.config import ConfigError, Plain, build, differences, identity, run_id
from dgm.gates import Gates
from dgm.jobs.manifest import MANIFEST, Manifest, ManifestError, parse_manifest
from dgm.jobs.services import NodeSettings
from dgm.llm import Allowance, GatewayError
from dgm.llm.upstreams import Upstream
from dgm.operators import Operator
from dgm.planning import Plan, RunPlanner
from dgm.policies import Policy
from dgm.report import Progress
from dgm.report.views import RunView, best_text, tree_text
from dgm.search import Search, Settings
from dgm.seeds import read_agent
from dgm.tree import Tree
from dgm.workers import Pool
from sandbox import MIB, Attempt, Files, Level, Limits, open_sandbox

Say = Callable[[str], None]

PACKAGES = (
    "dgm",
    "ray",
    "docker",
    "numpy",
    "gitpython",
    "openai",
    "pyarrow",
    "hydra-core",
    "aiohttp",
    "scipy",
)
"""Whose versions a run records."""

NOTED = ("budget", "workers")
"""Top-level keys whose changes between two drivers of one run are rows of `changes`."""

REHEARSED = "The answers came from the rehearsal stand-in: it shows that the machine works, nothing about real models."


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A configuration that holds together. Nothing has been made yet."""

    config: Plain
    path: Path
    policy: Policy[Any]
    operator: Operator
    gates: Gates
    tasks: Mapping[str, Task]
    splits: Mapping[Split, tuple[str, ...]]
    upstream: Upstream
    seed_tree: Files
    manifest: Manifest
    settings: Settings
    allowance: Allowance
    limits: Limits
    level: Level
    start_pool: Callable[[NodeSettings], Pool]


def launch(config: Plain, say: Say) -> int:
    """Run the configuration to its end, or print the result if it is finished already."""
    prepared = prepare(config, say)
    with open_or_create(prepared, say) as run:
        node = NodeSettings(
            level=prepared.level,
            limits=prepared.limits,
            upstream=prepared.upstream,
            slots=int(config["workers"]["slots"]) or os.cpu_count() or 1,
        )
        planner = RunPlanner(_plan(prepared, run), run.code, run.blobs)
        tree = Tree(prepared.splits[Split.SEARCH])
        console = Console()
        live = console.is_terminal if config["display"] == "auto" else config["display"] == "live"
        with (
            _started(prepared.start_pool, node) as pool,
            Progress(console, live=live) as progress,
            _stops() as stops,
        ):
            search = Search(
                archive=run,
                policy=prepared.policy,
                pool=pool,
                planner=planner,
                tree=tree,
                tests=prepared.splits[Split.TEST],
                settings=prepared.settings,
                display=progress,
                clock=time.monotonic,
                stops=stops,
            )
            search.run()
    _report(prepared, say)
    return 0


def prepare(config: Plain, say: Say) -> Prepared:
    """Check everything that can be checked before anything is made or spent. Raises ConfigError."""
    policy: Policy[Any] = build(config, "policy")
    operator: Operator = build(config, "operator")
    gates: Gates = build(config, "gate")
    upstream: Upstream = build(config, "llm")
    benchmark, shares = _benchmark(config)
    tasks = {task.id: task for task in benchmark.tasks()}
    budget, rollout = config["budget"], config["budget"]["rollout"]
    seed_tree = read_agent(str(config["agent"]))
    try:
        splits = deal_splits(
            tuple(tasks.values()),
            search=shares["search"],
            confirm=shares["confirm"],
            test=shares["test"],
        )
        manifest = parse_manifest(seed_tree[MANIFEST])
        upstream.backend(os.environ)
        allowance = Allowance(
            calls=rollout["calls"],
            tokens=rollout["tokens"],
            microusd=None if rollout["usd"] is None else round(rollout["usd"] * 1e6),
        )
        settings = Settings(
            seed=int(config["seed"]),
            evaluations=int(budget["evaluations"]),
            expansions=_expansions(budget),
            test_repeats=int(budget["test_repeats"]),
        )
    except (ManifestError, GatewayError, ValueError) as error:
        raise ConfigError(str(error)) from error
    if config["improver"] not in ("parent", "seed"):
        raise ConfigError(f"improver must be parent or seed, got {config['improver']!r}")
    return Prepared(
        config=config,
        path=Path(config["runs_dir"]) / str(config["name"]),
        policy=policy,
        operator=operator,
        gates=gates,
        tasks=tasks,
        splits=splits,
        upstream=upstream,
        seed_tree=seed_tree,
        manifest=manifest,
        settings=settings,
        allowance=allowance,
        limits=_limits(config["sandbox"]),
        level=_level(config["sandbox"], upstream, say),
        start_pool=build(config, "workers"),
    )


def _benchmark(config: Plain) -> tuple[Benchmark, dict[str, float]]:
    """The benchmark of the config, and how many tasks of each band go to each split."""
    values = dict(config["benchmark"])
    shares = {split.value: float(values.pop(split.value)) for split in Split}
    benchmark: Benchmark = build({"benchmark": values}, "benchmark")
    return benchmark, shares


def _expansions(budget: Mapping[str, Any]) -> int:
    """The cap on attempts: twice evaluations ** 0.6 unless it is set."""
    evaluations, expansions = int(budget["evaluations"]), budget["expansions"]
    if evaluations < 0:
        raise ConfigError(f"budget.evaluations must not be negative, got {evaluations}")
    if expansions is None:
        return int(2 * evaluations**0.6)
    if int(expansions) < 0:
        raise ConfigError(f"budget.expansions must not be negative, got {expansions}")
    return int(expansions)


def _limits(sandbox: Mapping[str, Any]) -> Limits:
    for key in ("memory_mib", "processes", "cpus", "disk_mib"):
        if sandbox[key] <= 0:
            raise ConfigError(f"sandbox.{key} must be positive, got {sandbox[key]}")
    return Limits(
        memory_bytes=int(sandbox["memory_mib"]) * MIB,
        processes=int(sandbox["processes"]),
        cpus=float(sandbox["cpus"]),
        disk_bytes=int(sandbox["disk_mib"]) * MIB,
    )


def _level(sandbox: Mapping[str, Any], upstream: Upstream, say: Say) -> Level:
    """The sandbox level of this run, shown by a self-test. A real model needs Docker, or bubblewrap if accepted."""
    at_least = Level.PROCESS
    if upstream.real:
        at_least = Level.BUBBLEWRAP if sandbox["accept_weaker"] else Level.DOCKER
    tried: list[Attempt] = []
    box_maker = open_sandbox(str(sandbox["level"]), at_least=at_least, attempts=tried)
    box_maker.close()
    failed = "".join(f" ({attempt.level}: {attempt.fault})" for attempt in tried if attempt.fault)
    say(f"sandbox: {box_maker.level}{failed}")
    return box_maker.level


@contextmanager
def open_or_create(prepared: Prepared, say: Say) -> Iterator[Run]:
    """The run's directory, opened for writing; a new one gets the seed agent as its entry 0."""
    if prepared.path.exists():
        with resume_run(prepared.path) as run:
            changed = differences(identity(run.info.config), identity(prepared.config))
            if changed:
                listed = "\n  ".join(changed)
                raise ConfigError(
                    f"{prepared.path} was started with another configuration:\n  {listed}\n"
                    "Give back those values to go on, or choose another `name`."
                )
            _note_changes(run, prepared)
            yield run
        return
    info = RunInfo(
        id=run_id(prepared.config),
        seed=prepared.settings.seed,
        config=prepared.config,
        packages=_versions(),
        splits=prepared.splits,
    )
    with create_run(prepared.path, info) as run:
        yield run


def _note_changes(run: Run, prepared: Prepared) -> None:
    """Record what differs from the last driver's budget and workers; replay depends on it. A budget only grows."""
    before: dict[str, Any] = {key: run.info.config[key] for key in NOTED}
    for entry in run.entries():
        for row in entry.rows:
            if isinstance(row, Change) and row.kind in NOTED:
                before[row.kind] = json.loads(row.after)
    now = {key: prepared.config[key] for key in NOTED}
    for key in ("evaluations", "expansions", "usd", "test_repeats"):
        old, new = before["budget"][key], now["budget"][key]
        if old is not None and new is not None and new < old:
            raise ConfigError(f"budget.{key} can only grow when a run goes on: it was {old}, got {new}")
    for key in NOTED:
        if before[key] != now[key]:
            run.append(
                Change(
                    seq=run.next_seq,
                    kind=key,
                    before=json.dumps(before[key], sort_keys=True),
                    after=json.dumps(now[key], sort_keys=True),
                    at=datetime.now(UTC),
                )
            )


def _plan(prepared: Prepared, run: Run) -> Plan:
    rollout = prepared.config["budget"]["rollout"]
    if run.next_seq == 0:
        seed = run.code.commit(prepared.seed_tree, parents=(), message="Seed agent", seq=0)
        run.append(Agent(id=seed, seq=0, parent=None, depth=0, tree=run.code.tree(seed)))
    return Plan(
        run_id=run.info.id,
        seed=run.info.seed,
        tasks=prepared.tasks,
        manifest=prepared.manifest,
        seed_tree=prepared.seed_tree,
        improve_with_seed=prepared.config["improver"] == "seed",
        operator=prepared.operator,
        gates=prepared.gates,
        allowance=prepared.allowance,
        solve_s=float(rollout["solve_s"]),
        improve_s=float(rollout["improve_s"]),
        journals=run.path.absolute() / "journal",
    )


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@contextmanager
def _started(start: Callable[[NodeSettings], Pool], settings: NodeSettings) -> Iterator[Pool]:
    pool = start(settings)
    try:
        yield pool
    finally:
        pool.close()


@contextmanager
def _stops() -> Iterator[Callable[[], int]]:
    """Counts Ctrl-C instead of raising it."""
    count = 0

    def heard(_signal: int, _frame: object) -> None:
        nonlocal count
        count += 1

    before = signal.signal(signal.SIGINT, heard), signal.signal(signal.SIGTERM, heard)
    try:
        yield lambda: count
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def view_of(run: RunReader) -> RunView:
    """A run read whole."""
    rows = [row for entry in run.entries() for row in entry.rows]
    splits = {split: tuple(run.info.splits.get(split, ())) for split in Split}
    return RunView(rows, splits)


def _report(prepared: Prepared, say: Say) -> None:
    with open_run(prepared.path) as run:
        view = view_of(run)
    say("")
    say(tree_text(view))
    say("")
    say(best_text(view))
    if not prepared.upstream.real:
        say(REHEARSED)
    say(f"archive: {prepared.path}")


def check(what: str, level: str, say: Say) -> int:
    """Check a benchmark (`katas`, or `path=FOLDER`) through the real sandbox and grader; 1 when something fails."""
    try:
        benchmark: Benchmark = (
            PolyglotBenchmark(what.removeprefix("path=")) if what.startswith("path=") else katas()
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if not what.startswith("path=") and what != benchmark.name:
        raise ConfigError(f"no benchmark {what!r}; katas is packaged, any folder is path=FOLDER")
    box_maker = open_sandbox(level)
    findings = 0
    try:
        for finding in check_benchmark(benchmark, box_maker):
            findings += 1
            say(str(finding))
    finally:
        box_maker.close()
    say(f"{len(benchmark.tasks())} tasks checked at sandbox level {box_maker.level}: {findings} findings")
    return 1 if findings else 0
