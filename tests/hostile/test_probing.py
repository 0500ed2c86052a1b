"""Programs that knock on the kernel and on the engine: system calls, kernel files, other call interfaces."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.docker.backend import DockerSandbox
from sandbox.docker.box import DockerBox
from sandbox.docker.config import BOX
from sandbox.testing import a_spec, gateway, python
from tests.hostile.helpers import PRELUDE, attack, comes_true

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def box(docker: DockerSandbox) -> Iterator[DockerBox]:
    with gateway() as door, docker.open(a_spec(door=door)) as box:
        yield box


# ---- system calls

NEW_USER, NEW_ALL = 0x10000000, 0x7E020000
CALLS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    # what has brought down kernels or hypervisors: name, numbers on x86-64 and on ARM, arguments
    "io_uring_setup": (425, 425, (8, 0)),
    "io_uring_enter": (426, 426, (0, 1, 1, 0)),
    "bpf": (321, 280, (0, 0, 0)),
    "perf_event_open": (298, 241, (0, 0, -1, -1, 0)),
    "userfaultfd": (323, 282, (0,)),
    "add_key": (248, 217, (0, 0, 0, 0, 0)),
    "request_key": (249, 218, (0, 0, 0, 0)),
    "keyctl": (250, 219, (0, -3, 0, 0, 0)),
    "fanotify_init": (300, 262, (0, 0)),
    "memfd_secret": (447, 447, (0,)),
    "landlock_create_ruleset": (444, 444, (0, 0, 1)),
    "move_pages": (279, 239, (0, 0, 0, 0, 0, 0)),
    "lookup_dcookie": (212, 18, (0, 0, 0)),
    # new namespaces, other roots, mounts
    "unshare a user namespace": (272, 97, (NEW_USER,)),
    "unshare all": (272, 97, (NEW_ALL,)),
    "clone into a user namespace": (56, 220, (NEW_USER | 17, 0, 0, 0, 0)),
    "clone3": (435, 435, (0, 0)),
    "setns": (308, 268, (0, 0)),
    "mount": (165, 40, (0, 0, 0, 0, 0)),
    "umount2": (166, 39, (0, 0)),
    "pivot_root": (155, 41, (0, 0)),
    "chroot": (161, 51, (0,)),
    "open_tree": (428, 428, (-100, 0, 1)),
    "move_mount": (429, 429, (0, 0, 0, 0, 0)),
    "fsopen": (430, 430, (0, 0)),
    "fsmount": (432, 432, (0, 0, 0)),
    "mount_setattr": (442, 442, (0, 0, 0, 0, 0)),
    "open_by_handle_at": (304, 265, (0, 0, 0)),
    "name_to_handle_at": (303, 264, (0, 0, 0, 0, 0)),
    "quotactl": (179, 60, (0, 0, 0, 0)),
    # the machine itself
    "kexec_load": (246, 104, (0, 0, 0, 0)),
    "kexec_file_load": (320, 294, (0, 0, 0, 0, 0)),
    "init_module": (175, 105, (0, 0, 0)),
    "finit_module": (313, 273, (0, 0, 0)),
    "delete_module": (176, 106, (0, 0)),
    "reboot": (169, 142, (0, 0, 0, 0)),
    "swapon": (167, 224, (0, 0)),
    "acct": (163, 89, (0,)),
    "settimeofday": (164, 170, (0, 0)),
    "clock_settime": (227, 112, (0, 0)),
    "clock_adjtime": (305, 266, (0, 0)),
    "sethostname": (170, 161, (0, 0)),
    "syslog": (103, 116, (3, 0, 0)),
    "vhangup": (153, 58, ()),
    "nfsservctl": (180, 42, (0, 0, 0)),
    "switch off address randomisation": (135, 92, (0x0040000,)),
    # other processes
    "ptrace": (101, 117, (0, 0, 0, 0)),
    "process_vm_readv": (310, 270, (0, 0, 0, 0, 0, 0)),
    "pidfd_getfd": (438, 438, (0, 0, 0)),
    "kcmp": (312, 272, (1, 1, 0, 0, 0)),
    "process_madvise": (440, 440, (0, 0, 0, 0, 0)),
}
CALL = """
column = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
say({name: called(row[column], *row[2]) for name, row in json.loads(sys.argv[1]).items()})
"""
FAMILIES = """
said = {}
for family in range(1, 46):
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET:
        for protocol in (0, *range(1, 23)) if family == 16 else (0, 255):
            came = tried(lambda: socket.socket(family, kind, protocol).close())
            said.setdefault(came, set()).add((family, protocol if family == 16 else 0))
