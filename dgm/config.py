"""What a run is configured by: dataclasses that Hydra composes, checks and instantiates.

Only the command line knows Hydra: it turns the composed configuration into these values once and passes them on. A
group's `target` names the class that stands for the choice, so a choice of one's own needs a YAML file and an
importable class, nothing in this file.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from dgm.errors import ConfigError

FREE_ON_RESUME = ("budget", "workers", "display", "runs_dir", "name")
"""Top-level keys that are no part of what a run *is*: they may differ when a run goes on."""

STOPPED = 130
"""The exit status of a run that its operator stopped."""

SCRATCH = "dgm_scratch"
"""The name under which `configs/config.yaml` asks for a directory that is thrown away."""

_FULL_ERROR = "HYDRA_FULL_ERROR"
_SCHEMA_SUFFIX = "_schema"
_NOISE = ("To append to your config", "full_key:", "object_type", "reference_type", "See https://hydra.cc")

Plain = Mapping[str, Any]
"""A resolved configuration as plain JSON values."""


@dataclass
class HuxleyConfig:
    _target_: str = "dgm.policies.Huxley"
    name: str = "huxley"
    alpha: float = 0.6


@dataclass
class UniformConfig:
    _target_: str = "dgm.policies.Uniform"
    name: str = "uniform"
    alpha: float = 0.6


@dataclass
class SingleFailureConfig:
    _target_: str = "dgm.operators.SingleFailure"


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
    """Any OpenAI-compatible upstream. `key_env` names the variable that holds the key, which is never stored."""

    _target_: str = "dgm.llm.upstreams.OpenAI"
    name: str = "openai"
    base_url: str = "https://api.openai.com/v1"
    key_env: str = "OPENAI_API_KEY"
    models: dict[str, str] = field(default_factory=lambda: {"solve": "gpt-5-mini", "improve": "gpt-5-mini"})
    limit_field: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    price: dict[str, dict[str, float]] = field(default_factory=dict)
    timeout_s: float = 600.0


@dataclass
class ReplayConfig:
    """The recorded answers of an earlier run; `run` is its directory."""

    _target_: str = "dgm.llm.upstreams.Replay"
    name: str = "replay"
    run: str = MISSING


@dataclass
class SandboxConfig:
    """`level` is auto, docker, bubblewrap or process; auto takes the strongest that passes its self-test."""

    level: str = "auto"
    accept_weaker: bool = False
    memory_mib: int = 1024
    processes: int = 128
    cpus: float = 1.0
    disk_mib: int = 64


@dataclass
class WorkersConfig:
    """Where jobs run and how many at once; 0 slots means one per core."""

    _target_: str = MISSING
    _partial_: bool = True
    slots: int = 0


@dataclass
class RayConfig(WorkersConfig):
    """A Ray cluster; without `address` a local one is started and ended with the run."""

    _target_: str = "dgm.workers.ray_pool.start"
    address: str | None = None


@dataclass
class LocalConfig(WorkersConfig):
    _target_: str = "dgm.workers.start_local"


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
    """`evaluations` on the search split; `expansions` null means twice evaluations ** 0.6."""

    evaluations: int = 100
    expansions: int | None = None
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
    display: str = "auto"
    policy: Any = MISSING
    operator: Any = MISSING
    gate: Any = MISSING
    benchmark: Any = MISSING
    llm: Any = MISSING
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    workers: Any = MISSING
    budget: BudgetConfig = field(default_factory=BudgetConfig)


def register() -> None:
    """Make the dataclasses known to Hydra as schemas of the groups; YAML files refer to them by name."""
    store = ConfigStore.instance()
    store.store(name="run_schema", node=RunConfig)
    for group, name, node in (
        ("policy", "huxley_schema", HuxleyConfig),
        ("policy", "uniform_schema", UniformConfig),
        ("operator", "single_failure_schema", SingleFailureConfig),
        ("gate", "default_schema", GatesConfig),
        ("benchmark", "katas_schema", KatasConfig),
        ("benchmark", "polyglot_schema", PolyglotConfig),
        ("llm", "rehearsal_schema", RehearsalConfig),
        ("llm", "openai_schema", OpenAIConfig),
        ("llm", "replay_schema", ReplayConfig),
        ("workers", "ray_schema", RayConfig),
        ("workers", "local_schema", LocalConfig),
    ):
        store.store(group=group, name=name, node=node)


def identity(config: Plain) -> dict[str, Any]:
    """The part of a resolved configuration that says which run this is: without paths, budget, workers, display."""
    return {key: value for key, value in config.items() if key not in FREE_ON_RESUME}


def run_id(config: Plain) -> str:
    """Hash of `identity`: 32 hexadecimal digits."""
    text = json.dumps(identity(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def differences(before: object, after: object, prefix: str = "") -> list[str]:
    """Dotted keys at which two plain configurations differ, with both values, in the order of the keys."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = sorted({*before, *after})
        return [
            line
            for key in keys
            for line in differences(
                before.get(key), after.get(key), f"{prefix}.{key}" if prefix else str(key)
            )
        ]
    return [] if before == after else [f"{prefix}: {before!r} -> {after!r}"]


