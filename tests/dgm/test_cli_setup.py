"""Composing, and the commands that look at the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archive
from archive import create_run
from dgm.launch import run_info
from dgm.prepare import prepare
from sandbox.docker import Engine
from tests.dgm.commands import composed, dgm, few_katas


def test_cfg_job_prints_the_configuration_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = dgm("run", "policy=uniform", "--cfg", "job")
    assert said.status == 0
    assert "_target_: dgm.policies.Uniform" in said.out
    assert list(tmp_path.iterdir()) == []


def test_a_users_own_group_file_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own" / "policy"
    own.mkdir(parents=True)
    (own / "wide.yaml").write_text("defaults: [huxley_schema, _self_]\nname: wide\nalpha: 0.8\n")
    said = dgm("run", "--config-dir", "own", "policy=wide", "--cfg", "job", "--resolve")
    assert said.status == 0
    assert "alpha: 0.8" in said.out
    assert "name: wide-rehearsal-0" in said.out
    said = dgm("run", "--config-dir", "own", "policy=wide", "policy.alpha=7")
    assert said.status == 2
    assert "policy.alpha must lie in (0, 1], got 7.0" in said.err


def test_what_run_json_holds(tmp_path: Path) -> None:
    prepared = prepare(composed("workers=local", f"runs_dir={tmp_path}", "seed=3"))
    with create_run(prepared.path, run_info(prepared)):
        pass
    with archive.open(prepared.path) as run:
        assert run.info.config == prepared.config
        assert run.info.seed == 3
        assert {"python", "dgm", "numpy"} <= set(run.info.packages)
        assert run.info.splits == prepared.splits


def test_doctor_says_what_works_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    said = dgm("doctor")
    assert said.status == 0
    assert "docker      no: no Docker engine answers" in said.out
    assert "process     yes" in said.out
    assert "sandbox=auto takes " in said.out


@pytest.mark.docker
def test_doctor_tells_of_the_engine_and_each_answer_of_its_self_test(engine: Engine) -> None:
    said = dgm("doctor")
    assert said.status == 0
    for told in ("engine      ", "cgroup version ", "runtime     ", "data root ", "docker      yes"):
        assert told in said.out
    docker = said.out.split("docker      yes")[1].split("bubblewrap")[0]
    for check in (
        "no network",
        "root read-only",
        "no privileges",
        "system calls filtered",
        "workspace quota",
    ):
        assert f"ok  {check}: " in docker
    for check in ("process limit", "kill at the deadline"):
        assert f"ok  {check}: " in docker
    assert "NOT" not in docker


def test_benchmark_check_finds_what_does_not_hold(tmp_path: Path) -> None:
    folder = few_katas(tmp_path / "tasks", ["apricot-rows", "candle-clock"])
    sound = dgm("benchmark", "check", f"path={folder}", "--sandbox", "process")
    assert sound.status == 0
    assert sound.out.splitlines() == [
        "task                   tier  reason",
        "polyglot/apricot-rows  A",
        "polyglot/candle-clock  A",
        "2 tasks checked at sandbox level process: 0 findings",
    ]
    config = json.loads(next(folder.rglob("candle-clock/.meta/config.json")).read_text())
    example = next(folder.rglob("candle-clock")) / config["files"]["example"][0]
    example.write_text("raise SystemExit\n")
    broken = dgm("benchmark", "check", f"path={folder}", "--sandbox", "process")
    assert broken.status == 1
    assert "polyglot/candle-clock: the reference is not resolved" in broken.out