say({came: sorted(which) for came, which in said.items()})
"""


def test_system_calls_that_no_agent_needs(box: DockerBox) -> None:
    came = attack(box, CALL, json.dumps(CALLS))
    assert len(came) == len(CALLS) > 50
    assert {name: error for name, error in came.items() if error not in ("EPERM", "ENOSYS")} == {}


def test_sockets_of_other_families(box: DockerBox) -> None:
    came = attack(box, FAMILIES)
    unix, four, six, netlink = 1, 2, 10, 16
    assert {unix, four, netlink} <= {family for family, _ in came["done"]} <= {unix, four, six, netlink}
    assert {protocol for family, protocol in came["done"] if family == netlink} == {0}  # lists interfaces
    refused = {family for family, _ in came["EPERM"]}
    vsock, crypto, packet = 40, 38, 17
    assert {vsock, crypto, packet} <= refused
    assert refused >= set(range(1, 46)) - {unix, four, six, netlink}


# Other ways into the kernel than the ones that the filter was written for: 32-bit calls and the x32 table.
OTHER_ABI = """
import mmap, struct
def by_interrupt(number, *arguments):
    code = b"\\x53" + b"".join(
        register + struct.pack("<I", value)
        for register, value in zip((b"\\xb8", b"\\xbb", b"\\xb9", b"\\xba"), (number, *arguments))
    ) + b"\\xcd\\x80\\x5b\\xc3"  # push rbx; mov eax, ebx, ecx, edx; int 0x80; pop rbx; ret
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()

def by_x32(number, *arguments):
    return libc.syscall(ctypes.c_long(0x40000000 | number), *map(ctypes.c_long, arguments))

def ended(attempt, *arguments):
    if (pid := os.fork()) == 0:
        os._exit(77 if attempt(*arguments) >= 0 else 78)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

if os.uname().machine == "x86_64":
    say([ended(by_interrupt, 359, 40, 1, 0), ended(by_interrupt, 20), ended(by_interrupt, 310, 0x10000000),
         ended(by_x32, 41, 40, 1, 0), ended(by_x32, 272, 0x10000000)])
else:
    say([])  # there is no other way in
"""


def test_calls_through_another_interface(box: DockerBox) -> None:
    ends = attack(box, OTHER_ABI)
    assert set(ends) <= {
        -31,
        -11,
        78,
    }  # SIGSYS from the filter, SIGSEGV where the kernel has no such door, or an error


STUFF = """
import termios
ours, theirs = os.openpty()
number = {"x86_64": 16, "aarch64": 29}[os.uname().machine]

def ioctl(command):
    return called(number, theirs, command, ctypes.create_string_buffer(8))

come, go = os.pipe()
if os.fork() == 0:
    os.setsid()
    own = ioctl(termios.TIOCSCTTY)
    pushed = [ioctl(command) for command in (0x5412, 0x5412 + (1 << 32), 0x5412 - (1 << 33))]  # TIOCSTI
    os.write(go, json.dumps([own, pushed, ioctl(0x541C), ioctl(termios.TIOCGWINSZ)]).encode())
    os._exit(0)
