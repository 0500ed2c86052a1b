"""Programs that use up what a box has: processes, memory, disk, output, processors, descriptors."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from archive import Outcome
from dgm.jobs import NodeServices
from dgm.llm import Allowance, RolloutSpec
from sandbox import BoxEndedError, Limits, SubmissionRejectedError, relay
from sandbox.base import MIB
from sandbox.docker import config
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.box import DockerBox
from sandbox.testing import a_spec, gateway, python
from tests.hostile.helpers import (
    ANSWER,
    PRELUDE,
    attack,
    comes_true,
    cut_short,
    facts,
    peak,
    roll,
    tasks_in,
    tasks_of_fullest,
)

pytestmark = pytest.mark.docker

SMALL = Limits(disk_bytes=8 * MIB, disk_files=300, processes=60, memory_bytes=256 * MIB)


@pytest.fixture(scope="module")
def box(docker: DockerSandbox) -> Iterator[DockerBox]:
    """For programs that leave their box usable."""
    with docker.open(a_spec(limits=SMALL)) as box:
        yield box


# ---- processes

FORK_BOMB = """
while True:
    try:
        os.fork()
    except OSError as error:
        with contextlib.suppress(OSError):
            os.close(os.open(work / "full", os.O_CREAT | os.O_EXCL))
            say([errno.errorcode[error.errno]])
        time.sleep(0.05)
"""


def test_01_fork_bomb(services: NodeServices, docker: DockerSandbox) -> None:
    few = replace(services, limits=replace(services.limits, processes=40))
    most = 40 + config.OWN_PROCESSES + config.RELAY_THREADS
    with peak(lambda: tasks_of_fullest(docker.engine, {"dgm.instance": docker.instance})) as seen:
        result = cut_short(few, FORK_BOMB, lambda result: bool(facts(result.log)) and seen[0] > most / 2)
    assert facts(result.log) == [["EAGAIN"]]
    assert seen[0] <= most


CLONE_BOMB = """
made, number = 0, {"x86_64": 56, "aarch64": 220}[os.uname().machine]
while (pid := libc.syscall(ctypes.c_long(number), ctypes.c_long(signal.SIGCHLD), None, None, None, None)) >= 0:
    if pid == 0:
        time.sleep(1000)
    made += 1
say([made, errno.errorcode[ctypes.get_errno()]])
os.kill(-1, signal.SIGKILL)
"""
THREAD_BOMB = """
made, park = 0, threading.Event()
threading.stack_size(64 << 10)
try:
    while True:
        threading.Thread(target=park.wait, daemon=True).start()
        made += 1
except RuntimeError as error:
    say([made, str(error)])
os._exit(0)
"""


@pytest.mark.parametrize("bomb", [CLONE_BOMB, THREAD_BOMB], ids=["clone", "threads"])
def test_bombs_of_bare_clones_and_of_threads(box: DockerBox, bomb: str) -> None:
    made, error = attack(box, bomb)
    assert SMALL.processes - 5 < made <= SMALL.processes + config.OWN_PROCESSES
    assert error in ("EAGAIN", "can't start new thread")
    assert box.exec(["true"]).exit_code == 0


ZOMBIES = """
for _ in range(300):
    if os.fork() == 0:
        if os.fork():
            os._exit(0)  # leaves its child behind, for process 1 to bury
        os._exit(0)
    os.wait()
children = []
with contextlib.suppress(BlockingIOError):
    while len(children) < 300:
        if (pid := os.fork()) == 0:
            os._exit(0)  # nobody will ask how it ended
        children.append(pid)
time.sleep(0.1)
say([open(f"/proc/{pid}/stat").read().rsplit(")")[1].split()[0] for pid in children])
"""


def test_14_zombies(box: DockerBox) -> None:
    states = attack(box, ZOMBIES)
    assert SMALL.processes / 2 < len(states) <= SMALL.processes + config.OWN_PROCESSES
    assert set(states) == {"Z"}
    assert comes_true(lambda: tasks_in(box.container) <= 2)  # process 1 and the main process
    assert attack(box, THREAD_BOMB)[0] > SMALL.processes - 5


# ---- memory

# Memory that no process answers for: the kernel can only end small ones, and the largest of them is the main process.
HOARD = """
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("0")
for path in "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes":
    if os.path.exists(path):
        room = int(open(path).read()) - (50 << 20)
