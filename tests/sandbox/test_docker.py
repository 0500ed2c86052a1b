from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox import (
    BoxEndedError,
    BoxSpec,
    ImageMissingError,
    InvalidSpecError,
    Limits,
    SandboxUnavailableError,
    self_test,
)
from sandbox.base import MEET, MIB
from sandbox.docker import config, images
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.box import DockerBox, open_door
from sandbox.docker.engine import Engine, EngineError
from sandbox.docker.pair import IN_PLACE
from sandbox.docker.reaper import reap
from sandbox.docker.removals import Removals
from sandbox.docker.room import Floors
from sandbox.place import Place
from sandbox.testing import IsolationContract, a_spec, gateway, gateway_in, gone, python

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def sandbox(docker_sandbox: DockerSandbox) -> DockerSandbox:
    return docker_sandbox


class TestDocker(IsolationContract):
    pass


class TestHardening:
    def test_the_self_test_passes(self, sandbox: DockerSandbox) -> None:
        assert [check for check in self_test(sandbox) if not check.holds] == []

    def test_the_engine_was_told_everything(self, sandbox: DockerSandbox) -> None:
        with gateway() as door, sandbox.open(a_spec(door=door)) as box:
            seen: Mapping[str, Any] = sandbox.engine.inspect(box.container)
        host, config = seen["HostConfig"], seen["Config"]
        assert (host["NetworkMode"], host["ReadonlyRootfs"], host["CapDrop"]) == ("none", True, ["ALL"])
        assert host["SecurityOpt"][0] == "no-new-privileges"
        assert (
            json.loads(host["SecurityOpt"][1].removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
        )
        assert (host["Privileged"], host["CapAdd"], host["Devices"] or [], host["Binds"]) == (
            False,
            None,
            [],
            None,
        )
        assert (host["PidMode"], host["UTSMode"], host["IpcMode"], host["UsernsMode"]) == (
            "",
            "",
            "private",
            "",
        )
        assert host["Memory"] == host["MemorySwap"] > 0
        assert host["PidsLimit"] > 0
        assert host["NanoCpus"] == 10**9
        assert host["LogConfig"]["Type"] == "none"
        assert host["Init"] is True
        assert config["User"] == "10001:10001"
        assert [(m["Type"], m["Destination"], m["RW"]) for m in seen["Mounts"] if m["Type"] == "bind"] == [
            ("bind", "/door", False)
        ]

    def test_the_filter_leaves_the_ordinary_alone_and_closes_the_rest(self, sandbox: DockerSandbox) -> None:
        code = """
import asyncio, ctypes, errno, multiprocessing, os, socket, subprocess, tempfile, threading
async def main():
    process = await asyncio.create_subprocess_exec('echo', 'x', stdout=subprocess.PIPE)
    assert (await process.communicate())[0] == b'x\\n'
    server = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert await reader.read() == b''
asyncio.run(main())
multiprocessing.get_context('fork').Lock()
socket.getaddrinfo('127.0.0.1', 80)
libc = ctypes.CDLL(None, use_errno=True)
def closed(name, *arguments):
    assert libc.syscall(*arguments) < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS), name
closed('unshare', 272, 0x10000000)
closed('clone into a user namespace', 56, 0x10000000 | 17, 0, 0, 0, 0)
closed('ptrace', 101, 0, 0, 0, 0)
closed('process_vm_readv', 310, 1, 0, 0, 0, 0, 0)
closed('bpf', 321, 0, 0, 0)
closed('perf_event_open', 298, 0, 0, 0, 0, 0)
closed('userfaultfd', 323, 0)
closed('add_key', 248, 0, 0, 0, 0, 0)
closed('mount', 165, 0, 0, 0, 0, 0)
closed('io_uring_setup', 425, 1, 0)
print('fine')
"""
        with sandbox.open(a_spec()) as box:
            result = python(box, code)
        assert result.stdout == b"fine\n", result

    def test_the_agent_cannot_reach_the_socket_past_the_relay(self, sandbox: DockerSandbox) -> None:
        code = "import socket; print(socket.socket(socket.AF_UNIX).connect_ex('/door/gateway.sock'))"
        with gateway() as door, sandbox.open(a_spec(door=door)) as box:
            reached = python(box, code).stdout
            assert box.exec(["rm", "-f", "/door/gateway.sock"]).exit_code != 0
        assert reached == (b"13\n" if os.geteuid() == 0 else b"0\n")

    def test_a_gateway_that_is_started_again_in_mid_run_is_a_502_and_then_an_answer(
        self, sandbox: DockerSandbox
    ) -> None:
        fetch = (
            "import sys, time, urllib.error, urllib.request\n"
            "seen = []\n"
            "while seen[-3:] != [200, 502, 200]:\n"
            "    try: status = urllib.request.urlopen(sys.argv[1]).status\n"
            "    except urllib.error.HTTPError as error: status = error.code\n"
            "    except OSError: continue\n"  # it went in the middle of an answer
            "    seen += [status] if seen[-1:] != [status] else []\n"
            "    time.sleep(0.02)\n"
            "print(set(seen))\n"
        )
        with tempfile.TemporaryDirectory(prefix="dgm-door-") as name:
            door, over = Path(name), threading.Event()

            def come_and_go() -> None:
                while not over.is_set():
                    with gateway_in(door):
                        open_door(door)
                        over.wait(1.0)
                    over.wait(1.0)

            coming = threading.Thread(target=come_and_go)
            coming.start()
            with sandbox.open(a_spec(door=door)) as box:
                result = python(box, fetch, f"{box.base_url}/models", seconds=90)
            over.set()
            coming.join()
        assert (result.exit_code, result.stdout) == (0, b"{200, 502}\n"), result

    def test_killing_everything_leaves_the_relay_alive(self, sandbox: DockerSandbox) -> None:
        fetch = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)"
        with gateway() as door, sandbox.open(a_spec(door=door)) as box:
            box.exec(["sh", "-c", "kill -9 -1"])
            assert python(box, fetch, f"{box.base_url}/models").stdout == b"200\n"

    def test_running_out_of_memory_is_recognised_and_the_box_lives_on(self, sandbox: DockerSandbox) -> None:
        limits = Limits(memory_bytes=64 * MIB, disk_bytes=8 * MIB)
        with sandbox.open(a_spec(workspace={"f": b"x"}, limits=limits)) as box:
            result = python(box, "bytearray(400 << 20)", seconds=30)
            assert (result.exit_code, result.out_of_memory, result.timed_out) == (None, True, False)
            assert box.exec(["sh", "-c", "kill -9 $$"]).exit_code == 137  # not every 137 is the memory limit
            assert box.get() == {"f": b"x"}


