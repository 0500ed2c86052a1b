"""Hydra composes, checks and instantiates the configuration of a run; this file alone knows it.

The composed configuration is turned into plain values once, which are passed on as arguments.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import is_dataclass
from functools import cache
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError, safe_load

from dgm.choices import SimulateConfig, schemas
from dgm.errors import ConfigError
from dgm.schemas import (
    FREE_ON_RESUME,
    MISSING,
    PLACE,
    BudgetConfig,
    GatesConfig,
    KatasConfig,
    LocalConfig,
    MixedConfig,
    MlflowConfig,
    NoTrackingConfig,
    OpenAIConfig,
    PolyglotConfig,
    RayConfig,
    RedrawConfig,
    RehearsalConfig,
    ReplayConfig,
    RunConfig,
    SingleFailureConfig,
    WandbConfig,
    WorkersConfig,
)

STOPPED = 130
"""The exit status of a run that its operator stopped."""

SCRATCH = "dgm_scratch"
"""The name under which `configs/config.yaml` asks for a directory that is thrown away."""

_FULL_ERROR = "HYDRA_FULL_ERROR"
_SCHEMA_SUFFIX = "_schema"
_NOISE = ("To append to your config", "full_key:", "object_type", "reference_type", "See https://hydra.cc")

_LAUNCHER, _JOBS = "hydra/launcher", "hydra.launcher.n_jobs"

Plain = Mapping[str, Any]
"""A resolved configuration as plain JSON values."""


def register() -> None:
    """Make the dataclasses known to Hydra as schemas of the groups; YAML files refer to them by name."""
    store = ConfigStore.instance()
    store.store(name="run_schema", node=RunConfig)
    store.store(name="simulate_schema", node=SimulateConfig)
    for group, name, node in _choices():
        store.store(group=group, name=name, node=node)


def _choices() -> Iterator[tuple[str, str, Any]]:
    """Group, name and schema of each choice."""
    yield from (
        ("operator", "single_failure_schema", SingleFailureConfig),
        ("operator", "mixed_schema", MixedConfig),
        ("operator", "redraw_schema", RedrawConfig),
        ("gate", "default_schema", GatesConfig),
        ("benchmark", "katas_schema", KatasConfig),
        ("benchmark", "polyglot_schema", PolyglotConfig),
        ("llm", "rehearsal_schema", RehearsalConfig),
        ("llm", "openai_schema", _open_to_names(OpenAIConfig)),
        ("llm", "replay_schema", ReplayConfig),
        ("workers", "ray_schema", _open_to_names(RayConfig)),
        ("workers", "local_schema", LocalConfig),
        ("tracking", "none_schema", NoTrackingConfig),
        ("tracking", "mlflow_schema", MlflowConfig),
        ("tracking", "wandb_schema", WandbConfig),
        *schemas(),
    )


def _open_to_names(schema: type) -> DictConfig:
    """A schema whose mappings take names of the user's own on a command line, without a `+` before the key."""
    node: DictConfig = OmegaConf.structured(schema)
    for key in node:
        inner = node._get_node(key)
        if isinstance(inner, DictConfig):
            OmegaConf.set_struct(inner, False)
    return node


def identity(config: Plain) -> dict[str, Any]:
    """The part of a resolved configuration that says which run this is: without what is `FREE_ON_RESUME` or
    `PLACE`."""
    return {key: value for key, value in config.items() if key not in (*FREE_ON_RESUME, *PLACE)}


def with_new_keys(recorded: Plain, today: Plain) -> dict[str, Any]:
    """What an older version recorded, with the keys that it did not know yet as they are by default.

    Keys of a choice are by default what its schema says; a choice that has no schema of ours gains none.
    """
    known = _defaults(today)
    return {
        **_only_in(known, recorded),
        **{
            key: {**_only_in(known[key], value), **value}
            if isinstance(value, Mapping) and isinstance(known.get(key), Mapping)
            else value
            for key, value in recorded.items()
        },
    }


def _only_in(known: Plain, recorded: Plain) -> dict[str, Any]:
    """The keys with defaults that were not recorded."""
    return {key: value for key, value in known.items() if key not in recorded and value != MISSING}


def _defaults(config: Plain) -> dict[str, Any]:
    """What the keys of a configuration are if nobody gives them; of each group those of the choice that it has."""
    found = OmegaConf.to_container(OmegaConf.structured(RunConfig))
    assert isinstance(found, dict)
    for group, _, schema in _choices():
        choice = OmegaConf.to_container(OmegaConf.structured(schema))
        assert isinstance(choice, dict)
        if isinstance(given := config.get(group), Mapping) and given.get("_target_") == choice["_target_"]:
            found[group] = choice
    return {str(key): value for key, value in found.items()}


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


