from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

from sandbox import MIB, InvalidSpecError, Limits, Sandbox, SandboxUnavailableError, SubmissionRejectedError
from sandbox.local.bubblewrap import BubblewrapSandbox
from sandbox.local.runtime import readable_by_others, runtime
from sandbox.testing import IsolationContract, a_spec, gone, processes_named, python


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    try:
        sandbox = BubblewrapSandbox()
    except SandboxUnavailableError as error:
        if os.environ.get("DGM_REQUIRE_DOCKER") == "1":
            raise
        pytest.skip(str(error))
    yield sandbox
    sandbox.close()


class TestBubblewrap(IsolationContract):
    pass


class TestUids:
    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can take other uids")
    def test_as_root_each_box_runs_as_an_unprivileged_uid_of_its_own(self, sandbox: Sandbox) -> None:
        marker = f"7{uuid.uuid4().int % 10**9}"
        uids: set[int] = set()

        def run() -> None:
            with sandbox.open(a_spec()) as box:
                box.exec(["sleep", f"2.{marker}"])

        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(run) for _ in range(2)]
            while not all(one.done() for one in done):
                for pid in processes_named(marker):
                    with contextlib.suppress(OSError):
                        uids.add(Path(f"/proc/{pid}").stat().st_uid)
                time.sleep(0.05)
        # What is not dumpable belongs to root in /proc, whoever runs it.
        assert len(uids - {0}) == 2
        assert all(40_000 <= uid < 60_000 for uid in uids - {0})

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else to try it")
    def test_without_root_it_works_too(self) -> None:
        code = (
            "from sandbox.local.bubblewrap import BubblewrapSandbox\n"
            "from sandbox import MIB, BoxSpec, Limits, self_test\n"
            "sandbox = BubblewrapSandbox()\n"
            "print(all(check.holds for check in self_test(sandbox)), 'all boxes run as' in sandbox.digests['weak'])\n"
            "with sandbox.open(BoxSpec(name='hog', kind='solve', limits=Limits(memory_bytes=128 * MIB))) as box:\n"
            "    ended = box.exec(['python3', '-c', 'a = []\\nwhile True: a.append(bytes(1 << 20))'])\n"
            "print(ended.out_of_memory or b'MemoryError' in ended.stderr)\n"
        )
        source, packages = Path(__file__).resolve().parents[2], Path(openai.__file__).parents[1]
        if not readable_by_others(source) or not readable_by_others(packages):
            pytest.skip("other users cannot read the source or the packages")
        made = runtime()
        interpreter = made.base / "bin" / Path(made.interpreter).name  # one that everybody can read
        with tempfile.TemporaryDirectory() as cache:
            os.chown(cache, 40_000, 40_000)
            env = {
                "PYTHONPATH": f"{source}:{packages}",
                "XDG_CACHE_HOME": cache,
                "PATH": os.environ["PATH"],
                "LD_LIBRARY_PATH": str(made.base / "lib"),
                "PYTHONDONTWRITEBYTECODE": "1",
            }
            done = subprocess.run(
                [interpreter, "-c", code],
                env=env,
                cwd="/",
                capture_output=True,
                text=True,
                user=40_000,
                group=40_000,
                extra_groups=[],
                check=False,
            )
        assert done.stdout == "True True\nTrue\n", done.stderr


def test_a_tree_nested_without_end_is_rejected_not_followed(sandbox: Sandbox) -> None:
    with sandbox.open(a_spec(workspace={"d/f": b"x"})) as box:
        box.exec(["sh", "-c", "mkdir deep && cd deep && for i in $(seq 80); do mkdir d && cd d; done"])
        with pytest.raises(SubmissionRejectedError, match="levels of directories"):
            box.get()


def test_a_door_that_the_box_cannot_reach_is_our_own_mistake(sandbox: Sandbox, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("without root the box has the uid of the search")
    (tmp_path / "door").mkdir()
    tmp_path.chmod(0o700)
    with pytest.raises(InvalidSpecError, match="may not enter"):
        sandbox.open(a_spec(door=tmp_path / "door"))


def test_no_installed_package_of_the_host_can_be_read(sandbox: Sandbox) -> None:
    """A package of the host may hold hidden tests, our own above all; a box has `openai` and nothing else."""
    code = (
        "import glob, sys\n"
        "roots = ['/usr/lib', '/usr/local/lib', sys.base_prefix + '/lib']\n"
        "print([p for r in roots for p in glob.glob(r + '/python3*/*-packages/*')])\n"
        "import openai\n"
    )
    with sandbox.open(a_spec()) as box:
        result = python(box, code)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == b"[]\n"


def test_bwrap_killed_from_outside_is_the_machines_failure(sandbox: Sandbox) -> None:
    """Nothing in a box reaches the process outside of its namespaces, so its death says nothing about what ran."""
    marker = f"7{uuid.uuid4().int % 10**9}"
    with sandbox.open(a_spec()) as box, ThreadPoolExecutor(1) as pool:
        running = pool.submit(box.exec, ["sleep", marker])
        while len(processes_named(marker)) < 3:  # bwrap, init, and the command, so that all is under way
            assert not running.done(), running.result()
            time.sleep(0.01)
        (outside,) = [pid for pid in processes_named(marker) if parent_of(pid) == os.getpid()]
        os.kill(outside, signal.SIGKILL)
        with pytest.raises(SandboxUnavailableError, match="signal 9 from outside"):
            running.result()
    assert gone(marker)


def test_a_box_ends_by_its_own_clock_when_its_driver_stands_still(sandbox: Sandbox) -> None:
    marker = f"7{uuid.uuid4().int % 10**9}"
    code = (
        "from sandbox.local.bubblewrap import BubblewrapSandbox; from sandbox.testing import a_spec\n"
        f"print(BubblewrapSandbox().open(a_spec()).exec(['sleep', '{marker}'], seconds=1).timed_out)"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=-1, text=True) as driver:
        while len(processes_named(marker)) < 4:  # the driver, bwrap, init, and the command
            assert driver.poll() is None
            time.sleep(0.01)
        driver.send_signal(signal.SIGSTOP)
        try:
            end = time.monotonic() + 60
            while len(processes_named(marker)) > 1:
                assert time.monotonic() < end, "it runs on"
                time.sleep(0.1)
        finally:
            driver.send_signal(signal.SIGCONT)
        assert driver.communicate(timeout=60)[0] == "True\n"


def parent_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


@pytest.mark.parametrize("room", [28, 96])
def test_a_tree_that_needs_more_memory_than_the_box_has_never_looks_like_an_outage(
    sandbox: Sandbox, room: int
) -> None:
    code = "for n in range(6): open(str(n), 'wb').write(bytes(8 << 20))"
    with sandbox.open(a_spec(limits=Limits(memory_bytes=room * MIB))) as box:
        for _ in "12":
            result = python(box, code)
            assert result.out_of_memory or result.exit_code is not None
