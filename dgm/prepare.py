"""From a configuration to what a run is made of. Everything is checked here, before anything is made or spent."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from archive import ArchiveError, Split, TaskId, tree_hash
from dgm.bandit import Bandit
from dgm.benchmarks import Benchmark, Task, UnresolvedReferenceError, deal_splits, settle
from dgm.choosing import Choices
from dgm.config import Plain, build
from dgm.ending import end_bounds
from dgm.errors import ConfigError
from dgm.gates import Gates
from dgm.jobs.manifest import MANIFEST, Manifest, ManifestError, parse_manifest
from dgm.jobs.services import NodeSettings
from dgm.llm import Allowance, GatewayError
from dgm.llm.budget import SHORTEST_ANSWER
from dgm.llm.upstreams import Upstream
from dgm.matching import matched
from dgm.operators import Operator, Redraw
from dgm.policies import Parents, Policy
from dgm.purse import Money
from dgm.schemas import leaves
from dgm.search import Settings
from dgm.seeds import read_agent
from dgm.width import ALL, Asked, Share, asked_width, width_of
from dgm.workers import Pool
from dgm.workers.address import knock
from sandbox import MIB, Attempt, Files, Level, Limits, Sandbox, Tier, WeakerSandboxError, open_sandbox
from sandbox.local.runtime import default_cache

CHOICES = {"improver": ("parent", "seed"), "archive": tuple(Parents), "display": ("auto", "live", "plain")}

LEAST = {
    "grace_s": 0,
    "seed": 0,
    "workers.slots": 0,
    "budget.evaluations": 0,
    "budget.expansions": 0,
    "budget.confirm": 0,
    "budget.finalists": 1,
    "budget.test_repeats": 0,
    "budget.usd": 0,
    "budget.rollout.calls": 1,
    "budget.rollout.tokens": 1,
    "budget.rollout.usd": 0,
    "llm.input_bytes": 1,
    "llm.output_tokens": SHORTEST_ANSWER,
    "sandbox.processes": 1,
    "sandbox.memory_mib": 1,
    "sandbox.disk_mib": 1,
}
"""Dotted key -> the least value that makes sense; null stands for no limit where the schema allows it."""

INT64_MAX = (1 << 63) - 1

ABOVE_ZERO = ("budget.rollout.solve_s", "budget.rollout.improve_s", "llm.timeout_s", "sandbox.cpus")

CONNECT_S = 5.0
"""Ray itself would try for minutes to reach a cluster that is not there."""

_HOST_AND_PORT = re.compile(r"[^/]+:\d+")

_NAME = re.compile(r"\w[\w.+=,@-]{0,99}")
"""A run's name: one component of a path, with nothing that a shell or a glob would read otherwise."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A configuration that holds together."""

    config: Plain
    path: Path
    policy: Policy[Any]
    operator: Operator
    gates: Gates
    tasks: Mapping[TaskId, Task]
    splits: Mapping[Split, tuple[TaskId, ...]]
    upstream: Upstream
    choices: Choices
    seed_tree: Files
    manifest: Manifest
    settings: Settings
    allowance: Allowance
    limits: Limits
    width: Asked
    share: Share | None
    start_pool: Callable[[NodeSettings], Pool]


def prepare(config: Plain, share: Share | None = None) -> Prepared:
    """Everything that the configuration alone can show to be wrong is found here. Raises ConfigError.

    With a `share` the search goes on beside others, and its pool has that for slots.
    """
    check_values(config)
    config = matched(config)
    if shutil.which("git") is None:
        raise ConfigError("agents are kept in a git repository, and there is no git on the PATH: install it")
    budget, rollout = config["budget"], config["budget"]["rollout"]
    upstream: Upstream = build(config, "llm")
    money = money_of(budget, upstream)
    choices = choices_of(upstream)
    tasks, splits = read_tasks(config)
    seed_tree = read_agent(str(config["agent"]))
    try:
        tree_hash(seed_tree)
        manifest = parse_manifest(seed_tree[MANIFEST])
    except (ManifestError, ArchiveError) as error:
        raise ConfigError(f"agent {config['agent']}: {error}") from error
    operator: Operator = build(config, "operator")
    if isinstance(operator, Redraw):
        if config["archive"] != Parents.SEED:
            raise ConfigError("operator=redraw repeats what a seed was asked: give archive=seed too")
        operator.check(tree_hash(seed_tree), tasks)
    return Prepared(
        config=config,
        path=_path(config),
        policy=build(config, "policy"),
        operator=operator,
        gates=build(config, "gate"),
        tasks=tasks,
        splits=splits,
        upstream=upstream,
        choices=choices,
        seed_tree=seed_tree,
        manifest=manifest,
        settings=replace(settings(config, budget), money=money),
        allowance=Allowance(
            calls=rollout["calls"],
            tokens=rollout["tokens"],
            microusd=money.job if money.cap is not None else microusd(rollout["usd"]),
        ),
        limits=box_limits(config),
        width=_width(config),
        share=share,
        start_pool=lambda node: build(_pool_of(config, share), "workers")(node),
    )


