"""An exported agent runs on its own: from its directory alone, in a box, with any model at the other end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import archive
from archive import RunInfo, create_run, export_agent
from archive.testing import a_decision, an_agent, an_expansion
from dgm.gates import smoke
from dgm.jobs import NodeServices
from dgm.jobs.manifest import MANIFEST, parse_manifest
from dgm.jobs.rollout import RolloutRequest, roll_out
from dgm.llm import Allowance
from dgm.seeds import read_agent
from sandbox import BoxSpec, Files, Limits


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A child of the packaged seed, exported; the run is gone."""
    seed = dict(read_agent("seed"))
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1)) as run:
        parent = run.code.commit(seed, message="seed", seq=0)
        changed = seed | {"solve.py": seed["solve.py"] + b"\n# changed by its parent\n"}
        child = run.code.commit(changed, parents=[parent], message="child", seq=2)
        run.append(first := an_agent(0, id=parent))
        run.append(a_decision(1, agent=parent, task=None))
        run.append(an_expansion(2, parent=parent, child=child), an_agent(2, parent=first, id=child))
    with archive.open(tmp_path / "run") as reader:
        export_agent(reader, child, tmp_path / "out")
    shutil.rmtree(tmp_path / "run")
    return tmp_path / "out"


def tree_of(directory: Path) -> Files:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def test_an_exported_agent_checks_itself_and_solves_a_task(exported: Path, plain: NodeServices) -> None:
    tree = tree_of(exported / "agent")
    manifest = parse_manifest(tree[MANIFEST])
    assert tree["solve.py"].endswith(b"# changed by its parent\n")
    spec = BoxSpec(name="exported", kind="check", areas={"agent": tree}, limits=Limits(seconds=120))
    with plain.sandbox.open(spec) as box:
        checked = box.exec(manifest.check, area="agent")
    assert checked.exit_code == 0, checked
    sample = bytes(16)
    request = RolloutRequest(
        id="exported",
        decision=1,
        attempt=1,
        kind="solve",
        role="solve",
        command=manifest.solve,
        tree=tree,
        workspace=smoke.WORKSPACE,
        instruction=smoke.INSTRUCTION,
        seconds=120,
        sample=sample,
        allowance=Allowance(calls=20),
        scripted=True,
    )
    solved = roll_out(request, plain)
    assert solved.result.exit_code == 0, solved
    assert smoke.passed(solved.files, sample)