class TestLife:
    def test_a_closed_box_leaves_no_container_and_no_volume(self, sandbox: DockerSandbox) -> None:
        labels = {"dgm.instance": sandbox.instance}
        with sandbox.open(a_spec()):
            assert len(sandbox.engine.containers(labels)) == 1
            assert len(sandbox.engine.volumes(labels)) == 1
        assert sandbox.engine.containers(labels) == []
        assert sandbox.engine.volumes(labels) == []

    def test_a_container_that_vanishes_under_a_command_is_the_engines_fault(
        self, sandbox: DockerSandbox
    ) -> None:
        with sandbox.open(a_spec()) as box:
            killer = threading.Timer(0.5, sandbox.engine.kill, [box.container])
            killer.start()
            with pytest.raises(SandboxUnavailableError):
                box.exec(["sleep", "20"])
            killer.join()
            with pytest.raises((SandboxUnavailableError, BoxEndedError)):
                box.get()

    def test_a_lost_workspace_is_never_read_as_an_empty_one(self, sandbox: DockerSandbox) -> None:
        with sandbox.open(a_spec(workspace={"f": b"x"})) as box:
            sandbox.engine.kill(box.container)
            with pytest.raises(EngineError):
                box.get()

    def test_a_box_goes_on_after_its_workspace_was_read(self, sandbox: DockerSandbox) -> None:
        with sandbox.open(a_spec(workspace={"f": b"x"})) as box:
            assert box.get() == {"f": b"x"}
            assert box.exec(["sh", "-c", "echo y > f"]).exit_code == 0
            assert box.get() == {"f": b"y\n"}

    def test_a_box_is_removed_after_its_workspace_was_taken(self, sandbox: DockerSandbox) -> None:
        box = sandbox.open(a_spec(workspace={"f": b"x"}))
        assert box.take() == {"f": b"x"}
        sandbox.settle()
        identities = [
            identity for identity, _ in sandbox.engine.containers({config.INSTANCE: sandbox.instance})
        ]
        assert box.container not in identities

    def test_python_in_a_pair_runs_in_the_interpreter_that_joined_it(self, sandbox: DockerSandbox) -> None:
        code = "import sys; print(__name__, sys.argv, sys.flags.no_site, sys.flags.hash_randomization)\nsys.exit(4)"
        with sandbox.open(a_spec(kind="grade")) as box:
            result = box.exec_pair([*IN_PLACE, code, "word"], ["true"], env={"PYTHONHASHSEED": "0"})
        assert (result.exit_code, result.stdout) == (4, b"__main__ ['-c', 'word'] 1 0\n"), result

    def test_the_beginning_of_a_pairs_program_runs_before_the_other_half_is_there(
        self, sandbox: DockerSandbox
    ) -> None:
        code = "import os\nopen('/tmp/ahead', 'w').close()\nn = 3" + MEET + "print(os.get_inheritable(n))"
        late = ["sh", "-c", "while ! [ -e /tmp/ahead ]; do sleep 0.01; done"]
        meets_only_then = [*IN_PLACE, f"import subprocess; subprocess.run({late}, check=True)" + MEET]
        with sandbox.open(a_spec(kind="grade")) as box:
            result = box.exec_pair([*IN_PLACE, code], meets_only_then, seconds=60)
        assert (result.exit_code, result.stdout) == (0, b"True\n"), result

    def test_a_box_that_grades_has_no_door_and_other_boxes_have_no_pair(self, sandbox: DockerSandbox) -> None:
        with gateway() as door, pytest.raises(InvalidSpecError):
            sandbox.open(a_spec(kind="grade", door=door))
        with sandbox.open(a_spec()) as box, pytest.raises(InvalidSpecError):
            box.exec_pair(["true"], ["true"])

    def test_a_flood_is_cut_and_still_killed_at_once(self, sandbox: DockerSandbox) -> None:
        with sandbox.open(a_spec(limits=Limits(output_bytes=1000))) as box:
            began = time.monotonic()
            result = box.exec(["sh", "-c", "yes & yes >&2"], seconds=3.0)
            assert (result.timed_out, len(result.stdout), result.truncated) == (True, 1000, True)
        assert (
            time.monotonic() - began < 18
        )  # the engine takes ten seconds to kill and ten to remove otherwise

    def test_a_box_that_is_full_of_processes_can_only_fail_its_own_commands(
        self, sandbox: DockerSandbox
    ) -> None:
        bomb = "while :; do sleep 1000 > /dev/null 2>&1 & done"
        with sandbox.open(a_spec(workspace={"f": b"x"}, limits=Limits(processes=20))) as box:
            assert box.exec(["sh", "-c", bomb], seconds=60).exit_code == 2  # cannot fork
            assert box.exec(["true"]).exit_code in (0, 126)
            assert box.get() == {"f": b"x"}