say(["hoarding"])
while room > 0:
    held = os.memfd_create("held", 0)
    os.set_inheritable(held, True)
    for _ in range(10):
        room -= os.write(held, b"x" * (1 << 20))
more = "head -c 16000000 /dev/zero > /dev/shm/f; for i in 1 2 3; do head -c 20000000 /dev/zero > /tmp/$i; done"
os.execv("/bin/sh", ["sh", "-c", more + "; sleep 1000"])
"""


def test_02_memory_hog_that_ends_the_main_process(services: NodeServices, docker: DockerSandbox) -> None:
    result = roll(services, HOARD, seconds=60.0)
    assert (result.outcome, facts(result.log)) == (Outcome.OUT_OF_MEMORY, [["hoarding"]]), result
    with gateway() as door, docker.open(spec := a_spec(door=door, limits=SMALL)) as box:
        ended = python(box, PRELUDE + HOARD, seconds=60)
        assert ended.out_of_memory, ended
        mine = {"dgm.instance": docker.instance, "dgm.name": spec.name}
        assert comes_true(lambda: docker.engine.containers(mine) == [])
        with pytest.raises((BoxEndedError, SubmissionRejectedError)):
            box.get()


HOG = "held = []\nwhile True: held.append(bytearray(1 << 20))\n"
IN_A_CHILD = f"ended = subprocess.run([sys.executable, '-c', {HOG!r}]).returncode\nsay([ended])\n"


@pytest.mark.parametrize(
    ("program", "outcome", "said"),
    [
        (HOG, Outcome.OUT_OF_MEMORY, []),
        (IN_A_CHILD + "os.kill(os.getpid(), 9)", Outcome.OUT_OF_MEMORY, [[-9]]),
        (IN_A_CHILD + ANSWER, Outcome.RESOLVED, [[-9]]),  # it lost a child and did the task all the same
        ("os.kill(os.getpid(), 9)", Outcome.CRASHED, []),  # it only looks like it
    ],
    ids=["itself", "child", "child-survived", "none"],
)
def test_03_memory_hog_beside_the_main_process(
    services: NodeServices, program: str, outcome: Outcome, said: list[object]
) -> None:
    result = roll(services, program, seconds=60.0)
    assert (result.outcome, facts(result.log)) == (outcome, said), result


POPULATE = """
import mmap
held = []
while True:
    held.append(mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x8000))  # MAP_POPULATE
    say([len(held)])
"""
# Segments outlive whoever made them; each is filled by a process of its own.
SHARED = """
libc.shmat.restype = ctypes.c_void_p
made = 0
while True:
    segment = libc.shmget(0, 30 << 20, 0o1666)
    if segment < 0:
        break
    made += 1
    if os.fork() == 0:
        ctypes.memset(libc.shmat(segment, None, 0), 1, 30 << 20)
        os._exit(0)
    os.wait()
    say([made])
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("hog", [POPULATE, SHARED], ids=["populate", "shared"])
def test_memory_that_is_mapped_at_once_or_outlives_its_process(docker: DockerSandbox, hog: str) -> None:
    with docker.open(a_spec(limits=SMALL)) as box:
        result = python(box, PRELUDE + hog, seconds=60)
    assert result.out_of_memory, result
    assert 4 <= facts(result.stdout)[-1][0] <= 9


UNREAD = """
held = []
with contextlib.suppress(OSError):
    while len(held) < 900:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        end.bind(("127.0.0.1", 0))
        end.setblocking(False)
        held.append(end)
one, taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
for end in held:
    with contextlib.suppress(OSError):
        for _ in range(8):
            one.sendto(b"x" * 60000, end.getsockname())
for end in held:
    with contextlib.suppress(OSError):
        while True:
            taken += len(end.recv(65536))
say([len(held), taken])
"""


