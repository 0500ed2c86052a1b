"""Programs that look for a way out of the box: over the network, over files, over other processes."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.docker.backend import DockerSandbox
from sandbox.docker.box import DockerBox
from sandbox.docker.config import BOX, MASKED, RELAY_UID
from sandbox.testing import a_spec, gateway
from tests.hostile.helpers import attack

pytestmark = pytest.mark.docker


NAME = f"job-{uuid.uuid4().hex}"
"""A job's id: a label of its container, which the inside has no way to see."""


@pytest.fixture(scope="module")
def door() -> Iterator[Path]:
    with gateway() as door:
        yield door


@pytest.fixture(scope="module")
def box(docker: DockerSandbox, door: Path) -> Iterator[DockerBox]:
    """A box like an agent's, with a door and a readable area."""
    spec = a_spec(name=NAME, door=door, areas={"agent": {"agent.py": b"print('agent')"}})
    with docker.open(spec) as box:
        yield box


def relay_answers(box: DockerBox) -> bool:
    code = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)"
    return box.exec(["python3", "-c", code, f"{box.base_url}/models"]).stdout == b"200\n"


# ---- the network

CONNECT = """
def reach(kind, family, address, port):
    end = socket.socket(family, kind)
    end.settimeout(5)
    end.connect((address, port))
    end.send(b"x")

began = time.monotonic()
seen = [
    [address, kind.name, tried(reach, kind, family, address, port)]
    for family, address, port in json.loads(sys.argv[1])
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
]
say([seen, time.monotonic() - began])
"""
NAMES = """
def found(name):
    try:
        return socket.getaddrinfo(name, 80)
    except socket.gaierror as error:
        return error.errno

began = time.monotonic()
names = "example.org", "metadata.google.internal", "host.docker.internal", "gateway.docker.internal"
say([[found(name) for name in names], time.monotonic() - began])
"""
Address = tuple[int, str, int]


def four(address: str, port: int) -> Address:
    return (int(socket.AF_INET), address, port)


def six(address: str, port: int) -> Address:
    return (int(socket.AF_INET6), address, port)


def test_21_connect_out(box: DockerBox) -> None:
    targets = [
        four("1.1.1.1", 443),
        four("192.0.2.1", 80),
        six("2606:4700:4700::1111", 443),
        six("2001:db8::1", 80),
    ]
    seen, seconds = attack(box, CONNECT, json.dumps(targets))
    assert len(seen) == 8
    assert {error for _, _, error in seen} <= {"ENETUNREACH", "EADDRNOTAVAIL"}
    assert seconds < 15
    names, seconds = attack(box, NAMES)
    assert all(name in (socket.EAI_NONAME, socket.EAI_AGAIN) for name in names)
    assert seconds < 15


def addresses_of_host() -> list[Address]:
    """Every address of this machine, loopback too."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(end, 0x8915, struct.pack("256s", name.encode()))  # SIOCGIFADDR
            except OSError:
                continue  # an interface without an address
            found.append(four(socket.inet_ntoa(answer[20:24]), 0))
    table = Path("/proc/net/if_inet6")
    for line in table.read_text().splitlines() if table.exists() else ():
        address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0]))
        if not address.startswith("fe80"):  # needs the name of an interface with it
            found.append(six(address, 0))
    return found


@contextmanager
def services_on(addresses: list[Address]) -> Iterator[tuple[list[Address], list[socket.socket]]]:
    """A TCP and a UDP service on each address: where they are, and their sockets."""
    with ExitStack() as stack:
        where, ends = [], []
        for family, address, _ in addresses:
            listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.bind((address, 0))
            listener.listen()
            port = listener.getsockname()[1]
            datagrams = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            datagrams.bind((address, port))
            where.append((family, address, port))
            ends += [listener, datagrams]
        for end in ends:
            end.settimeout(5)
        yield where, ends


def came_in(ends: list[socket.socket]) -> int:
    """How many connections and datagrams have come since the last look."""
    count = 0
    for end in ends:
        end.setblocking(False)
        try:
            while True:
                if end.type == socket.SOCK_STREAM:
                    end.accept()[0].close()
                else:
                    end.recv(10)
                count += 1
        except BlockingIOError:
            continue
    return count


def test_22_connect_to_services_of_the_host(box: DockerBox, docker: DockerSandbox) -> None:
    with services_on(addresses_of_host()) as (services, ends):
        for family, address, port in services:
            with (
                socket.create_connection((address, port), timeout=5),
                socket.socket(family, socket.SOCK_DGRAM) as end,
            ):
                end.sendto(b"x", (address, port))
        assert came_in(ends) == 2 * len(services) >= 2  # this is how it looks when they can be reached
        elsewhere = [
            *(
                four(address, port)
                for address in ("172.17.0.1", "172.17.0.2", "172.18.0.1")
                for port in (22, 2375)
            ),
            *(four(address, 80) for address in ("169.254.169.254", "100.100.100.200", "168.63.129.16")),
            six("fd00:ec2::254", 80),
        ]
        seen, seconds = attack(box, CONNECT, json.dumps([*services, *elsewhere]))
        assert came_in(ends) == 0
    loopback = (
        "127.0.0.1",
        "::1",
    )  # the box's own, where nobody listens; a datagram to nobody leaves without complaint
    outside = {error for address, _, error in seen if address not in loopback}
    inside = {(kind, error) for address, kind, error in seen if address in loopback}
    assert outside <= {"ENETUNREACH", "EADDRNOTAVAIL"}
    assert ("SOCK_STREAM", "done") not in inside
    assert len(seen) == 2 * len([*services, *elsewhere])
    assert seconds < 15
    # Another box's relay listens on that box's loopback alone.
    with docker.open(a_spec()) as other:
        seen, _ = attack(other, CONNECT, json.dumps([four("127.0.0.1", 8080)]))
        assert seen[0][2] == "ECONNREFUSED"
    assert relay_answers(box)


MAKE = """
import fcntl, struct
def ioctl(request):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        address = struct.pack("HH4s8x", socket.AF_INET, 0, bytes((192, 0, 2, 9)))
        fcntl.ioctl(end, request, struct.pack("16s16s8x", b"lo", address))

