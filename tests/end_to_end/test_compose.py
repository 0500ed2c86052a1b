"""A search on a cluster of containers by compose.yaml, its sandboxes beside it on a real engine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from sandbox.docker.engine import Engine
from sandbox.docker.images import BASE_IMAGES
from tests.dgm.commands import ROOT
from tests.end_to_end.watch import Watch

KEY = "sk-of-nobody-5c1f0e"
SEARCH = "experiment=rehearsal budget.evaluations=20 budget.confirm=0 budget.test_repeats=0 display=plain"
SERVICES = ("head", "boxes", "worker", "search", "view")
HOSTS = """
import archive
rows = [row for entry in archive.open("/runs/trial").entries() for row in entry.rows]
print(*{row.digests["host"] for row in rows if isinstance(row, archive.Evaluation | archive.Expansion)})
"""
"""Prints where the jobs of the run were done."""

PROJECT = "com.docker.compose.project"


def in_the_image() -> list[Path]:
    """The files that the image of the program is made of."""
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    found = [ROOT / "Dockerfile", ROOT / "scripts/node-image"]
    for name in kept:
        path = ROOT / name
        found += [path] if path.is_file() else path.rglob("*")
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    """The image of the program as it is now, made once."""
    if not shutil.which("docker-compose"):
        if os.environ.get("DGM_REQUIRE_DOCKER") == "1":
            raise RuntimeError("docker-compose is missing: apt-get install docker-compose")
        pytest.skip("no docker-compose")
    base, found = next((name, one) for name in BASE_IMAGES if (one := engine.image(name)))
    digest = hashlib.sha256(found[0].encode())
    for path in in_the_image():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    name = f"dgm-node:{digest.hexdigest()[:16]}"
    if engine.image(name) is None:
        environment = {**os.environ, "BASE_IMAGE": base, "PYTHON": sys.executable}
        made = subprocess.run(
            [ROOT / "scripts/node-image", name],
            env=environment, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
    return name


class Compose:
    """docker-compose on compose.yaml, as a project of its own."""

    def __init__(self, project: str, environment: Mapping[str, str]) -> None:
        self.project = project
        self.sockets = environment["DGM_SOCKETS"]
        self._environment = {**os.environ, "COMPOSE_HTTP_TIMEOUT": "300", **environment}

    def __call__(self, *words: str) -> str:
        done = self.tried(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tried(self, *words: str, **other: str) -> subprocess.CompletedProcess[str]:
        """As it came out, with `other` variables of the environment."""
        return subprocess.run(
            ["docker-compose", "--ansi", "never", "--project-name", self.project, *words],
            cwd=ROOT, env=self._environment | other, capture_output=True, text=True, timeout=1200, check=False,
        )  # fmt: skip

    def containers(self, service: str) -> list[Any]:
        """What the engine says of a service's containers."""
        names = self("ps", "--quiet", service).split()
        told = subprocess.run(["docker", "inspect", *names], capture_output=True, text=True, check=True)
        found: list[Any] = json.loads(told.stdout)
        return found