def test_buffers_of_sockets_that_nobody_reads(docker: DockerSandbox) -> None:
    limits = replace(SMALL, memory_bytes=48 * MIB)
    with docker.open(a_spec(limits=limits)) as box:
        result = python(box, PRELUDE + UNREAD, seconds=110)
    if not result.out_of_memory:
        held, taken = facts(result.stdout)[-1]
        assert held == 900
        assert taken <= limits.memory_bytes + limits.disk_bytes


ADJUST = """
def put(pid, value):
    with open(f"/proc/{pid}/oom_score_adj", "w") as file:
        file.write(value)

others = [pid for pid in os.listdir("/proc") if pid.isdigit() and os.stat(f"/proc/{pid}").st_uid != os.getuid()]
say([len(others), tried(put, "self", "-1"), tried(put, "self", "-1000"), *(tried(put, pid, "1000") for pid in others)])
"""


def test_nobody_is_spared_by_his_own_word(docker: DockerSandbox) -> None:
    with gateway() as door, docker.open(a_spec(door=door)) as box:
        assert attack(box, ADJUST) == [2, "EACCES", "EACCES", "EACCES", "EACCES"]


# ---- disk

FILL = """
def fill(directory):
    wrote, block = 0, b"x" * (1 << 20)
    for number in range(4096):
        file = os.open(f"{directory}/fill{number}", os.O_CREAT | os.O_WRONLY)
        try:
            for _ in range(16):
                wrote += os.write(file, block)
        except OSError as error:
            return [wrote, errno.errorcode[error.errno]]
        finally:
            os.close(file)
    return [wrote, "no end"]

seen = [fill(directory) for directory in sys.argv[1:]]
for directory in sys.argv[1:]:
    for name in os.listdir(directory):
        os.remove(f"{directory}/{name}")
say(seen)
"""


def test_04_fill_the_workspace(box: DockerBox) -> None:
    ((wrote, error),) = attack(box, FILL, ".")
    assert error == "ENOSPC"
    assert SMALL.disk_bytes - MIB <= wrote <= SMALL.disk_bytes
    assert box.get() == {}


def test_05_fill_the_other_writable_places(box: DockerBox) -> None:
    seen = attack(box, FILL, "/tmp", "/dev/shm")
    assert [error for _, error in seen] == ["ENOSPC", "ENOSPC"]
    for (wrote, _), size in zip(seen, (config.TMP_BYTES, config.SHM_BYTES), strict=True):
        assert size - MIB <= wrote <= size


INODES = """
made = 0
try:
    while made < 100_000:
        os.close(os.open(f"empty{made}", os.O_CREAT | os.O_WRONLY))
        made += 1
except OSError as error:
    say([made, errno.errorcode[error.errno], tried(os.mkdir, "one more")])
"""


def test_06_use_up_the_inodes(box: DockerBox) -> None:
    made, *errors = attack(box, INODES)
    assert SMALL.disk_files < made < SMALL.disk_files + 100
    assert errors == ["ENOSPC", "ENOSPC"]
    with pytest.raises(SubmissionRejectedError, match="more than 300"):
        box.get()
    attack(box, "[os.remove(f'empty{n}') for n in range(10, int(sys.argv[1]))]\nsay([])", str(made))
    assert set(box.get()) == {f"empty{n}" for n in range(10)}
    attack(box, "[os.remove(name) for name in os.listdir()]\nsay([])")


HOLES = """
seen = [tried(os.truncate, os.open("hole", os.O_CREAT | os.O_WRONLY), 8 << 40)]
for number in range(280):
    seen.append(tried(os.truncate, os.open(f"hole{number}", os.O_CREAT | os.O_WRONLY), int(sys.argv[1])))
say([seen[0], seen.count("done"), os.statvfs(".").f_bfree * 4096])
"""


def test_files_that_are_all_hole(docker: DockerSandbox) -> None:
    with docker.open(a_spec(limits=SMALL)) as box:
        first, made, free = attack(box, HOLES, str(SMALL.file_bytes))
        assert (first, made) == ("EFBIG", 280)
        assert free > SMALL.disk_bytes // 2  # 280 times the largest file, in next to no pages
        with pytest.raises(SubmissionRejectedError, match="larger than"):
            box.get()