class TestRoom:
    def test_places_are_shared_by_all_processes_and_waiting_for_one_is_told(
        self, engine: Engine, place: Place
    ) -> None:
        one, other = DockerSandbox(running=1, place=place), DockerSandbox(running=1, place=place)
        first = one.open(a_spec())
        second: list[DockerBox] = []
        thread = threading.Thread(target=lambda: second.append(other.open(a_spec())))
        thread.start()
        thread.join(0.7)
        assert second == []
        first.close()
        thread.join(60)
        assert second[0].queued_s > 0
        other.close()
        one.close()

    def test_who_finds_no_place_is_told_what_to_do(self, engine: Engine, place: Place) -> None:
        sandbox = DockerSandbox(running=1, place=place, patience=0.1)
        with (
            sandbox.open(a_spec()),
            pytest.raises(SandboxUnavailableError, match=r"no place .* 1 run at once"),
        ):
            sandbox.open(a_spec())
        sandbox.close()

    @pytest.mark.parametrize(
        ("floors", "told"),
        [
            (Floors(disk_bytes=1 << 60), r"1099511627776 MiB must be free in .*make room"),
            (Floors(memory_bytes=1 << 60), r"1099511627776 MiB of memory must be available .*workers.slots"),
        ],
        ids=["disk", "memory"],
    )
    def test_nothing_starts_below_a_floor(
        self, engine: Engine, place: Place, floors: Floors, told: str
    ) -> None:
        sandbox = DockerSandbox(place=place, floors=floors, patience=0.1)
        with pytest.raises(SandboxUnavailableError, match=told):
            sandbox.open(a_spec())
        assert engine.containers({"dgm.instance": sandbox.instance}) == []
        sandbox.close()


