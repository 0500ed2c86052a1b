from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sandbox import MIB, Limits
from sandbox.local.cgroup import PREFIX, Group, Groups, Place, candidates, settings
from sandbox.testing import gone

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def groups() -> Iterator[Groups]:
    found = Groups.find(f"test{os.getpid()}")
    if found is None:
        pytest.skip("this user may make no control groups here")
    yield found
    assert directories(found, f"test{os.getpid()}") == []


def directories(groups: Groups, instance: str) -> list[Path]:
    return [path for place in groups.places for path in place.directory.glob(f"{PREFIX}{instance}-*")]


def test_a_group_is_there_until_it_is_closed_and_ends_what_runs_in_it(groups: Groups) -> None:
    with subprocess.Popen(["sleep", "100"]) as process, closing(groups.make(Limits())) as group:
        group.add(process.pid)
        assert group.members() == {process.pid}
        group.close()
        assert process.wait(60) == -signal.SIGKILL


def test_memory_kills_are_counted_by_the_kernel(groups: Groups) -> None:
    with closing(groups.make(Limits(memory_bytes=64 * MIB))) as group:
        assert group.memory_kills() == 0
        code = "input(); a = bytearray(256 << 20); print('had it')"
        with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as process:
            group.add(process.pid)
            out, _ = process.communicate(b"\n")
        assert (process.returncode, out) == (-signal.SIGKILL, b"")
        assert group.memory_kills() == 1


def test_a_group_that_a_killed_owner_left_is_removed_with_all_that_runs_in_it(groups: Groups) -> None:
    """The owner's lock goes with it, however it ends; while it lives nobody touches its groups."""
    marker = f"7{uuid.uuid4().int % 10**9}"
    code = (
        "import subprocess, sys; from sandbox import Limits; from sandbox.local.cgroup import Groups\n"
        "groups = Groups.find('doomed'); group = groups.make(Limits())\n"
        f"left = subprocess.Popen(['sleep', '{marker}'], stdout=subprocess.DEVNULL); group.add(left.pid)\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        assert groups.sweep() == 0
        assert directories(groups, "doomed") != []
        owner.kill()
        owner.wait()
    groups.sweep()
    assert directories(groups, "doomed") == []
    assert gone(marker)


def test_a_group_of_version_2_is_made_and_removed_in_the_same_way() -> None:
    mounts = [
        line.split()
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if " - cgroup2 " in line
    ]
    if not mounts or not os.access(Path(mounts[0][4], "cgroup.procs"), os.W_OK):
        pytest.skip("no hierarchy of version 2 in which this user may make groups")
    groups = Groups([Place(directory=Path(mounts[0][4]), controllers=(), version=2)], f"second{os.getpid()}")
    with subprocess.Popen(["sleep", "100"]) as process, closing(groups.make(Limits())) as group:
        group.add(process.pid)
        assert group.members() == {process.pid}
        groups.sweep()
        assert group.members() == {process.pid}
        group.close()
        assert process.wait(10) == -signal.SIGKILL
    assert directories(groups, f"second{os.getpid()}") == []


def lay_out(tmp_path: Path, own: str, groups: dict[str, str]) -> Path:
    """A /proc/self of a process in the group `own`, and below it a hierarchy of version 2 with these groups.

    `groups` says which controllers each offers; only those have a cgroup.procs that may be written.
    """
    mount = tmp_path / "fs"
    for path, controllers in groups.items():
        (mount / path).mkdir(parents=True, exist_ok=True)
        (mount / path / "cgroup.procs").write_text("")
        (mount / path / "cgroup.controllers").write_text(controllers)
        (mount / path / "cgroup.subtree_control").write_text(controllers)
    (tmp_path / "cgroup").write_text(f"0::{own}\n")
    (tmp_path / "mountinfo").write_text(f"31 23 0:28 / {mount} rw,relatime - cgroup2 cgroup2 rw\n")
    return tmp_path


def test_the_topmost_group_that_was_delegated_is_taken(tmp_path: Path) -> None:
    delegated = {"u/manager": "memory pids", "u/manager/app": "memory pids cpu"}
    proc = lay_out(tmp_path, "/u/manager/app/term.scope", {**delegated, "u/manager/app/term.scope": ""})
    found = list(candidates(proc))
    assert [[(p.directory.name, p.version) for p in places] for places in found][:1] == [[("manager", 2)]]


def test_a_hierarchy_without_memory_is_of_no_use(tmp_path: Path) -> None:
    assert list(candidates(lay_out(tmp_path, "/", {"": "hugetlb"}))) == []


def test_settings_of_version_2() -> None:
    place = Place(directory=Path("/"), controllers=("memory", "pids", "cpu"), version=2)
    limits = Limits(memory_bytes=5, processes=7, cpus=0.5)
    assert settings(place, limits) == {
        "memory.max": "5", "memory.swap.max": "0", "pids.max": "9", "cpu.max": "50000 100000"
    }  # fmt: skip


def test_a_group_without_directories_has_nothing_in_it() -> None:
    group = Group("empty")
    assert (group.members(), group.memory_kills()) == (set(), 0)
    group.close()