def with_value(config: Plain, key: str, text: str) -> Plain:
    """The configuration with another number, or null, at a dotted key of the budget or the workers, as it was typed.

    Raises ConfigError for what that key does not take.
    """
    group, _, name = key.partition(".")
    schema: Any = BudgetConfig if group == "budget" else WorkersConfig
    try:
        number = safe_load(text)
        word = isinstance(number, str) and key == "workers.width"
        if not word and (isinstance(number, bool) or not isinstance(number, int | float | None)):
            raise ConfigError(f"{key} takes a number, got {text!r}")
        node: DictConfig = OmegaConf.structured(schema)
        OmegaConf.update(node, name, number)
        value = OmegaConf.select(node, name)
    except (OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"{key}={text}: {_clear(error)}") from error
    return {**config, group: {**config[group], name: value}}


def build(config: Plain, group: str, **arguments: object) -> Any:
    """The object that a group's `_target_` stands for. Raises ConfigError when it cannot be made."""
    if not isinstance(config[group], Mapping) or not config[group].get("_target_"):
        raise ConfigError(f"{group} must say in `_target_` which class or function makes it")
    try:
        return hydra.utils.instantiate(config[group], **arguments, _convert_="all")
    except HydraException as error:
        raise ConfigError(f"{group}: {_clear(error.__cause__ or error)}") from error


def compose_and_run(
    arguments: Sequence[str],
    task: Callable[[Plain], int],
    command: str = "run",
    name: str = "config",
    together: Callable[[Sequence[Plain], int | None], int | None] = lambda configs, at_once: None,
) -> int:
    """Let Hydra compose the configuration `name` from `arguments` and call `task` with it, once per job of a multirun.

    `together` gets all of them first, with how many are to go at once if that was said (-1: all), and gives the status
    if it ran them, None to leave them to `task`. Gives the
    largest status that a task gave; a task that gives `STOPPED` ends the multirun. Hydra's own flags (`--cfg job`,
    `-m`, `--config-dir`, ...) work. Raises ConfigError for what cannot be composed.
    """
    configs: list[Plain] = []
    refused: list[ConfigError] = []  # Hydra would tell of errors that a job raises in its own words

    def job(config: DictConfig) -> None:
        try:
            configs.append(plain(config))
        except ConfigError as error:
            refused.append(error)

    arguments, at_once = launched(arguments)
    register()
    with _hydra_arguments(command, arguments):
        try:
            hydra.main(version_base="1.3", config_path="pkg://configs", config_name=name)(job)()
        except (
            HydraException,
            OmegaConfBaseException,
            ValueError,  # flags that exclude each other, a group set to null
            YAMLError,
        ) as error:
            raise ConfigError(_clear(error)) from error
    status = together(configs, at_once)
    if status is None:
        status = _one_after_another(configs, task)
    if refused:
        raise refused[0]
    return status


def launched(arguments: Sequence[str]) -> tuple[list[str], int | None]:
    """The arguments without those that choose a launcher, and how many searches that lets go at once, None if nobody
    says. Raises ConfigError.

    Searches are begun by us, who know their slots. Hydra's own plugins compose each in a process or on a machine of its
    own, from which nothing comes back.
    """
    given, left = dict[str, str](), list[str]()
    for word in arguments:
        key, _, value = word.partition("=")
        if key == _LAUNCHER or key.startswith("hydra.launcher."):
            given[key] = value
        else:
            left.append(word)
    name, jobs = given.pop(_LAUNCHER, "basic"), given.pop(_JOBS, None)
    if name not in ("basic", "joblib"):
        raise ConfigError(
            f"{_LAUNCHER} must be basic or joblib, got {name!r}: `dgm run -m` begins its searches itself, each in a"
            " process of its own; for a cluster give workers.address"
        )
    if given or (jobs is not None and name == "basic"):
        raise ConfigError(f"of hydra.launcher there is n_jobs with {_LAUNCHER}=joblib, and nothing else")
    try:
        at_once = int(jobs or -1)
    except ValueError:
        at_once = 0
    if at_once == 0 or at_once < -1:
        raise ConfigError(f"{_JOBS} must be at least 1, or -1 for all searches, got {jobs}")
    return left, at_once if name == "joblib" else None


def _one_after_another(configs: Sequence[Plain], task: Callable[[Plain], int]) -> int:
    statuses = [0]
    for config in configs:
        statuses.append(task(config))
        if statuses[-1] == STOPPED:
            raise SystemExit(STOPPED)
    return max(statuses)


@contextmanager
def _hydra_arguments(command: str, arguments: Sequence[str]) -> Iterator[None]:
    """Hydra reads the command line itself, and raises its errors instead of telling them only with HYDRA_FULL_ERROR.

    What a multirun writes for itself goes to a directory that is thrown away: the configuration of every run stands in
    its `run.json`. One run makes no such directory, so none is left if it is killed.
    """
    argv, full_error = sys.argv, os.environ.get(_FULL_ERROR)
    with ExitStack() as stack:
        scratch = cache(lambda: stack.enter_context(tempfile.TemporaryDirectory(prefix="dgm-")))
        OmegaConf.register_new_resolver(SCRATCH, scratch, replace=True)
        sys.argv = [f"dgm {command}", *arguments]
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