@pytest.fixture
def compose(image: str, engine: Engine) -> Iterator[Compose]:
    # A short path below /tmp: those of Unix sockets end at 107 characters.
    with tempfile.TemporaryDirectory(prefix="dgm-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        token = Path(folder) / "token"
        token.write_text(os.urandom(32).hex())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        project = f"dgm-test-{os.getpid()}"
        environment = {
            "DGM_NODE_IMAGE": image,
            "DGM_ENGINE_SOCKET": os.environ.get("DOCKER_HOST", "/var/run/docker.sock").removeprefix(
                "unix://"
            ),
            "DGM_SOCKETS": f"{folder}/sockets",
            "DGM_RAY_TOKEN": str(token),
            "DGM_PORT": str(port),
            "DGM_SEARCH": SEARCH,
            "OPENAI_API_KEY": KEY,
        }
        compose = Compose(project, environment)
        try:
            yield compose
        finally:
            compose("down", "--volumes", "--timeout", "20")
        assert engine.containers({PROJECT: project}) == []
        assert engine.volumes({PROJECT: project}) == []


def beside(watch: Watch, compose: Compose) -> list[Any]:
    """The boxes of the watched ones that workers of this project made: they share the place of its sockets."""
    labels = "Config", "Labels"
    doors = [(one, door) for one in watch.seen.values() if (door := door_of(one))]
    ours = {
        one[labels[0]][labels[1]]["dgm.place"] for one, door in doors if door.is_relative_to(compose.sockets)
    }
    return [one for one in watch.seen.values() if one[labels[0]][labels[1]]["dgm.place"] in ours]


def door_of(box: Any) -> Path | None:
    """The directory on the machine that holds the socket of a box's gateway."""
    found = [mount["Source"] for mount in box["Mounts"] if mount["Destination"] == "/door"]
    return Path(found[0]) if found else None


def status(address: str) -> int:
    try:
        with urlopen(address, timeout=60) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


@pytest.mark.docker
def test_a_socket_that_is_not_there_is_named_and_not_made(compose: Compose) -> None:
    missing = Path(compose.sockets).with_name("docker.sock")
    for service in ("boxes", "worker", "search"):
        words = ("up", "--detach", "--no-build", "--no-deps", service)
        refused = compose.tried(*words, DGM_ENGINE_SOCKET=str(missing))
        assert refused.returncode != 0
        assert f"does not exist: {missing}" in refused.stderr
        assert not missing.exists()


@pytest.mark.docker
@pytest.mark.timeout(1800)
def test_a_search_on_two_workers_in_containers(compose: Compose, engine: Engine) -> None:
    with Watch(engine, every_s=0.2) as watch:
        compose("up", "--detach", "--no-build")
        [search] = compose.containers("search")
        waiting = ["docker", "wait", search["Id"]]
        ended = subprocess.run(waiting, capture_output=True, text=True, timeout=1200, check=True)
    said = compose("logs", "--no-color", "search")
    assert ended.stdout.strip() == "0", said

    # All of it is there, in the volume, and whole.
    tree = json.loads(compose("exec", "-T", "view", "dgm", "tree", "trial", "--json"))
    assert tree["agents"][0]["clade_evaluations"] == 20
    compose("exec", "-T", "--user", "root", "view", "dgm", "verify", "trial")

    # Both workers ran jobs, in boxes beside them; workers and the search know the key, no box does.
    hosts = {one["Config"]["Hostname"] for one in compose.containers("worker")}
    assert set(compose("exec", "-T", "view", "python3", "-c", HOSTS).split()) == hosts
    assert len(hosts) == 2
    boxes = beside(watch, compose)
    assert {box["Config"]["Labels"]["dgm.kind"] for box in boxes} >= {"solve", "improve", "grade"}
    assert KEY not in json.dumps(boxes)
    knowing = {name for name in SERVICES for one in compose.containers(name) if KEY in json.dumps(one)}
    assert knowing == {"worker", "search"}

    # The page is for who knows its token, on this machine; nothing else can be reached from outside.
    address = re.findall(r"http://\S+/", compose("logs", "--no-color", "view"))[-1]
    assert status(address) == 200
    assert status(address[:-3] + "/") in (403, 404)
    ports = {name: one["HostConfig"]["PortBindings"] for name in SERVICES for one in compose.containers(name)}
    published = [
        binding["HostIp"] for of_one in ports.values() for port in of_one.values() for binding in port
    ]
    assert published == ["127.0.0.1"]

    # The cluster is for who knows its token.
    stranger = compose.tried("exec", "-T", "-e", "RAY_AUTH_TOKEN=of-a-stranger", "head", "ray", "status")
    assert stranger.returncode != 0
    assert "InvalidAuthToken" in stranger.stderr + stranger.stdout

    compose("down", "--volumes")
    left = {box["Config"]["Labels"]["dgm.place"] for box in boxes}
    assert [one for place in left for one in engine.containers({"dgm.place": place})] == []
    assert [one for place in left for one in engine.volumes({"dgm.place": place})] == []