def asked(kind, body):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as end:
        end.send(struct.pack("IHHII", 16 + len(body), kind, 0x605, 1, 0) + body)  # request, acknowledge, create
        number = -struct.unpack_from("i", end.recv(4096), 16)[0]
    if number:
        raise OSError(number, "refused")

link = struct.pack("BxHiII", 0, 0, 0, 0, 0) + struct.pack("HH", 8, 3) + b"new\\0" + struct.pack(
    "HH", 16, 18) + struct.pack("HH", 10, 1) + b"dummy\\0\\0\\0"
route = struct.pack("BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 4, 0, 1, 0) + struct.pack("HHi", 8, 4, 1)
say([
    tried(ioctl, 0x8914), tried(ioctl, 0x8916), tried(ioctl, 0x890B), tried(asked, 16, link), tried(asked, 24, route),
    tried(socket.sethostname, "other"), [name for _, name in socket.if_nameindex()],
])
"""


def test_make_interfaces_and_routes(box: DockerBox) -> None:
    flags, address, table, link, route, name, there = attack(box, MAKE)
    assert [flags, address, table, link, route, name] == ["EPERM"] * 6
    assert there == ["lo"]


ABSTRACT = """
def reach(name):
    socket.socket(socket.AF_UNIX, KIND).connect("\\0" + name)

KIND = socket.SOCK_STREAM
seen = {tried(reach, name) for name in json.loads(sys.argv[1])}
KIND = socket.SOCK_DGRAM
say(sorted(seen | {tried(reach, name) for name in json.loads(sys.argv[1])}))
"""


def test_25_abstract_socket_of_a_host_process(box: DockerBox) -> None:
    name = f"dgm-hostile-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + name)
        listener.listen()
        with socket.socket(socket.AF_UNIX) as end:
            end.connect("\0" + name)
        table = Path("/proc/net/unix").read_text().splitlines()
        names = [line.split("@", 1)[1] for line in table if "@" in line]
        assert name in names
        assert attack(box, ABSTRACT, json.dumps(names)) == ["ECONNREFUSED"]


LISTEN = """
ends = []
for name in sys.argv[1:]:
    ends.append(socket.socket(socket.AF_UNIX))
    ends[-1].bind("\\0" + name)
    ends[-1].listen()
if os.fork():
    say([])
    os._exit(0)
os.closerange(0, 3)
time.sleep(1000)
"""


def test_abstract_socket_and_shared_memory_of_another_box(box: DockerBox, docker: DockerSandbox) -> None:
    with docker.open(a_spec()) as other:
        attack(other, LISTEN, "meeting-place")
        assert attack(other, ABSTRACT, '["meeting-place"]') == ["ECONNREFUSED", "done"]
        assert attack(box, ABSTRACT, '["meeting-place"]') == ["ECONNREFUSED"]
        make = "say([libc.shmget(0x1234, 4096, 0o1666), tried(open, '/dev/shm/meet', 'w')])"
        look = "say([libc.shmget(0x1234, 4096, 0), os.listdir('/dev/shm'), os.listdir('/dev/mqueue')])"
        made, _ = attack(other, make)
        assert made >= 0
        assert attack(box, look) == [-1, [], []]


# ---- files

SOCKETS = """
import stat
places = "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"
found = [place for place in (*places, "/run/user", *sys.argv[1:]) if os.path.lexists(place)]
for directory, _, files in os.walk("/"):
    if directory.startswith("/proc"):
        continue
    for name in files:
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.lstat(f"{directory}/{name}").st_mode):
                found.append(f"{directory}/{name}")
