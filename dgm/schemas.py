"""What a run is configured by: one dataclass per choice of a group, whose fields are the keys that there are.

Policies and worlds are such dataclasses themselves: `dgm.choices`.

A group's `_target_` names the class or function that stands for the choice, so a choice of one's own needs a YAML file
and something importable, nothing in this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MISSING: Any = "???"
"""How OmegaConf writes a value that has to be given."""

FREE_ON_RESUME = ("budget", "workers", "display", "grace_s", "tracking", "log_dir")
"""Top-level keys that are no part of what a run *is*: they may differ when a run goes on."""

PLACE = ("runs_dir", "name")
"""Top-level keys that say where a run is found."""


def fixed(key: str) -> str:
    """Why a dotted key never changes in a run; empty if it may differ when the run goes on."""
    if key.partition(".")[0] in FREE_ON_RESUME:
        return ""
    return f"{key} never changes in a run; for another value `dgm run` begins another one, under a `name` of its own"


@dataclass
class SingleFailureConfig:
    _target_: str = "dgm.operators.SingleFailure"


@dataclass
class MixedConfig:
    """Operators by weight, or learned from those weights on; see `dgm.operators.Mixed`."""

    _target_: str = "dgm.operators.Mixed"
    weights: dict[str, float] = field(
        default_factory=lambda: {
            "single_failure": 1.0,
            "same_agent_many_tasks": 1.0,
            "two_lineages_one_task": 1.0,
        }
    )
    bandit: bool = False
    explore: float = 0.1
    shrinkage: float = 4.0


@dataclass
class RedrawConfig:
    """`run` is the directory of the run whose briefs are repeated."""

    _target_: str = "dgm.operators.Redraw"
    run: str = MISSING


@dataclass
class GatesConfig:
    """Which gates a child must pass, in this order, and their limits."""

    _target_: str = "dgm.gates.Gates"
    max_files: int = 200
    max_bytes: int = 1_000_000
    max_patch_bytes: int = 200_000
    smoke: bool = True
    smoke_s: float = 60.0
    check: bool = True
    check_s: float = 60.0


@dataclass
class KatasConfig:
    _target_: str = "dgm.benchmarks.katas"
    name: str = "katas"
    search: int = 8
    confirm: int = 3
    test: int = 5


@dataclass
class PolyglotConfig:
    """Any folder in the Aider polyglot layout; `search`, `confirm` and `test` are shares within each band."""

    _target_: str = "dgm.benchmarks.PolyglotBenchmark"
    name: str = "polyglot"
    path: str = MISSING
    search: int = 8
    confirm: int = 3
    test: int = 5


@dataclass
class RehearsalConfig:
    """The stand-in for a model: offline, free, deterministic. Its results say nothing about real models."""

    _target_: str = "dgm.llm.upstreams.Rehearsal"
    name: str = "rehearsal"
    latency_s: float = 0.0


@dataclass
class OpenAIConfig:
    """Any OpenAI-compatible upstream. `key_env` names the variable that holds the key, which is never stored.

    `models.<role>` is a model's name, or several with weights such as `{large: 1, small: 3}`; the roles are solve and
    improve, and diagnose and judge where an `improve` shall have other models to ask. `limits.<model>` bounds
    what a node asks of it: `concurrency` calls at once, `per_minute` calls begun. `cache` is a directory where
    answers are kept: who asks exactly the same for the same sample, in this run or another, gets them at no cost.

    `choice` is weights (null), bandit, or one of them per role such as `{improve: bandit}`: the bandit draws a
    rollout's model by what the run has learned of each, its success per cost to the power of `frugality` (null is 1,
    0 ignores cost).

    `api` is chat, responses or both; null is both at the official address and chat elsewhere. A request with more than
    `input_bytes` of text is turned down as the agent's own mistake before the provider sees
    it: set it to what the provider takes at once, limits per minute included. No answer may have more than
    `output_tokens`, which are asked for with each call that does not ask for less: set them below a model's own limit,
    and well below the context of a small one.
    """

    _target_: str = "dgm.llm.upstreams.OpenAI"
    name: str = "openai"
    base_url: str = "https://api.openai.com/v1"
    key_env: str = "OPENAI_API_KEY"
    models: dict[str, Any] = field(default_factory=lambda: {"solve": "gpt-5-mini", "improve": "gpt-5-mini"})
    api: str | None = None
    limit_field: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    price: dict[str, dict[str, float]] = field(default_factory=dict)
    limits: dict[str, dict[str, float]] = field(default_factory=dict)
    timeout_s: float = 600.0
    input_bytes: int = 524_288
    output_tokens: int = 16_384
    cache: str | None = None
    choice: Any = None
    frugality: float | None = None


@dataclass
class ReplayConfig:
    """The recorded answers of an earlier run; `run` is its directory."""

    _target_: str = "dgm.llm.upstreams.Replay"
    name: str = "replay"
    run: str = MISSING


@dataclass
class SandboxConfig:
    """`level` is auto, docker, bubblewrap or process; auto takes the strongest that passes its self-test.

    `runtime` names an OCI runtime of the Docker engine, such as gVisor's runsc; null is the engine's default. No key
    weakens a container: what is not here cannot be asked for.
    """

    level: str = "auto"
    accept_weaker: bool = False
    runtime: str | None = None
    memory_mib: int = 1024
    processes: int = 128
    cpus: float = 1.0
    disk_mib: int = 64


@dataclass
class WorkersConfig:
    """Where jobs run and how many at once; 0 slots means one per core.

    `width` is how many jobs of one search may be in flight: all (as many as there are slots), auto (one for each
    hundred evaluations of its budget) or a number; see `dgm.width`.
    """

    _target_: str = MISSING
    _partial_: bool = True
    slots: int = 0
    width: Any = "all"


@dataclass
class RayConfig(WorkersConfig):
    """A Ray cluster; without `address` a local one is started and ended with the run.

    On the cluster at an address `slots` is the most, 0 as many as its nodes declare, and a search follows
    them as they come and go. `labels` are those that a node must have to get its jobs, such as `{dgm-arch: x86_64}`.
    """

    _target_: str = "dgm.workers.ray_pool.start"
    address: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class LocalConfig(WorkersConfig):
    _target_: str = "dgm.workers.start_local"


@dataclass
class NoTrackingConfig:
    """No tracker of experiments."""

    _target_: str = "dgm.tracking.nothing"


@dataclass
class MlflowOptions:
    """`uri` null is what MLflow takes from its own environment."""

    uri: str | None = None
    experiment: str = "dgm"


@dataclass
class WandbOptions:
    """`mode` is online, offline or null for what its own environment says; `dir` is where it keeps its files."""

    project: str = "dgm"
    mode: str | None = None
    dir: str | None = None


@dataclass
class TrackingConfig:
    """A tracker is a program that reads the run's events; after the run it gets `patience_s` seconds to finish."""

    _target_: str = "dgm.tracking.Tracking"
    name: str = MISSING
    program: str = MISSING
    options: Any = MISSING
    patience_s: float = 30.0