os.wait()
say([tried(os.open, "/dev/tty", os.O_RDWR), *json.loads(os.read(come, 4096))])
"""


def test_push_characters_into_a_terminal(box: DockerBox) -> None:
    given, own, pushed, console, size = attack(box, STUFF)
    assert given == "ENXIO"  # a box has no terminal
    assert (own, size) == ("done", "done")  # but may make one
    assert (
        pushed == ["EPERM"] * 3
    )  # in which nobody types for another, whatever the bits that the kernel ignores
    assert console != "done"


# ---- files of the kernel

POKE = """
import glob
groups = glob.glob("/sys/fs/cgroup/**/", recursive=True)
files = [
    "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches", "/proc/sys/fs/binfmt_misc/register", "/proc/irq/default_smp_affinity",
    "/proc/1/oom_score_adj", "/proc/1/attr/current", "/proc/pressure/memory",
    "/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state",
    "/sys/module/printk/parameters/time", "/sys/bus/pci/rescan",
    *(group + name for group in groups for name in (
        "release_agent", "notify_on_release", "cgroup.procs", "tasks", "cgroup.subtree_control", "cgroup.kill",
        "pids.max", "memory.max", "memory.limit_in_bytes", "cpu.max", "cpu.cfs_quota_us", "devices.allow",
    )),
]

def put(path):
    with open(path, "r+b", buffering=0) as file:
        file.write(b"1")

there = [path for path in files if os.path.exists(path)]
say([
    len(groups),
    {path: tried(put, path) for path in there},
    sorted({tried(os.mkdir, group + "mine") for group in groups}),
    [tried(put, f"/proc/self/{name}") for name in ("uid_map", "gid_map", "projid_map")],
])
"""


def test_poke_at_files_of_the_kernel(box: DockerBox) -> None:
    groups, came, made, maps = attack(box, POKE)
    assert groups >= 1
    assert len(came) > 5
    assert set(came.values()) <= {"EROFS", "EACCES", "EPERM"}, came
    assert set(made) <= {"EROFS", "EACCES", "EPERM"}
    assert set(maps) <= {"EPERM", "EACCES"}


CRASH = """
import resource
setrlimit, prlimit64 = {"x86_64": (160, 302), "aarch64": (164, 261)}[os.uname().machine]
refused = []
for pair in (0, 1), (0, 0), (1 << 20, 1 << 20):
    limits = (ctypes.c_ulong * 2)(*pair)
    for kind in resource.RLIMIT_CORE, resource.RLIMIT_CORE + (1 << 32):
        refused.append(called(setrlimit, kind, limits))
        refused.append(called(prlimit64, 0, kind, limits, None))
stack = resource.RLIMIT_STACK
other = [tried(resource.setrlimit, stack, (1 << 20, 1 << 20)), resource.getrlimit(stack)]
if (pid := os.fork()) == 0:
    held = b"x" * (32 << 20)
    os.abort()
status = os.waitpid(pid, 0)[1]
places = ".", "/tmp", "/dev/shm", "/", "/var/crash", "/var/lib/systemd/coredump"
found = [name for place in places if os.path.isdir(place) for name in os.listdir(place) if "core" in name]
say([refused, other, resource.getrlimit(resource.RLIMIT_CORE), os.WTERMSIG(status), os.WCOREDUMP(status), found])
"""


def test_crash_for_a_core_dump(box: DockerBox) -> None:
    """A host may pipe core dumps into a program that root runs; only a limit of 1 keeps a box's dumps from it."""
    refused, other, limits, signal, dumped, found = attack(box, CRASH)
    assert refused == ["EPERM"] * 12
    assert other == ["done", [1 << 20, 1 << 20]]
    assert (limits, signal, dumped, found) == ([1, 1], 6, False, [])


# ---- the engine