def roles_of(upstream: Upstream) -> tuple[str, ...]:
    """The roles that a run asks models to play. Raises GatewayError or ArchiveError."""
    return "solve", "improve", *upstream.beside()


def choices_of(upstream: Upstream) -> Choices:
    """The roles whose models a run learns. Raises ConfigError."""
    try:
        learned = upstream.learned()
    except GatewayError as error:
        raise ConfigError(f"llm: {error}") from error
    return Choices(weights=learned.shares, bandit=Bandit(frugality=learned.frugality))


def slots_of(config: Plain) -> int | None:
    """How many jobs may run at once; None where that is for the cluster at `workers.address` to say."""
    workers = config["workers"]
    return int(workers["slots"]) or (None if workers.get("address") else os.cpu_count() or 1)


def follows_cluster(config: Plain) -> bool:
    """Whether a search has the slots that a cluster has, as they come and go."""
    return config["workers"].get("address") is not None


def _width(config: Plain) -> Asked:
    """What is asked for, refused where the slots are known and too few."""
    asked, slots = asked_width(config["workers"].get("width", ALL)), slots_of(config)
    if slots is not None:
        width_of(asked, slots, int(config["budget"]["evaluations"]))
    return asked


def _pool_of(config: Plain, share: Share | None) -> Plain:
    """What makes the pool: it knows slots; how many of them a search fills is for the search."""
    workers = {key: value for key, value in config["workers"].items() if key != "width"}
    if share is not None:
        workers |= {"slots": share.slots, **({"address": share.address} if share.address else {})}
    return {"workers": workers}


def money_of(budget: Mapping[str, Any], upstream: Upstream) -> Money:
    """The run's cap and what one rollout may cost under it. Raises ConfigError for a cap that cannot be kept."""
    rollout, cap = budget["rollout"], microusd(budget.get("usd"))
    if cap is None:
        return Money()
    try:
        models = [model for role in roles_of(upstream) for model in upstream.models_of(role)]
        prices = upstream.prices()
        prices.require(models)
    except (GatewayError, ArchiveError) as error:
        raise ConfigError(f"llm: {error}") from error
    most = [microusd(rollout["usd"])]
    if rollout["tokens"] is not None:
        most.append(max(prices.prices[model].most_microusd(rollout["tokens"]) for model in models))
    job = min((value for value in most if value is not None), default=None)
    if job is None:
        raise ConfigError(
            "budget.usd needs to know what one rollout may cost: set budget.rollout.usd, or budget.rollout.tokens"
        )
    if job > cap:
        raise ConfigError(
            f"budget.usd={cap / 1e6:g} is less than one rollout may cost, which is {job / 1e6:g}: set budget.usd"
            " higher, or budget.rollout.usd or budget.rollout.tokens lower"
        )
    return Money(cap=cap, job=job)


def microusd(dollars: float | None) -> int | None:
    return None if dollars is None else round(dollars * 1e6)


def box_limits(config: Plain) -> Limits:
    """What a box of this configuration may use."""
    sandbox, rollout = config["sandbox"], config["budget"]["rollout"]
    return Limits(
        seconds=max(float(rollout["solve_s"]), float(rollout["improve_s"])),
        memory_bytes=int(sandbox["memory_mib"]) * MIB,
        processes=int(sandbox["processes"]),
        cpus=float(sandbox["cpus"]),
        disk_bytes=int(sandbox["disk_mib"]) * MIB,
    )


def check_surroundings(prepared: Prepared) -> None:
    """Refuse what would not answer: an upstream without a key or, under a cap on money, a price; a missing cluster."""
    upstream = prepared.upstream
    try:
        backend = upstream.backend(os.environ)
        for role in roles_of(upstream):
            backend.model(role)
        upstream.lanes()
        models = [model for role in roles_of(upstream) for model in upstream.models_of(role)]
        prices = upstream.prices()
        if prepared.allowance.microusd is not None:
            prices.require(models)
    except (GatewayError, ArchiveError) as error:
        raise ConfigError(f"llm: {error}") from error
    address = str(prepared.config["workers"].get("address"))
    if _HOST_AND_PORT.fullmatch(address):
        try:
            knock(address, CONNECT_S)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"workers.address: nothing answers at {address} ({error})") from error


def choose_level(config: Plain, upstream: Upstream, say: Callable[[str], None]) -> Level:
    """The sandbox level of this run, shown by a self-test. A real model needs Docker, or bubblewrap if accepted."""
    sandbox, runtime = config["sandbox"], runtime_of(config)
    at_least = Level.PROCESS
    if upstream.real:
        at_least = Level.BUBBLEWRAP if sandbox["accept_weaker"] else Level.DOCKER
    tried: list[Attempt] = []
    try:
        box_maker = open_sandbox(str(sandbox["level"]), at_least=at_least, runtime=runtime, attempts=tried)
    except WeakerSandboxError as error:
        if runtime is not None:
            raise ConfigError(f"sandbox.runtime={runtime} is for containers only: {error}") from error
        raise ConfigError(
            f"a real model needs Docker, or bubblewrap with sandbox.accept_weaker=true: {error}"
        ) from error
    box_maker.close()
    failed = "".join(f" ({attempt.level}: {attempt.fault})" for attempt in tried if attempt.fault)
    weak = box_maker.digests.get("weak")
    say(f"sandbox: {box_maker.level}{failed}{f'; weak: {weak}' if weak else ''}")
    return box_maker.level


