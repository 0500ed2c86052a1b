"""A Ray cluster of several machines on this one: each node in processes, a network and a directory of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from tests.dgm.workers.contract import scratch_directory

RAY = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats")
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "5",
}
"""A node that stands still is given up after seconds, not after half a minute."""


def within(seconds: float, holds: Callable[[], object]) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@contextlib.contextmanager
def bare_head() -> Iterator[Cluster]:
    """A head without room for jobs, whose nodes are processes at one address, with temporary files of its own."""
    with pytest.MonkeyPatch.context() as environment, scratch_directory() as scratch:
        environment.setenv("TMPDIR", scratch)
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def marked(mark: str, *words: str) -> list[int]:
    """Processes with `mark` in their environment and one of `words`, if any, in their command line or title."""
    found = []
    for directory in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if directory.name.isdigit() and mark.encode() in (directory / "environ").read_bytes():
                line = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if line and (not words or any(word in line for word in words)):
                    found.append(int(directory.name))
    return found


class Machine:
    """One node. Its processes can be killed, or stopped for a while, all or those with a word in their title."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.mark = environment["DGM_TEST"]
        self._command = command
        self._environment = {**os.environ, **environment}
        self._log = log
        self.lost = False
        """Whether a test has ended it for good."""
        self._start()

    def _start(self) -> None:
        with self._log.open("wb") as told:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )

    def wait(self, within_s: float = 300.0) -> None:
        """Until it has joined. Where this machine was too busy for Ray's patience it begins again."""
        end = time.monotonic() + within_s
        while b"Ray runtime started" not in self._log.read_bytes():
            if self._process.poll() is not None:
                self.end()
                self._start()
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.1)

    def pids(self, *words: str) -> list[int]:
        return marked(self.mark, *words)

    def signal(self, number: signal.Signals, *words: str, most: int | None = None) -> int:
        """To how many processes it went, at most to so many."""
        pids = self.pids(*words)[:most]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return len(pids)

    def kill(self) -> int:
        """As when its machine loses power."""
        return self.signal(signal.SIGKILL)

    def end(self) -> None:
        while self.kill():
            time.sleep(0.05)
        self._process.wait()


class Machines:
    """A head without room for jobs on this machine, and the nodes that are added to it."""

    def __init__(self, scratch: Path, address: str, bridge: str | None) -> None:
        self._scratch = scratch
        self._ip = address
        self._bridge = bridge
        self._spaces: list[str] = []
        port = _free_port(address)
        self.address = f"{address}:{port}"
        head = ["--head", f"--port={port}", f"--node-ip-address={address}", "--num-cpus=0"]
        self.nodes: list[Machine] = []
        self._started = 0
        self.head = self._start([], [*head, "--include-dashboard=false"], "h")
        assert within(120, lambda: _listens(address, port)), "the head does not answer"

    def add(self, slots: int) -> Machine:
        """A node, which joins soon."""
        self._started += 1
        number = self._started
        inside: list[str] = []
        place = "127.0.0.1"
        if self._bridge:
            space = f"{self._bridge}n{number}"
            place = f"{self._ip.rpartition('.')[0]}.{number + 1}"
            self._spaces.append(space)
            _network(space, self._bridge, place)
            inside = ["ip", "netns", "exec", space]
        joins = [f"--address={self.address}", f"--num-cpus={slots}", f"--node-ip-address={place}"]
        node = self._start(inside, joins, f"n{number}")
        self.nodes.append(node)
        return node

    @property
    def living(self) -> list[Machine]:
        return [node for node in self.nodes if not node.lost]

    def wait(self) -> None:
        """Until all nodes have joined."""
        for node in self.living:
            node.wait()

    def close(self) -> None:
        for node in [*self.nodes, self.head]:
            node.end()
        for space in self._spaces:
            _ip("netns", "del", space)

    def _start(self, inside: list[str], words: list[str], name: str) -> Machine:
        own = self._scratch / name
        own.mkdir(exist_ok=True)
        environment = {**ENVIRONMENT, "DGM_TEST": uuid.uuid4().hex, "TMPDIR": str(own)}
        return Machine([*inside, *RAY, *words, f"--temp-dir={own}"], environment, own / "ray.log")


@contextlib.contextmanager
def machines(scratch: Path) -> Iterator[Machines]:
    """Networks of their own where we may have them; else all nodes are at one address."""
    bridge = f"dgm{uuid.uuid4().hex[:6]}"  # a name is free again only some time after its link is gone
    address = f"10.{100 + os.getpid() % 100}.{os.getpid() // 100 % 200}.1"
    apart = _ip("link", "add", bridge, "type", "bridge")
    try:
        if apart:
            _ip("addr", "add", f"{address}/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
        cluster = Machines(scratch, address if apart else "127.0.0.1", bridge if apart else None)
        try:
            yield cluster
        finally:
            cluster.close()
    finally:
        if apart:
            _ip("link", "del", bridge)


def _network(space: str, bridge: str, address: str) -> None:
    outside, inside = f"{space}o", f"{space}i"
    for words in (
        f"netns add {space}",
        f"link add {outside} type veth peer name {inside} netns {space}",
        f"link set {outside} master {bridge} up",
        f"-n {space} addr add {address}/24 dev {inside}",
        f"-n {space} link set {inside} up",
        f"-n {space} link set lo up",
    ):
        assert _ip(*words.split()), f"`ip {words}` failed"


def _ip(*words: str) -> bool:
    try:
        return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _free_port(address: str) -> int:
    with socket.socket() as end:
        end.bind((address, 0))
        return int(end.getsockname()[1])


def _listens(address: str, port: int) -> bool:
    with socket.socket() as end:
        end.settimeout(1.0)
        return end.connect_ex((address, port)) == 0