say([found, [name for name in os.environ if "DOCKER" in name or "KUBE" in name]])
"""


def test_23_look_for_the_engines_socket(box: DockerBox) -> None:
    where = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")
    assert attack(box, SOCKETS, *([where] if where.startswith("/") else [])) == [[], []]


WRITE = """
def make(directory):
    path = f"{directory}/.written"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.unlink(path)

def change(path):
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))

def look(attack, path):
    came = tried(attack, path)
    errors[came] = errors.get(came, 0) + 1
    if came == "done":
        wrote.append(path)

wrote, errors, walked = [], {}, ["/"]
while walked:
    directory = walked.pop()
    if directory.startswith("/proc/") and directory.split("/")[2].isdigit():
        continue  # what is there belongs to the process itself
    look(make, directory)
    with contextlib.suppress(OSError):
        for entry in os.scandir(directory):
            if entry.is_dir(follow_symlinks=False):
                walked.append(entry.path)
            elif not entry.is_symlink() and os.stat(entry.path).st_rdev != os.stat("/dev/null").st_rdev:
                look(change, entry.path)
say([sum(errors.values()), sorted(wrote), sorted(errors)])
"""
MAY_WRITE = {f"{BOX}/workspace", "/tmp", "/dev/shm", "/dev/mqueue"}
DEVICES = {f"/dev/{name}" for name in ("full", "null", "random", "tty", "urandom", "zero", "pts/ptmx")}


def test_26_write_anywhere(box: DockerBox) -> None:
    asked, wrote, errors = attack(box, WRITE)
    assert asked > 1000
    assert set(wrote) - DEVICES == MAY_WRITE
    assert {"EROFS", "EACCES"} <= set(errors)
    change = "say([tried(os.utime, '/'), tried(os.chmod, '/etc', 0o777), tried(os.chown, '/opt', os.getuid(), -1)])"
    assert attack(box, change) == ["EROFS"] * 3


SETUID = """
import shutil, stat
shutil.copy("/usr/bin/python3", "python")
os.chmod("python", 0o6755)
code = "import os; os.setresuid(-1, os.geteuid(), -1); print(os.getresuid(), os.getresgid())"
became = subprocess.run(["./python", "-ISc", code], capture_output=True, text=True).stdout
bit = stat.S_IMODE(os.stat("python").st_mode)
noexec = tried(lambda: (shutil.copy("/usr/bin/python3", "/tmp/python"), subprocess.run(["/tmp/python", "-V"])))
os.remove("python")
with contextlib.suppress(OSError):
    os.remove("/tmp/python")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
say([
    oct(bit), became.strip(), noexec,
    tried(os.chown, ".", 0, 0),
    *(tried(os.setuid, uid) for uid in (0, 10001, 10003)),
    tried(os.setgid, 0), tried(os.setgroups, [0]),
    sorted({status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}),
    status["NoNewPrivs"].strip(),
    sorted({os.statvfs(place).f_flag & (os.ST_NOSUID | os.ST_NODEV) for place in (".", "/tmp", "/dev/shm")}),
    [subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL).returncode != 0 for argv in
        (["su", "-c", "true"], ["newgrp", "root"], ["mount", "-t", "tmpfs", "x", "/mnt"], ["unshare", "-r", "true"])],
])
"""


def test_27_setuid(box: DockerBox) -> None:
    bit, became, noexec, *refused, sets, no_new, mounts, tools = attack(box, SETUID)
    mine = (box.worker,) * 3
    assert (bit, became, noexec) == ("0o6755", f"{mine} {mine}", "EACCES")
    assert refused == ["EPERM"] * 6
    assert (sets, no_new) == (["0000000000000000"], "1")
    assert mounts == [os.ST_NOSUID | os.ST_NODEV]
    assert tools == [True] * 4


DEVICE = """
import stat
seen = []
for directory in ".", "/tmp", "/dev/shm":
    for kind, major, minor in (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 1, 3), (stat.S_IFBLK, 254, 0), (stat.S_IFBLK, 8, 0):
        seen.append(tried(os.mknod, f"{directory}/device", kind | 0o666, os.makedev(major, minor)))
    seen.append(tried(os.mkfifo, f"{directory}/fifo"))
    os.remove(f"{directory}/fifo")