HIDDEN = """
wrote, held = 0, []
with contextlib.suppress(OSError):
    while len(held) < 4096:
        held.append(os.open("gone", os.O_CREAT | os.O_WRONLY))
        os.unlink("gone")
        wrote += os.write(held[-1], b"x" * (1 << 20))
with contextlib.suppress(OSError):
    while wrote < 1 << 40:
        os.posix_fallocate(held[0], 0, wrote + (1 << 20))
        wrote += 1 << 20
say([wrote])
"""


def test_files_that_were_removed_but_stay_open(box: DockerBox) -> None:
    (wrote,) = attack(box, HIDDEN)
    assert SMALL.disk_bytes - MIB <= wrote <= SMALL.disk_bytes + MIB
    assert box.get() == {}


# ---- output

FLOOD = """
block, stop = b"\\x1b[2J" + b"x" * 65535, int(sys.argv[1])
def flood(stream):
    for _ in range(stop):
        os.write(stream, block)
threads = [threading.Thread(target=flood, args=(stream,)) for stream in (1, 2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def high_water() -> int:
    """The most memory that this process has held since it was last reset, in bytes."""
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) << 10


def test_08_endless_output(services: NodeServices, docker: DockerSandbox) -> None:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = high_water()
    with docker.open(a_spec(limits=replace(SMALL, output_bytes=100_000))) as box:
        whole = python(box, PRELUDE + FLOOD, "300", seconds=120)
    assert (whole.exit_code, whole.truncated) == (0, True)  # all of the 37 MiB was taken off its hands
    assert (len(whole.stdout), len(whole.stderr)) == (100_000, 100_000)
    endless = FLOOD.replace("int(sys.argv[1])", "10**9")
    assert 0 < len(cut_short(services, endless, lambda result: result.log != b"").log) < MIB
    assert high_water() - before < 16 * MIB


LOUD = """
import os, time
for _ in range(1000):
    os.write(1, b"x" * 65536)
    os.write(2, b"x" * 65536)
open("/tmp/done", "w").close()
time.sleep(1000)
"""
BORROW = """
def write(path):
    with open(path, "wb") as file:
        file.write(b"x")

others = [pid for pid in os.listdir("/proc") if pid.isdigit() and os.stat(f"/proc/{pid}").st_uid != os.getuid()]
ends = [f"/proc/{pid}/fd/{n}" for pid in others for n in (1, 2)]
say([len(others), *(tried(write, end) for end in ends), tried(write, "/dev/console")])
"""


def test_10_endless_output_of_the_main_process(docker: DockerSandbox, box: DockerBox) -> None:
    labels = {"dgm.instance": docker.instance}
    made = config.container(a_spec(), image=docker.digests["agent_image"], labels=labels)
    made["Cmd"] = ["python3", "-c", LOUD]
    container = docker.engine.create(made, f"dgm-{docker.instance}-loud")
    try:
        docker.engine.start(container)
        seen = docker.engine.inspect(container)
        assert (seen["LogPath"], seen["HostConfig"]["LogConfig"]["Type"]) == ("", "none")
        assert comes_true(lambda: exit_code(docker, container, "test", "-e", "/tmp/done") == 0, 60)
    finally:
        docker.engine.remove(container)
    # The agent cannot speak through the main process either.
    assert attack(box, BORROW) == [2, *["EACCES"] * 5]


def exit_code(docker: DockerSandbox, container: str, *argv: str) -> int | None:
    running = docker.engine.exec(container, [*argv], user=config.WORKER_UIDS[0], directory="/")
    assert running is not None
    with closing(running):
        comes_true(lambda: not running.status()[0])
        return running.status()[1]


# ---- processors

SPIN = """
def throttled():
    for path in "/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat", "/sys/fs/cgroup/cpu,cpuacct/cpu.stat":
        if os.path.exists(path):
            return int(dict(line.split() for line in open(path))["nr_throttled"])

began, before, spinners = time.monotonic(), throttled(), []
for _ in range(2 * os.cpu_count()):
    spinners.append(os.fork())
    while spinners[-1] == 0:
        pass