@dataclass
class MlflowConfig(TrackingConfig):
    name: str = "mlflow"
    program: str = "dgm.tracking.to_mlflow"
    options: MlflowOptions = field(default_factory=MlflowOptions)


@dataclass
class WandbConfig(TrackingConfig):
    name: str = "wandb"
    program: str = "dgm.tracking.to_wandb"
    options: WandbOptions = field(default_factory=WandbOptions)


@dataclass
class RolloutBudgetConfig:
    """What one rollout may use; null means no limit."""

    calls: int | None = 40
    tokens: int | None = 400_000
    usd: float | None = None
    solve_s: float = 120.0
    improve_s: float = 300.0


@dataclass
class BudgetConfig:
    """`evaluations` on the search split; `expansions` null means twice evaluations ** 0.6.

    Beside them `confirm` evaluations on the confirm split are for the `finalists` best-belief agents and the seed, of
    whom one wins; null means 3.6 sqrt(evaluations), 0 none. The winner and the seed meet each test task `test_repeats`
    times.

    `usd` is what the whole run may spend on models, null for no limit. A job starts only if all that it may spend still
    fits, so the run ends a little below it; then the same command with a larger one goes on. It covers the end: the
    search stops where what is left is what confirmation and test may take, and has at least half.
    """

    evaluations: int = 100
    expansions: int | None = None
    confirm: int | None = None
    finalists: int = 3
    usd: float | None = None
    test_repeats: int = 2
    rollout: RolloutBudgetConfig = field(default_factory=RolloutBudgetConfig)


@dataclass
class RunConfig:
    """One run. The defaults list in `configs/config.yaml` fills the groups."""

    name: str = MISSING
    runs_dir: str = "runs"
    seed: int = 0
    agent: str = "seed"
    improver: str = "parent"
    archive: str = "all"
    display: str = "auto"
    grace_s: float = 30.0
    policy: Any = MISSING
    operator: Any = MISSING
    gate: Any = MISSING
    benchmark: Any = MISSING
    llm: Any = MISSING
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    workers: Any = MISSING
    tracking: Any = MISSING
    log_dir: str | None = None
    budget: BudgetConfig = field(default_factory=BudgetConfig)


def leaves(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Dotted key and value of everything in a plain configuration that is no mapping."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value
