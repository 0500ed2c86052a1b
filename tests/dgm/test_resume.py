"""A run that an older version began goes on where only keys that have their defaults are new."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import archive
from archive import RunInfo, create_run
from dgm.errors import ConfigError
from dgm.prepare import prepare
from dgm.resume import refuse_another
from tests.dgm.commands import SMALL, composed

PEDIGREE = (*SMALL, "policy=pedigree", "name=older")


def refused(tmp_path: Path, without: tuple[str, ...], *overrides: str, **more: object) -> str:
    """Why a run that recorded no such keys, and `more`, may not go on with what is asked for now; empty if it may."""
    today = prepare(composed(*PEDIGREE, f"runs_dir={tmp_path}", *overrides))
    began: dict[str, Any] = copy.deepcopy(dict(composed(*PEDIGREE, f"runs_dir={tmp_path}")))
    for key in without:
        *groups, last = key.split(".")
        holder = began
        for group in groups:
            holder = holder[group]
        del holder[last]
    began["policy"] |= more
    info = RunInfo(id="a" * 32, seed=0, config=began, splits=today.splits)
    create_run(today.path, info).close()
    before = (today.path / "run.json").read_bytes()
    with archive.open(today.path) as run:
        try:
            refuse_another(today, run)
        except ConfigError as error:
            return str(error)
        finally:
            assert (today.path / "run.json").read_bytes() == before
    return ""


@pytest.mark.parametrize(
    "without",
    [
        (),
        ("policy.patience",),
        ("gate.check_s", "sandbox.runtime", "benchmark.confirm", "llm.latency_s", "improver", "archive"),
        ("policy.mix", "budget.finalists", "tracking", "log_dir", "workers.width"),
    ],
)
def test_keys_that_are_new_and_have_their_defaults_are_no_other_run(
    tmp_path: Path, without: tuple[str, ...]
) -> None:
    assert refused(tmp_path, without) == ""


@pytest.mark.parametrize(
    ("without", "override", "line"),
    [
        (("policy.patience",), "policy.patience=0.5", "policy.patience: 0.35 -> 0.5"),
        (("improver",), "improver=seed", "improver: 'parent' -> 'seed'"),
        (("sandbox.memory_mib",), "sandbox.memory_mib=99", "sandbox.memory_mib: 1024 -> 99"),
        ((), "policy.patience=0.5", "policy.patience: 0.35 -> 0.5"),
    ],
)
def test_a_new_key_with_another_value_is_refused_by_its_name(
    tmp_path: Path, without: tuple[str, ...], override: str, line: str
) -> None:
    assert f"another configuration:\n  {line}\nGive back" in refused(tmp_path, without, override)


def test_a_key_that_is_gone_is_refused_by_its_name(tmp_path: Path) -> None:
    assert "policy.temper: 0.2 -> None" in refused(tmp_path, (), temper=0.2)


def test_a_name_that_a_mapping_lacks_is_no_new_key(tmp_path: Path) -> None:
    today = prepare(composed(*PEDIGREE, "operator=mixed", f"runs_dir={tmp_path}"))
    began: dict[str, Any] = copy.deepcopy(dict(today.config))
    del began["operator"]["weights"]["single_failure"]
    create_run(today.path, RunInfo(id="a" * 32, seed=0, config=began, splits=today.splits)).close()
    with archive.open(today.path) as run, pytest.raises(ConfigError, match="single_failure: None -> 1"):
        refuse_another(today, run)