while throttled() - before < 2:  # twice the box has used up what it may have in a tenth of a second
    time.sleep(0.05)
[os.kill(pid, 9) for pid in spinners]
[os.wait() for _ in spinners]
times = os.times()
say([times.children_user + times.children_system, time.monotonic() - began])
"""


def test_18_spin_on_every_processor(docker: DockerSandbox) -> None:
    slow = replace(SMALL, cpus=0.25)
    with (
        docker.open(a_spec(limits=slow)) as spinning,
        docker.open(a_spec()) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        spin = pool.submit(attack, spinning, SPIN)
        assert python(other, "print(sum(range(10**6)))").stdout == b"499999500000\n"
        assert other.exec(["true"]).exit_code == 0
        used, elapsed = spin.result()
    assert used < slow.cpus * elapsed * 1.5 + 0.1


# ---- descriptors

HOLD = """
files = []
try:
    while True:
        files.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    full = errno.errorcode[error.errno]
for file in files[8:]:
    os.close(file)
out, into = os.pipe()
if os.fork():
    say(json.loads(os.read(out, 100)))
    os._exit(0)  # the child holds on to what it has
os.setsid()
ends = []
try:
    while True:
        end = socket.create_connection(("127.0.0.1", 8080), timeout=0.5)
        end.sendall(b"POST /v1/chat/completions HTTP/1.1\\r\\nContent-Length: 99\\r\\n")
        ends.append(end)
except OSError as error:
    os.closerange(0, 3)
    os.write(into, json.dumps([len(files), full, len(ends)]).encode())
time.sleep(1000)
"""


def test_19_hold_every_descriptor_and_connection(docker: DockerSandbox, services: NodeServices) -> None:
    rollout = RolloutSpec(
        id="f" * 32, decision=9, attempt=1, role="solve", sample=bytes(16), allowance=Allowance()
    )
    door = services.doors.open(rollout)
    try:
        with docker.open(a_spec(door=door, limits=replace(SMALL, open_files=256))) as box:
            files, full, ends = attack(box, HOLD)
            assert (240 < files < 256, full) == (True, "EMFILE")
            assert ends >= relay.CONNECTIONS
            assert tasks_in(box.container) > relay.CONNECTIONS  # they are held at this moment
            other = roll(services, f"ask()\n{ANSWER}")
            assert other.outcome is Outcome.RESOLVED, other
    finally:
        services.doors.close(rollout.id)


# ---- what the kernel counts per user

HOG_THE_ACCOUNTS = """
import fcntl
ready, told = os.pipe()
if os.fork() == 0:
    os.setsid()
    for stream in 0, 1, 2:
        os.dup2(os.open("/dev/null", os.O_RDWR), stream)
    kept, set_size = [], 1031
    with contextlib.suppress(OSError):
        while len(kept) < 300:
            kept.append(os.pipe())
            with contextlib.suppress(OSError):
                fcntl.fcntl(kept[-1][1], set_size, 1 << 20)
    watchers = 0
    while libc.inotify_init() >= 0:
        watchers += 1
    os.write(told, json.dumps([len(kept), watchers]).encode())
    time.sleep(600)
os.close(told)
say(json.loads(os.read(ready, 100)))
"""
LOOK_AT_THE_ACCOUNTS = """
import fcntl
get_size = 1032
say([fcntl.fcntl(os.pipe()[1], get_size), libc.inotify_init() >= 0])
"""


def test_accounts_that_the_kernel_keeps_per_user(docker: DockerSandbox) -> None:
    with docker.open(a_spec()) as greedy, docker.open(a_spec()) as other:
        before = attack(other, LOOK_AT_THE_ACCOUNTS)
        pipes, watchers = attack(greedy, HOG_THE_ACCOUNTS)
        assert pipes > 64
        assert watchers > 0
        # A smaller pipe makes a program hang that waits for a child before it reads what it said.
        assert attack(other, LOOK_AT_THE_ACCOUNTS) == before == [16 * 4096, True]
        assert greedy.worker != other.worker
        assert attack(other, "import getpass; say(getpass.getuser())") == "agent"