def runtime_of(config: Plain) -> str | None:
    """The OCI runtime that the configuration names; runs of before there was the key name none."""
    runtime = config["sandbox"].get("runtime")
    return None if runtime is None else str(runtime)


def learn_tasks(prepared: Prepared, level: Level, say: Callable[[str], None]) -> Prepared:
    """With the tier and the test ids of each task that leaves them to its reference; see `dgm.benchmarks.learning`."""
    unlearned = sum(task.learn for task in prepared.tasks.values())
    if not unlearned:
        return prepared
    say(f"tasks: {unlearned} are graded by what their references show (looked at once on each machine)")
    box_maker = open_sandbox(level, runtime=runtime_of(prepared.config))
    try:
        tasks = as_graded(prepared.tasks.values(), box_maker)
    finally:
        box_maker.close()
    weaker = [task.id for task in tasks.values() if task.test.tier is not Tier.A]
    if weaker:
        say(f"graded in tier B: {', '.join(weaker)}")
    return replace(prepared, tasks=tasks)


def as_graded(tasks: Iterable[Task], sandbox: Sandbox) -> dict[TaskId, Task]:
    """The tasks as a run grades them: with what their references show, where they leave that to them."""
    try:
        return {task.id: task for task in settle(tasks, sandbox, default_cache() / "learned")}
    except UnresolvedReferenceError as error:
        raise ConfigError(f"benchmark: {error}") from error


def settings(config: Plain, budget: Mapping[str, Any]) -> Settings:
    """What bounds a search of this configuration under `budget`, which a later driver may have raised."""
    return Settings(
        seed=int(config["seed"]),
        evaluations=int(budget["evaluations"]),
        expansions=expansions(budget),
        parents=Parents(config.get("archive", Parents.ALL)),
        grace_s=float(config.get("grace_s", Settings.grace_s)),
        **asdict(end_bounds(budget)),
    )


def expansions(budget: Mapping[str, Any]) -> int:
    """The cap on attempts: twice evaluations ** 0.6 unless it is set."""
    cap = budget["expansions"]
    return int(2 * int(budget["evaluations"]) ** 0.6) if cap is None else int(cap)


def check_values(config: Plain) -> None:
    """Raises ConfigError for a value that makes no sense by itself."""
    for key, known in CHOICES.items():
        if config[key] not in known:
            raise ConfigError(f"{key} must be {' or '.join(known)}, got {config[key]!r}")
    for key, value in leaves(config):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{key} must be finite, got {value}")
        if not isinstance(value, int | float):
            continue
        if abs(value) > INT64_MAX:
            raise ConfigError(f"{key} must fit 64 bits, got {value}")
        if key in LEAST and value < LEAST[key]:
            raise ConfigError(f"{key} must be at least {LEAST[key]}, got {value}")
        if key in ABOVE_ZERO and value <= 0:
            raise ConfigError(f"{key} must be above 0, got {value}")


def _path(config: Plain) -> Path:
    name, parent = str(config["name"]), Path(config["runs_dir"])
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "name must be one component of a path: at most 100 letters, digits and _.+=,@- that begin with a letter,"
            f" digit or _; got {name!r}"
        )
    if not str(config["runs_dir"]).strip():
        raise ConfigError("runs_dir must be a directory, got nothing; write runs_dir=. for the current one")
    if "\0" in str(parent):
        raise ConfigError(f"runs_dir must be a directory, got {str(parent)!r}")
    for above in (parent, *parent.parents):
        if above.exists() and not above.is_dir():
            raise ConfigError(f"runs_dir must be a directory, but {above} is a file")
    return parent / name


def read_tasks(config: Plain) -> tuple[Mapping[TaskId, Task], Mapping[Split, tuple[TaskId, ...]]]:
    """The benchmark's tasks, and those of each split; the shares are the config's, the rest is the benchmark's own."""
    values = dict(config["benchmark"])
    for split in Split:
        if not isinstance(values.get(split.value), int | float):
            raise ConfigError(f"benchmark.{split} must be the share of that split, as a number")
    if not _NAME.fullmatch(str(values.get("name", "x"))):
        raise ConfigError(
            "benchmark.name stands in the name of every task: at most 100 letters, digits and _.+=,@- that begin with a"
            f" letter, digit or _; got {values['name']!r}"
        )
    shares = {split: float(values.pop(split.value)) for split in Split}
    benchmark: Benchmark = build({"benchmark": values}, "benchmark")
    tasks = {task.id: task for task in benchmark.tasks()}
    try:
        splits = deal_splits(
            tuple(tasks.values()),
            search=shares[Split.SEARCH],
            confirm=shares[Split.CONFIRM],
            test=shares[Split.TEST],
        )
    except ValueError as error:
        raise ConfigError(f"benchmark: {error}") from error
    return tasks, splits
