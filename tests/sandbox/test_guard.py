"""What is refused of an engine, what is only told, and what of it a row keeps."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import Check, SandboxUnavailableError, open_sandbox
from sandbox.docker import Engine, guard
from sandbox.docker.backend import SHARED_DOOR, DockerSandbox
from sandbox.docker.guard import EngineFacts
from sandbox.place import Place
from sandbox.selftest import answers
from sandbox.testing import a_spec

ROOT = Path(__file__).parents[2]
GOOD = EngineFacts(
    version="28.2.2",
    runc="1.3.3",
    runtimes=("crun", "runc", "runsc"),
    default_runtime="runc",
    storage="overlay2",
    cgroup="2",
    seccomp=True,
    data_root="/var/lib/docker",
    cores=4,
)


@pytest.mark.parametrize(
    ("changes", "runtime", "told"),
    [
        ({"version": "19.03.15"}, None, "the engine is 19.03.15; 20.10 or newer is needed"),
        ({"version": ""}, None, "of unknown age"),
        ({"seccomp": False}, None, "does not filter system calls"),
        ({"default_runtime": "mystery"}, None, "default runtime is 'mystery'.*sandbox.runtime"),
        ({}, "kata", "no runtime 'kata', only crun, runc, runsc; add it to the engine's daemon.json"),
        ({}, "--privileged", "no runtime '--privileged'"),
        ({}, "", "no runtime ''"),
    ],
)
def test_an_engine_that_will_not_do_is_refused(
    changes: dict[str, object], runtime: str | None, told: str
) -> None:
    with pytest.raises(SandboxUnavailableError, match=told):
        guard.check(replace(GOOD, **changes), runtime)  # type: ignore[arg-type]


@pytest.mark.parametrize("runtime", [None, "runc", "crun", "runsc"])
def test_an_engine_that_will_do(runtime: str | None) -> None:
    guard.check(GOOD, runtime)
    guard.check(replace(GOOD, version="20.10.24+dfsg1", default_runtime="crun"), runtime)
    guard.check(replace(GOOD, default_runtime="mystery"), runtime or "runc")


@pytest.mark.parametrize(
    ("runc", "old"),
    [
        ("1.1.5+ds1", True), ("1.2.7", True), ("1.2.8", False), ("1.3.2", True), ("1.3.3", False),
        ("1.4.0-rc.2", True), ("1.4.0-rc.3", False), ("1.4.0", False), ("v1.10.0", False), ("2.0.0", False),
        ("unknown", True),
    ],
)  # fmt: skip
def test_a_runc_from_before_the_fixes_is_told(runc: str, old: bool) -> None:
    warnings = guard.warnings(replace(GOOD, runc=runc))
    assert [f"runc {runc} is older" in warning for warning in warnings] == [True] * old
    assert guard.warnings(replace(GOOD, runc="")) == ()


def test_the_answers_of_a_self_test_are_the_same_however_they_were_worded() -> None:
    one = (Check(name="a", holds=True, seen="0.1 s"), Check(name="b", holds=True, seen="12 processes"))
    other = (Check(name="b", holds=True, seen="9 processes"), Check(name="a", holds=True, seen="0.3 s"))
    assert answers(one) == answers(other) == "held: a, b"
    assert answers((one[0], replace(one[1], holds=False))) == "held: a; did not hold: b"


@pytest.mark.docker
def test_a_runtime_is_handed_to_containers_and_kept_with_the_self_test(engine: Engine, place: Place) -> None:
    chosen = "io.containerd.runc.v2"  # what every engine of these versions has beside its default
    if chosen not in guard.facts(engine).runtimes:
        pytest.skip(f"this engine has no {chosen}")
    sandbox = DockerSandbox(place=place, runtime=chosen)
    with sandbox.open(a_spec()) as box:
        assert engine.inspect(box.container)["HostConfig"]["Runtime"] == chosen
        assert box.exec(["true"]).exit_code == 0
    sandbox.close()
    opened = open_sandbox("docker", runtime=chosen)
    opened.close()
    assert opened.digests["runtime"].startswith(chosen)
    assert opened.digests["selftest"].startswith("held: host files hidden, ")
    assert "did not hold" not in opened.digests["selftest"]
    with pytest.raises(SandboxUnavailableError, match=r"no runtime 'no-such'.*runc"):
        open_sandbox("docker", runtime="no-such")


@pytest.mark.docker
def test_an_engine_that_is_full_of_ours_is_refused(engine: Engine, place: Place) -> None:
    sandbox = DockerSandbox(place=place)
    with sandbox.open(a_spec()):
        guard.check_load(engine, replace(guard.facts(engine), cores=1000))
        with pytest.raises(SandboxUnavailableError, match="containers of dgm run on this engine, at most 0"):
            guard.check_load(engine, replace(guard.facts(engine), cores=0))
    sandbox.close()


@pytest.fixture
def door() -> Iterator[Path]:
    """A directory as the gateway makes them, of a user who is not root."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    with tempfile.TemporaryDirectory(prefix="d") as parent:
        Path(parent).chmod(0o711)
        path = Path(parent) / "0123456789abcdef"
        path.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path / "gateway.sock"))
            listener.listen()
            (path / "gateway.sock").chmod(0o600)
            for owned in (Path(parent), path, path / "gateway.sock"):
                os.chown(owned, 4321, 4321)
            yield path