# What the engine starts in a container is, for a moment, a process of root in there, with a program of the host.
OVERWRITE = """
seen = set()
def is_engine(pid):
    with open(f"/proc/{pid}/comm") as file:
        return file.read().startswith(("runc", "crun", "exe"))

def poke(pid):
    if not is_engine(pid):
        return
    for name, how in ("exe", os.O_RDONLY), ("exe", os.O_WRONLY), ("mem", os.O_RDWR), ("fd", os.O_RDONLY), ("cwd", 0):
        came = tried(lambda: os.close(os.open(f"/proc/{pid}/{name}", how)))
        if is_engine(pid):  # and has not become the command yet, which is ours
            seen.add(f"{name} {came}")
    if seen:
        with open("/tmp/seen.new", "w") as file:
            json.dump(sorted(seen), file)
        os.rename("/tmp/seen.new", "/tmp/seen")

if os.fork():
    os._exit(0)
os.setsid()
os.closerange(0, 3)
own = {str(os.getpid()), "1"}
while True:
    for pid in os.listdir("/proc"):
        if pid.isdigit() and pid not in own:
            with contextlib.suppress(OSError):
                poke(pid)
"""


def digests_of_runtime() -> dict[str, str]:
    found = [shutil.which(name) for name in ("runc", "crun", "dockerd", "docker-init", "tini-static")]
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in found if path}


def test_overwrite_what_the_engine_runs(docker: DockerSandbox) -> None:
    before = digests_of_runtime()
    with docker.open(a_spec()) as box:
        assert python(box, PRELUDE + OVERWRITE).exit_code == 0

        def met() -> bool:
            return box.exec(["test", "-e", "/tmp/seen"]).exit_code == 0

        assert comes_true(met, 60)
        seen = json.loads(box.exec(["cat", "/tmp/seen"]).stdout)
    refused, gone = {"EACCES", "EPERM"}, {"ENOENT", "ESRCH"}
    assert {came.split()[1] for came in seen} <= refused | gone, seen
    assert digests_of_runtime() == before


INHERITED = """
say([
    sorted(int(name) for name in os.listdir("/proc/self/fd")),
    [os.readlink(f"/proc/self/fd/{n}").split(":")[0] for n in range(3)],
    os.getcwd(), sorted(os.environ),
    [tried(os.stat, f"/proc/self/fd/{n}/../../../../etc/shadow") for n in range(3, 20)],
])
"""


def test_find_what_the_engine_left_open(box: DockerBox) -> None:
    numbers, ends, where, names, _ = found = attack(box, INHERITED)
    assert numbers == [0, 1, 2, 3]  # 3 is the listing itself
    assert ends == ["/dev/null", "pipe", "pipe"]
    assert where == f"{BOX}/workspace"
    assert set(names) <= {"HOME", "LANG", "PATH", "PWD"}
    assert set(found[4]) == {"ENOENT"}


# ---- other boxes

PLACE = """
def take(address, *options):
    end = socket.socket()
    for option in options:
        end.setsockopt(socket.SOL_SOCKET, option, 1)
    end.bind((address, 8080))
    end.listen()

reuse, share = socket.SO_REUSEADDR, socket.SO_REUSEPORT
say([tried(take, address, *options) for address in ("127.0.0.1", "0.0.0.0")
    for options in ((), (reuse,), (share,), (reuse, share))])
"""


def test_take_the_relays_place(box: DockerBox) -> None:
    assert attack(box, PLACE) == ["EADDRINUSE"] * 8


LEAVE = """
for place in ".", "/tmp", "/dev/shm":
    open(f"{place}/left", "w").close()
import mmap
queue = libc.mq_open(b"/left", os.O_CREAT | os.O_RDWR, 0o666, None)
say([queue >= 0, libc.shmget(0x77, 4096, 0o1666) >= 0, sorted(os.listdir("/dev/mqueue"))])
"""
FIND = """
places = ".", "/tmp", "/dev/shm", "/dev/mqueue"
say([[name for place in places for name in os.listdir(place)], libc.shmget(0x77, 4096, 0)])
"""


def test_leave_something_for_the_next_box(docker: DockerSandbox) -> None:
    with docker.open(a_spec()) as first:
        assert attack(first, LEAVE) == [True, True, ["left"]]
    with docker.open(a_spec()) as second:
        assert attack(second, FIND) == [[], -1]