devices = [f"{directory}/{name}" for directory, _, names in os.walk("/dev") for name in names]
opened = [name for name in ("/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/kvm", "/dev/fuse", "/dev/vsock",
    "/dev/loop-control", "/dev/net/tun", "/dev/console") if os.path.lexists(name)]
say([seen, sorted(name for name in devices if not os.path.islink(name)), opened])
"""


def test_30_make_devices(box: DockerBox) -> None:
    seen, devices, opened = attack(box, DEVICE)
    assert seen == [*["EPERM"] * 4, "done"] * 3  # a fifo is no device; the export rejects it
    assert set(devices) == DEVICES
    assert opened == []


THROUGH_MEMORY = """
import hashlib, mmap
path = "/usr/bin/env"
file = os.open(path, os.O_RDONLY)
before = hashlib.sha256(open(path, "rb").read()).hexdigest()
shared = tried(mmap.mmap, file, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
own = mmap.mmap(file, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
where = ctypes.addressof(ctypes.c_char.from_buffer(own))
with open("/proc/self/mem", "r+b", buffering=0) as memory:
    memory.seek(where)
    memory.write(b"changed")  # a copy on write is made, of this process alone
out, into = os.pipe()
size = 16 * 4096
while size:
    size -= os.write(into, b"x" * size)  # every page of the pipe may be appended to, until the splice
while size < 16 * 4096:
    size += len(os.read(out, 16 * 4096))
spliced = os.splice(file, into, 1, offset_src=1) if hasattr(os, "splice") else -1
os.write(into, b"changed")
piped = os.read(out, 100)
after = hashlib.sha256(open(path, "rb").read()).hexdigest()
say([before, after, shared, own[:7].decode(), spliced, piped[1:].decode()])
"""


def test_change_a_program_through_memory(box: DockerBox, docker: DockerSandbox) -> None:
    before, after, shared, copy, spliced, piped = attack(box, THROUGH_MEMORY)
    assert (shared, copy, spliced, piped) == ("EACCES", "changed", 1, "changed")  # all of it was done
    assert before == after
    with docker.open(a_spec()) as other:  # of the same image
        assert other.exec(["sha256sum", "/usr/bin/env"]).stdout.decode().split()[0] == before


# ---- other processes

TOUCH = """
import struct
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
number = {
    "x86_64": dict(ptrace=101, readv=310, writev=311, pidfd_getfd=438, kcmp=312, process_madvise=440),
    "aarch64": dict(ptrace=117, readv=270, writev=271, pidfd_getfd=438, kcmp=272, process_madvise=440),
}[os.uname().machine]

def touch(pid):
    here = ctypes.create_string_buffer(64)
    local = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(here), 64))
    remote = ctypes.create_string_buffer(struct.pack("QQ", 0x400000, 64))
    pidfd = os.pidfd_open(pid)
    def opened(name, mode="rb"):
        return tried(lambda: open(f"/proc/{pid}/{name}", mode).read(1))
    return {
        "ptrace": called(number["ptrace"], PTRACE_ATTACH, pid, 0, 0),
        "seize": called(number["ptrace"], PTRACE_SEIZE, pid, 0, 0),
        "readv": called(number["readv"], pid, local, 1, remote, 1, 0),
        "writev": called(number["writev"], pid, local, 1, remote, 1, 0),
        "getfd": called(number["pidfd_getfd"], pidfd, 0, 0),
        "kcmp": called(number["kcmp"], pid, os.getpid(), 0, 0, 0),
        "madvise": called(number["process_madvise"], pidfd, local, 1, 20, 0),
        "signal": tried(signal.pidfd_send_signal, pidfd, 9),
        "mem": opened("mem"), "mem+": opened("mem", "r+b"), "environ": opened("environ"), "maps": opened("maps"),
        "auxv": opened("auxv"), "stack": opened("stack"), "syscall": opened("syscall"),
        "fd": tried(os.listdir, f"/proc/{pid}/fd"), "root": tried(os.listdir, f"/proc/{pid}/root/"),
        "cwd": tried(os.listdir, f"/proc/{pid}/cwd/"),
        "exe": tried(os.readlink, f"/proc/{pid}/exe"), "ns": tried(os.readlink, f"/proc/{pid}/ns/mnt"),
    }

others = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and os.stat(f"/proc/{pid}").st_uid != os.getuid()]
say([sorted(others), {pid: touch(pid) for pid in others}])
"""


def test_28_trace_or_read_the_relay(box: DockerBox) -> None:
    pids, seen = attack(box, TOUCH)
    assert (pids[0], len(pids)) == (1, 2)
    for came in seen.values():
        assert len(came) == 20
        assert {name for name, error in came.items() if error not in ("EPERM", "EACCES")} == set()
    assert relay_answers(box)


LOOK = """
own = os.getuid()
commands = {}
for pid in os.listdir("/proc"):
    if pid.isdigit():
        with contextlib.suppress(OSError):
            commands[pid] = open(f"/proc/{pid}/cmdline").read().replace("\\0", " ").strip()
text = {}
for path in ("mountinfo", "mounts", "cgroup", "environ", "limits", "status"):
    text[path] = open(f"/proc/self/{path}").read()
for path in sys.argv[1:]:
    try:
        if os.path.isdir(path):
            text[path] = " ".join(os.listdir(path))
        else:
            text[path] = open(path).read()
    except OSError as error:
        text[path] = ""
say([commands, text])
"""


def test_29_read_about_the_host(box: DockerBox, monkeypatch: pytest.MonkeyPatch, door: Path) -> None:
    monkeypatch.setenv("DGM_FAKE_KEY", marked := f"sk-{uuid.uuid4().hex}")
    shut = [*MASKED, "/proc/kmsg", "/proc/vmallocinfo"]
    commands, text = attack(
        box, LOOK, *shut, "/proc/version", "/proc/net/unix", "/proc/net/route", "/proc/sysvipc/shm"
    )
    assert commands["1"].startswith("/sbin/docker-init -- python3 -I -S /opt/dgm/relay.py")
    assert len(commands) == 3  # with the relay and the program itself
    everything = json.dumps([commands, text])
    for secret in (marked, "DGM_FAKE_KEY", "sk-", str(Path.cwd()), NAME):
        assert secret not in everything, secret
    # Names of the host that do show: the engine's own directories, and the door's, which is a random one.
    (mounted,) = (line.split()[3] for line in text["mountinfo"].splitlines() if line.split()[4] == "/door")
    assert str(door).endswith(mounted)
    assert {path: text[path] for path in shut if text[path]} == {}
    assert "Linux version" in text["/proc/version"]  # the kernel is shared, and so is its name
    assert [
        text[name].count("\n") for name in ("/proc/net/unix", "/proc/net/route", "/proc/sysvipc/shm")
    ] == [1, 1, 1]


DOOR = """
def bind(path):
    socket.socket(socket.AF_UNIX).bind(path)

sock, aside = "/door/gateway.sock", "/tmp/aside"
os.path.exists("mine") or bind("mine")
mount = {"x86_64": 165, "aarch64": 40}[os.uname().machine]
say([
    tried(os.unlink, sock), tried(os.rename, sock, aside), tried(os.rename, "mine", sock), tried(os.link, sock, aside),
    tried(os.rename, "/door", aside), tried(os.rmdir, "/door"), tried(os.symlink, "/tmp", "/door/link"),
    tried(bind, "/door/mine"), tried(os.chmod, sock, 0o777), tried(os.chmod, "/door", 0o777),
    tried(os.chown, sock, os.getuid(), os.getgid()), tried(os.truncate, sock, 0), tried(os.mkdir, "/door/more"),
    tried(os.utime, sock), tried(os.setxattr, sock, "user.x", b""), tried(os.listdir, "/door"),
    called(mount, b"/tmp", b"/door", None, 4096, None), os.statvfs("/door").f_flag & os.ST_RDONLY,
])
os.unlink("mine")
"""


def test_31_replace_move_or_unlink_the_door(box: DockerBox, door: Path) -> None:
    def state() -> tuple[Any, ...]:
        return tuple(
            (path.name, found.st_ino, found.st_mode, found.st_uid, found.st_mtime_ns)
            for path in (door, *sorted(door.iterdir()))
            for found in [path.lstat()]
        )

    before = state()
    *answers, read_only = attack(box, DOOR)
    assert (len(answers), read_only) == (17, os.ST_RDONLY)
    assert set(answers) <= {"EROFS", "EACCES", "EPERM", "EBUSY", "EXDEV", "EINVAL"}
    assert state() == before
    assert relay_answers(box)
    if os.geteuid() == 0:  # who may give the socket away gives it to the relay alone
        assert (door / "gateway.sock").stat().st_uid == RELAY_UID
