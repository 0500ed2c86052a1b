"""A search on a real engine: containers are made, hardened and removed, and none is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive import Evaluation, Split
from sandbox.docker.engine import Engine
from tests.dgm.commands import dgm
from tests.end_to_end.real import assert_whole, results_of, rows_of
from tests.end_to_end.watch import KINDS, Watch

KEY = "sk-marked-9a0b63d1e7f24c58"


@pytest.mark.docker
@pytest.mark.timeout(600)
def test_a_search_of_thirty_evaluations_on_a_real_engine(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    before = {identity for kind in KINDS for identity, _ in engine.containers({"dgm.kind": kind})}
    overrides = ("sandbox=docker", "budget.evaluations=30", "budget.test_repeats=0", "display=plain")
    with Watch(engine) as watch:
        said = dgm("run", *overrides, "workers=local", f"runs_dir={tmp_path}", "name=docker")
    assert said.status == 0, said.err
    assert said.out.splitlines()[0] == "sandbox: docker"
    run = tmp_path / "docker"
    assert_whole(run)
    counted = [row for row in rows_of(run, Evaluation) if row.split is Split.SEARCH and row.outcome.counted]
    assert len(counted) == 30
    assert {row.sandbox for row in results_of(run)} == {"docker"}
    images = {"agent_image", "grader_image", "engine"}
    assert all(set(row.digests) >= images for row in results_of(run))
    assert all({"task", "tests"} <= set(row.digests) for row in counted)
    assert all(row.sample and row.limits["memory_bytes"] for row in counted)
    some = next(row.task for row in counted if row.tier)
    assert dgm("regrade", str(run), "--task", some).status == 0
    again = [row for row in rows_of(run, Evaluation) if row.replaces]
    assert {(row.task, row.sandbox) for row in again} == {(some, "docker")}
    found = [one for identity, one in watch.seen.items() if identity not in before]
    assert {one["Config"]["Labels"]["dgm.kind"] for one in found} >= {"solve", "improve", "grade"}
    assert len(found) >= 40
    for one in found:
        assert KEY not in repr(one)
        host = one["HostConfig"]
        assert host["NetworkMode"] == "none"
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert not host["Privileged"]
        assert "no-new-privileges" in host["SecurityOpt"]
        assert any(option.startswith("seccomp={") for option in host["SecurityOpt"])
        assert host["PidsLimit"] > 0
        assert 0 < host["Memory"] == host["MemorySwap"]
        assert host["LogConfig"]["Type"] == "none"
        assert one["Config"]["User"].split(":")[0] not in ("", "0", "root")
        assert all(mount["Type"] == "volume" or not mount["RW"] for mount in one["Mounts"])
        assert not any("docker.sock" in str(mount) for mount in one["Mounts"])
    left = {identity for kind in KINDS for identity, _ in engine.containers({"dgm.kind": kind})} - before
    assert left == set()
    ours = {one["Config"]["Labels"]["dgm.instance"] for one in found}
    assert [volume for instance in ours for volume in engine.volumes({"dgm.instance": instance})] == []