def as_uid(uid: int, imports: str, code: str, *words: str, gid: int | None = None) -> str:
    """What Python code says that runs as another user; its imports are done before, since the rest may be closed."""
    drop = f"import os\nos.setgroups([])\nos.setgid({uid if gid is None else gid})\nos.setuid({uid})\n"
    command = [sys.executable, "-c", f"{imports}\n{drop}{code}", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr[-500:]


def test_a_driver_that_is_not_root_opens_the_door_to_whoever_knows_its_name(door: Path) -> None:
    opening = "open_door(pathlib.Path(sys.argv[1]))"
    enter = (
        "print(socket.socket(socket.AF_UNIX).connect_ex(sys.argv[1] + '/gateway.sock'))\n"
        "for path in (sys.argv[1], os.path.dirname(sys.argv[1])):\n"
        "    try: print(os.listdir(path))\n"
        "    except PermissionError: print('hidden')\n"
    )
    assert as_uid(10001, "import socket, sys", enter, str(door)).splitlines()[0] == "13"
    imports = "import pathlib, sys; from sandbox.docker.box import open_door"
    assert as_uid(4321, imports, opening, str(door)) == ""
    assert stat.S_IMODE((door / "gateway.sock").stat().st_mode) == 0o666
    assert stat.S_IMODE(door.stat().st_mode) == 0o711
    assert as_uid(10001, "import socket, sys", enter, str(door)).splitlines() == ["0", "hidden", "hidden"]


@pytest.mark.docker
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_driver_that_is_not_root_says_so_in_every_row(engine: Engine) -> None:
    code = (
        "sandbox = DockerSandbox(place=Place(Path(sys.argv[1]) / 'place'))\n"
        "fetch = 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)'\n"
        "with gateway() as door, sandbox.open(a_spec(door=door)) as box:\n"
        "    print(python(box, fetch, f'{box.base_url}/models').stdout)\n"
        "print(sandbox.digests['weak'])\n"
        "sandbox.close()\n"
    )
    imports = (
        "import sys\nfrom pathlib import Path\n"
        "import encodings.idna, docker.transport\n"
        "from sandbox.docker import DockerSandbox\nfrom sandbox.place import Place\n"
        "from sandbox.testing import a_spec, gateway, python\n"
        "from sandbox.docker.config import seccomp; seccomp()\n"
    )
    url = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not url.startswith("unix://"):
        pytest.skip("the engine is not on this machine")
    group = Path(url.removeprefix("unix://")).stat().st_gid  # as members of the group `docker` do
    with tempfile.TemporaryDirectory(prefix="d") as scratch:
        os.chown(scratch, 4321, 4321)
        said = as_uid(4321, imports, code, scratch, gid=group)
    answered, weak = said.splitlines()
    assert answered == "b'200\\n'"
    assert SHARED_DOOR in weak
