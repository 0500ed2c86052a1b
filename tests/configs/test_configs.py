"""Every YAML is composed and what its `_target_` names is made; a wrong key or type fails before anything starts."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import ConfigCompositionException

import configs
from dgm.config import STOPPED, Plain, build, compose_and_run, differences, identity, run_id
from dgm.errors import ConfigError
from dgm.policies import Darwin
from tests.dgm.commands import composed

ROOT = Path(configs.__file__).parent
CHOICES = sorted(
    (path.parent.name, path.stem) for path in ROOT.glob("*/*.yaml") if path.parent.name != "experiment"
)
EXPERIMENTS = sorted(path.stem for path in (ROOT / "experiment").glob("*.yaml"))
NEEDED = {
    ("benchmark", "polyglot"): ["benchmark.path=tests/dgm/benchmarks/exercises"],
    ("llm", "replay"): ["llm.run=somewhere"],
    ("operator", "redraw"): ["operator.run=somewhere"],
    ("experiment", "redraw"): ["operator.run=somewhere"],
}
"""Values that a choice cannot do without."""
BUILT = ("policy", "operator", "gate", "workers", "llm", "world")


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_is_composed_and_made(group: str, choice: str) -> None:
    root = "simulate" if group == "world" else "config"
    config = composed(f"{group}={choice}", *NEEDED.get((group, choice), ()), name=root)
    if group in BUILT:
        made: Any = build(config, group)
        assert made is not None
    if group in ("policy", "world"):
        assert made.name == choice


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_is_composed(experiment: str) -> None:
    config = composed(f"experiment={experiment}", *NEEDED.get(("experiment", experiment), ()))
    for group in set(BUILT) & set(config):
        assert build(config, group) is not None


@pytest.mark.parametrize(
    "overrides",
    [
        ["policy.alpah=0.6"],
        ["policy.alpha=wide"],
        ["budget.evaluations=many"],
        ["evaluations=3"],
        ["policy=newton"],
        ["sandbox.privileged=true"],
        ["llm=openai", "llm.api_key=secret"],
        ["gate.smoke=perhaps"],
    ],
)
def test_a_wrong_key_or_type_is_refused(overrides: Sequence[str]) -> None:
    with pytest.raises(ConfigCompositionException):
        composed(*overrides)


def test_a_run_is_named_by_what_distinguishes_it() -> None:
    assert composed("policy=uniform", "seed=3")["name"] == "uniform-rehearsal-3"


def test_the_run_id_leaves_out_paths_budget_and_workers() -> None:
    base = run_id(composed())
    assert (
        run_id(
            composed(
                "budget.evaluations=7", "workers=local", "runs_dir=/x", "name=y", "display=plain", "grace_s=9"
            )
        )
        == base
    )
    assert run_id(composed("seed=1")) != base
    assert run_id(composed("policy.alpha=0.7")) != base
    assert "budget" not in identity(composed())


def test_differences_name_the_keys() -> None:
    before, after = composed(), composed("policy.alpha=0.7", "seed=2")
    assert differences(identity(before), identity(after)) == ["policy.alpha: 0.6 -> 0.7", "seed: 0 -> 2"]


def test_a_sweep_calls_once_per_combination_and_gives_the_worst_status() -> None:
    seen: list[tuple[int, float]] = []

    def task(config: Plain) -> int:
        seen.append((config["seed"], config["policy"]["alpha"]))
        return config["seed"] % 2

    assert compose_and_run(["seed=1,2", "policy.alpha=0.5,0.6", "-m"], task) == 1
    assert seen == [(1, 0.5), (1, 0.6), (2, 0.5), (2, 0.6)]


def test_an_operator_who_stops_one_run_stops_the_sweep() -> None:
    seen: list[int] = []

    def task(config: Plain) -> int:
        seen.append(config["seed"])
        return STOPPED

    with pytest.raises(SystemExit, match="130"):
        compose_and_run(["seed=1,2", "-m"], task)
    assert seen == [1]


def test_hydra_leaves_the_command_line_and_the_environment_as_they_were() -> None:
    before = list(sys.argv), dict(os.environ)
    compose_and_run(["seed=1"], lambda config: 0)
    assert (sys.argv, dict(os.environ)) == before


def test_one_run_makes_no_temporary_directory_that_could_be_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    there: list[Path] = []

    def task(config: Plain) -> int:
        there.extend(tmp_path.iterdir())
        return config["seed"]

    assert compose_and_run(["seed=1"], task) == 1
    assert there == []


@pytest.mark.parametrize(
    "asked",
    [
        "sandbox.privileged=true",
        "+sandbox.privileged=true",
        "++sandbox.privileged=true",
        "sandbox.network=host",
        "sandbox.pid=host",
        "sandbox.ipc=host",
        "sandbox.uts=host",
        "sandbox.userns=host",
        "+sandbox.cap_add=[SYS_ADMIN]",
        "sandbox.seccomp=unconfined",
        "+sandbox.security_opt=[apparmor]",
        "+sandbox.devices=[/dev/kvm]",
        "+sandbox.mounts=[/var/run/docker.sock]",
        "sandbox.volumes=[/:/host]",
        "sandbox.binds=[/:/host]",
        "+sandbox.user=root",
        "sandbox.read_only=false",
    ],
)
def test_nothing_that_weakens_a_container_can_be_asked_for(asked: str) -> None:
    key = asked.split("=")[0].lstrip("+")
    with pytest.raises(ConfigError, match=re.escape(key)):
        compose_and_run([asked], lambda _: pytest.fail("it was started"))


def test_the_keys_of_a_policy_are_its_fields_but_for_its_version() -> None:
    policy = composed("policy=darwin", "policy.sizes=[7,20]")["policy"]
    assert list(policy)[:2] == ["_target_", "name"]
    assert {*policy} == {"_target_", *vars(Darwin())} - {"version"}
    assert build({"policy": policy}, "policy") == Darwin(sizes=[7, 20])
    assert composed("policy=darwin")["policy"]["sizes"] == [10, 60, 200]