class TestRemovals:
    def test_what_could_not_be_removed_is_tried_again(self) -> None:
        tried: list[str] = []

        def remove(container: str) -> None:
            tried.append(container)
            if len(tried) == 1:
                raise SandboxUnavailableError("the engine is away")

        removals, done = Removals(remove), threading.Event()
        removals.begin("one", done.set)
        removals.settle()
        assert done.is_set()
        removals.again()
        removals.again()
        removals.close()
        assert tried == ["one", "one"]
        removals.begin("two", done.clear)
        assert (tried[2:], done.is_set()) == (["two"], False)

    def test_what_cannot_be_removed_at_once_fails_nobody(self) -> None:
        def refuse(container: str) -> None:
            raise SandboxUnavailableError("device or resource busy")

        done: list[bool] = []
        Removals(refuse).now("one", lambda: done.append(True))
        assert done == [True]


class TestReaper:
    def test_a_container_past_its_deadline_goes(self, engine: Engine, place: Place) -> None:
        sandbox = DockerSandbox(place=place)
        with sandbox.open(a_spec()) as box:
            later = time.time() + 10_000
            assert reap(engine, place) == 0
            assert reap(engine, place, now=later) == 1
            with pytest.raises(SandboxUnavailableError):
                box.exec(["true"])
        sandbox.close()

    def test_a_container_ends_by_itself(self, sandbox: DockerSandbox) -> None:
        spec = BoxSpec(name="short", kind="solve")
        labels = {"dgm.instance": sandbox.instance}
        made = config.container(spec, image=sandbox.digests["agent_image"], labels=labels)
        *command, seconds = config.main_process(spec)
        assert float(seconds) == config.lifetime(spec)
        made["Cmd"] = [*command, "0.5"]
        container = sandbox.engine.create(made, f"dgm-short-{sandbox.instance}")
        sandbox.engine.start(container)
        end = time.monotonic() + 60
        while sandbox.engine.containers(labels) and time.monotonic() < end:
            time.sleep(0.1)
        assert sandbox.engine.containers(labels) == []
        assert sandbox.engine.volumes(labels) == []


class TestImages:
    def test_a_missing_image_says_what_to_do(self, engine: Engine) -> None:
        with pytest.raises(ImageMissingError, match="dgm images build"):
            images.find(engine, "no-such-base")

    def test_a_base_that_cannot_be_had_names_the_script_that_makes_one(self, engine: Engine) -> None:
        with pytest.raises(SandboxUnavailableError, match="scripts/base-image"):
            images.build(engine, "localhost:1/no-such-base:1")

    def test_images_are_named_by_what_is_in_them(self, engine: Engine, sandbox: DockerSandbox) -> None:
        found = images.build(engine)
        assert (found.agent, found.grader) == (
            sandbox.digests["agent_image"],
            sandbox.digests["grader_image"],
        )
        assert found.agent.startswith("sha256:")
        assert found.agent != found.grader

    def test_there_are_no_programs_that_change_the_user(self, sandbox: DockerSandbox) -> None:
        for kind in ("solve", "grade"):
            with sandbox.open(a_spec(kind=kind)) as box:
                found = box.exec(
                    ["find", "/usr", "/bin", "/sbin", "/opt", "-xdev", "-perm", "/6000", "-type", "f"]
                )
                assert found.stdout == b""


def test_nothing_is_left_of_a_background_process(sandbox: DockerSandbox) -> None:
    marker = f"7{time.time_ns() % 10**9}"
    with sandbox.open(a_spec()) as box:
        box.exec(["sh", "-c", f"setsid sleep {marker} > /dev/null 2>&1 &"])
    assert gone(marker)