def plain(config: DictConfig) -> Plain:
    """The configuration with everything resolved. Raises ConfigError naming a key that has no value or no meaning."""
    for key in unknown_keys(config):
        raise ConfigError(f"{key} is no key of this configuration; `dgm run --cfg job` prints it")
    try:
        values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {_clear(error)}") from error
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def unknown_keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    """Dotted keys that `+key=value` added to a part whose keys are fixed by a dataclass."""
    known = OmegaConf.get_type(config)
    for key in config:
        dotted = f"{prefix}.{key!s}" if prefix else str(key)
        if is_dataclass(known) and key not in known.__dataclass_fields__:
            yield dotted
        elif not OmegaConf.is_missing(config, key):
            inner = config._get_node(key)
            if isinstance(inner, DictConfig) and not inner._is_none():
                yield from unknown_keys(inner, dotted)


def build(config: Plain, group: str, **arguments: object) -> Any:
    """The object that a group's `_target_` stands for. Raises ConfigError when it cannot be made."""
    if not isinstance(config[group], Mapping) or not config[group].get("_target_"):
        raise ConfigError(f"{group} must say in `_target_` which class or function makes it")
    try:
        return hydra.utils.instantiate(config[group], **arguments, _convert_="all")
    except HydraException as error:
        raise ConfigError(f"{group}: {_clear(error.__cause__ or error)}") from error


def compose_and_run(arguments: Sequence[str], task: Callable[[Plain], int]) -> int:
    """Let Hydra compose the configuration from `arguments` and call `task` with it, once per job of a multirun.

    Gives the largest status that a task gave; a task that gives `STOPPED` ends the multirun. Hydra's own flags
    (`--cfg job`, `-m`, `--config-dir`, ...) work. Raises ConfigError for what cannot be composed.
    """
    register()
    statuses = [0]
    refused: list[ConfigError] = []  # Hydra would tell of errors that a job raises in its own words
    began = False

    def job(config: DictConfig) -> None:
        nonlocal began
        began = True
        try:
            values = plain(config)
        except ConfigError as error:
            refused.append(error)
            return
        statuses.append(task(values))
        if statuses[-1] == STOPPED:
            raise SystemExit(STOPPED)

    with _hydra_arguments(arguments):
        try:
            hydra.main(version_base="1.3", config_path="pkg://configs", config_name="config")(job)()
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(_clear(error)) from error
        except (
            ValueError,
            YAMLError,
        ) as error:  # flags that exclude each other, a group set to null, broken YAML
            if began:
                raise
            raise ConfigError(_clear(error)) from error
    if refused:
        raise refused[0]
    return max(statuses)


@contextmanager
def _hydra_arguments(arguments: Sequence[str]) -> Iterator[None]:
    """Hydra reads the command line itself, and raises its errors instead of telling them only with HYDRA_FULL_ERROR.

    What a multirun writes for itself goes to a directory that is thrown away: the configuration of every run stands in
    its `run.json`.
    """
    argv, full_error = sys.argv, os.environ.get(_FULL_ERROR)
    with tempfile.TemporaryDirectory(prefix="dgm-") as scratch:
        OmegaConf.register_new_resolver(SCRATCH, lambda: scratch, replace=True)
        sys.argv = ["dgm run", *arguments]
        os.environ[_FULL_ERROR] = "1"
        try:
            yield
        finally:
            sys.argv = argv
            OmegaConf.clear_resolver(SCRATCH)
            del os.environ[_FULL_ERROR]
            if full_error is not None:
                os.environ[_FULL_ERROR] = full_error


def _clear(error: BaseException) -> str:
    """What a library said, in one line: without its internals, the keys of its own and advice that would not help."""
    said = str(error)
    if isinstance(error.__cause__, OmegaConfBaseException):
        said += f"\n{error.__cause__}"
    lines = [line.strip() for line in said.split("Config search path:")[0].splitlines()]
    told = [
        line for line in lines if line and not line.startswith(_NOISE) and not line.endswith(_SCHEMA_SUFFIX)
    ]
    return " ".join(told) or type(error).__name__
