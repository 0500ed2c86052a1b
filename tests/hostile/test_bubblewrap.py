"""What bubblewrap promises: programs that use up a box, will not end, or leave odd things behind, run there.

Where this user may make no control groups the memory of a box as a whole is not limited; then a program of one process
is stopped by its own limit, and the tests for many are skipped. Escapes are in `test_bubblewrap_escape.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive import Outcome
from dgm.jobs import NodeServices
from sandbox import MIB, Box, Limits, SubmissionRejectedError, Verdict, grade
from sandbox.local.bubblewrap import BubblewrapSandbox
from sandbox.testing import a_spec, gone, processes_named
from tests.dgm.jobs.agents import TASK
from tests.hostile.helpers import (
    ANSWER,
    PRELUDE,
    attack,
    comes_true,
    cut_short,
    facts,
    groups_left,
    peak,
    processes_in_groups,
    roll,
)

ROOT = Path(__file__).resolve().parents[2]
by_number = pytest.mark.skipif(
    os.uname().machine != "x86_64", reason="names system calls by their x86-64 numbers"
)
SMALL = Limits(
    memory_bytes=192 * MIB, processes=40, disk_bytes=8 * MIB, disk_files=512, file_bytes=4 * MIB, open_files=200,
    output_bytes=64 << 10, cpus=0.5,
)  # fmt: skip


@pytest.fixture
def box(bubblewrap: BubblewrapSandbox) -> Iterator[Box]:
    with bubblewrap.open(a_spec(workspace={"kept.txt": b"kept"}, limits=SMALL)) as box:
        yield box
        assert comes_true(lambda: not processes_in_groups(bubblewrap.instance))


@pytest.fixture
def grouped(bubblewrap: BubblewrapSandbox) -> None:
    if bubblewrap.groups is None:
        pytest.skip("this user may make no control groups: nothing limits a box as a whole")


def a_marker() -> str:
    """Seconds for `sleep` that nobody else asks for."""
    return f"7{uuid.uuid4().int % 10**9}"


# ---- resources and lifecycle

HOG = "a = []\nwhile True: a.append(bytearray(1 << 20))\n"


def test_01_fork_bomb(bubblewrap: BubblewrapSandbox, bubblewrap_services: NodeServices) -> None:
    bomb = "say(['lit'])\nwhile True:\n    with contextlib.suppress(OSError): os.fork()"
    with peak(lambda: len(processes_in_groups(bubblewrap.instance))) as most:
        cut_short(bubblewrap_services, bomb)
    assert most[0] <= bubblewrap_services.limits.processes + 2
    assert comes_true(lambda: not processes_in_groups(bubblewrap.instance))


def test_threads_count_as_processes(box: Box) -> None:
    program = """
started = 0
with contextlib.suppress(RuntimeError):
    while started < 500:
        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
        started += 1
say([started])
os._exit(0)
"""
    assert attack(box, program)[0] <= SMALL.processes


def test_02_memory_hog(bubblewrap: BubblewrapSandbox, bubblewrap_services: NodeServices) -> None:
    result = roll(bubblewrap_services, ANSWER + HOG)
    assert result.outcome is (Outcome.OUT_OF_MEMORY if bubblewrap.groups else Outcome.CRASHED), result.detail


def test_03_memory_hog_in_a_child(bubblewrap: BubblewrapSandbox, bubblewrap_services: NodeServices) -> None:
    child = f"ended = subprocess.run([sys.executable, '-c', {HOG!r}], stderr=-3).returncode\n"
    result = roll(bubblewrap_services, child + "sys.exit(128 - ended if ended < 0 else ended)")
    assert result.outcome is (Outcome.OUT_OF_MEMORY if bubblewrap.groups else Outcome.CRASHED), result.detail
    survivor = roll(bubblewrap_services, child + "say(ended)\n" + ANSWER)
    assert survivor.outcome is Outcome.RESOLVED, survivor.detail


@pytest.mark.usefixtures("grouped")
@pytest.mark.parametrize(
    "program",
    [
        "import mmap\nkeep = []\nwhile True: keep.append(mmap.mmap(-1, 1 << 20)); keep[-1].write(bytes(1 << 20))",
        "keep = []\nwhile True: f = os.memfd_create('x'); os.write(f, b'x' * (1 << 20))",
        "for _ in range(20):\n    if not os.fork(): a = b'x' * (24 << 20); time.sleep(60)\nos.wait()",
    ],
    ids=["shared", "files without a name", "many small processes"],
)
def test_memory_of_any_kind_counts(box: Box, program: str) -> None:
    result = box.exec(["python3", "-c", PRELUDE + program + "\nos.kill(os.getpid(), 9)"], seconds=60)
    assert (result.exit_code, result.out_of_memory) == (None, True), result


@pytest.mark.usefixtures("grouped")
def test_a_lie_about_memory_is_not_believed(box: Box) -> None:
    code = PRELUDE + "print('Out of memory: Killed process'); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    result = box.exec(["python3", "-c", code])
    assert (result.exit_code, result.out_of_memory) == (137, False)


FILL = """
def fill(directory, pieces):
    made = 0
    for number in range(pieces):
        try:
            with open(f'{directory}/fill{number}', 'wb', buffering=0) as file:
                made += file.write(b'x' * (1 << 20))
        except OSError as error:
            return made, errno.errorcode[error.errno]
    return made, 'no end'
"""


def test_04_fill_the_workspace(box: Box) -> None:
    made, ended = attack(box, FILL + "say(fill('.', 64))")
    assert ended == "ENOSPC"
    assert made <= SMALL.disk_bytes
    assert sum(map(len, box.get().values())) <= SMALL.disk_bytes


def test_05_fill_tmp_and_shm(box: Box) -> None:
    (in_tmp, first), (in_shm, second) = attack(box, FILL + "say([fill('/tmp', 900), fill('/dev/shm', 900)])")
    assert (first, second) == ("ENOSPC", "ENOSPC")
    assert in_tmp <= 64 * MIB
    assert in_shm <= 16 * MIB
    assert attack(box, "say([os.listdir('/tmp'), os.listdir('/dev/shm')])") == [[], []]
    assert box.get() == {"kept.txt": b"kept"}


def test_06_files_until_inodes_run_out(box: Box, bubblewrap: BubblewrapSandbox) -> None:
    many = "for number in range(5000): open(str(number), 'w').close()\nsay('made')"
    assert attack(box, many) == "made"
    with pytest.raises(SubmissionRejectedError, match="too many files"):
        box.get()
    if bubblewrap.groups is not None:  # what the kernel needs for them counts as the box's memory
        endless = (
            PRELUDE
            + "import itertools\nfor n in itertools.count(): os.close(os.open(f'/tmp/{n}', os.O_CREAT))"
        )
        with bubblewrap.open(a_spec(limits=Limits(memory_bytes=64 * MIB))) as other:
            assert other.exec(["python3", "-c", endless], seconds=100).out_of_memory


def test_08_endless_output(bubblewrap: BubblewrapSandbox) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = resident()
    with peak(resident) as most:
        for seconds in (2.0, 8.0, 60.0):  # longer where the machine is so busy that no flood came of it
            with bubblewrap.open(a_spec(limits=SMALL)) as box:
                result = box.exec(["sh", "-c", "yes >&2 & yes"], seconds=seconds)
            if result.truncated:
                break
    assert (result.timed_out, result.truncated) == (True, True)
    assert len(result.stdout) == SMALL.output_bytes >= len(result.stderr)
    assert most[0] - before < 64 * MIB


def test_11_sleep_for_ever(bubblewrap_services: NodeServices) -> None:
    result = cut_short(bubblewrap_services, "say(['asleep'])\ntime.sleep(10**6)")
    assert facts(result.log) == [["asleep"]]


def test_12_ignore_signals(bubblewrap_services: NodeServices) -> None:
    marker = a_marker()
    ignore = "with contextlib.suppress(OSError, ValueError): signal.signal(n, signal.SIG_IGN)"
    deaf = f"for n in range(1, 65):\n    {ignore}\nsay(['deaf'])\nsubprocess.run(['sleep', '{marker}'])"
    cut_short(bubblewrap_services, deaf)
    assert gone(marker, 20)


def test_13_double_fork_and_setsid(box: Box) -> None:
    marker = a_marker()
    program = f"""
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execvp('sleep', ['sleep', '{marker}'])
    os._exit(0)
os.wait()
say('left')
"""
    assert attack(box, program) == "left"
    assert gone(marker, 20)


def test_14_zombies(box: Box) -> None:
    program = """
for _ in range(300):
    child = os.fork()
    if not child:
        os.fork()
        os._exit(0)
    os.waitpid(child, 0)
zombies = 0
with contextlib.suppress(OSError):
    while zombies < 300:
        if not os.fork(): os._exit(0)
        zombies += 1
say([zombies])
"""
    assert attack(box, program)[0] < SMALL.processes
    assert box.exec(["true"]).exit_code == 0


def test_15_kill_everything(bubblewrap_services: NodeServices) -> None:
    result = roll(
        bubblewrap_services,
        "subprocess.Popen(['sleep', '60'])\nos.kill(-1, 9)\nsay(ask()['content'])\n" + ANSWER,
    )
    assert (result.outcome, result.log) == (Outcome.RESOLVED, b'"all right"\n')
    assert len(result.record.calls) == 1


def test_16_signal_process_1(bubblewrap_services: NodeServices) -> None:
    program = """
for number in range(1, 65):
    with contextlib.suppress(OSError): os.kill(1, number)
with contextlib.suppress(OSError): signal.pidfd_send_signal(os.pidfd_open(1), signal.SIGKILL)
say(ask()['content'])
"""
    assert roll(bubblewrap_services, program + ANSWER).outcome is Outcome.RESOLVED


@by_number
def test_process_1_cannot_be_starved_or_changed(box: Box) -> None:
    program = """
import resource
say({
    'limits': [tried(resource.prlimit, 1, kind, (0, 0)) for kind in range(16)],
    'first to be killed': tried(lambda: open('/proc/1/oom_score_adj', 'w').write('1000')),
    'files': tried(os.listdir, '/proc/1/fd'),
    'group': tried(os.setpgid, 1, os.getpid()),
    'trace': called(101, 16, 1, 0, 0),
})
"""
    seen = attack(box, program)
    assert "done" not in [*seen.pop("limits"), *seen.values()], seen


@by_number
def test_signals_by_roundabout_ways(bubblewrap_services: NodeServices) -> None:
    """The kernel sends signals for others: when a pipe is ready, when a timer runs out, when a child ends."""
    program = """
import fcntl, struct
out, into = os.pipe()
for number in (9, 15, 19, 29):
    one, other = socket.socketpair()
    for end in (out, into, one.fileno(), other.fileno()):
        with contextlib.suppress(OSError):
            fcntl.fcntl(end, fcntl.F_SETOWN, 1); fcntl.fcntl(end, fcntl.F_SETSIG, number)
            fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
    os.write(into, b'x'); os.read(out, 1); one.send(b'x'); other.send(b'x')
    info = struct.pack('iiii112x', number, 0, -2, 0)
    called(129, 1, number, info); called(297, 1, 1, number, info)
    event = struct.pack('QiiI44x', 0, number, 4, 1)
    called(222, 1, event, ctypes.create_string_buffer(8))
    libc.prctl(1, number)
called(448, os.pidfd_open(1), 0)
say(ask()['content'])
"""
    assert roll(bubblewrap_services, program + ANSWER).outcome is Outcome.RESOLVED


@pytest.mark.usefixtures("grouped")
def test_buffers_of_sockets_count(bubblewrap: BubblewrapSandbox) -> None:
    """Datagrams that nobody takes off lie in the kernel's memory."""
    program = """
held = []
with contextlib.suppress(OSError):
    while len(held) < 1800:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22); end.bind(('127.0.0.1', 0)); end.setblocking(False)
        held.append(end)
one, taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
for end in held:
    with contextlib.suppress(OSError):
        for _ in range(8): one.sendto(b'x' * 60000, end.getsockname())
for end in held:
    with contextlib.suppress(OSError):
        while True: taken += len(end.recv(65536))
say([len(held), taken])
"""
    limits = Limits(memory_bytes=64 * MIB, open_files=2000)
    with bubblewrap.open(a_spec(limits=limits)) as box:
        result = box.exec(["python3", "-c", PRELUDE + program], seconds=100)
    if not result.out_of_memory:
        held, taken = facts(result.stdout)[-1]
        assert held == 1800
        assert taken <= limits.memory_bytes


def test_17_a_child_keeps_the_pipe_open(box: Box) -> None:
    marker = a_marker()
    began = time.monotonic()
    assert attack(box, f"subprocess.Popen(['sleep', '{marker}'], start_new_session=True)\nsay('on')") == "on"
    assert time.monotonic() - began < 30
    assert gone(marker, 20)


def test_18_spin_on_all_cores(box: Box, bubblewrap: BubblewrapSandbox) -> None:
    program = """
began = time.monotonic()
spinners = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(4)]
time.sleep(2)
for one in spinners: one.kill(); one.wait()
spent = os.times()
say([(spent.children_user + spent.children_system) / (time.monotonic() - began)])
"""
    (cores,) = attack(box, program)
    if bubblewrap.groups is not None and "cpu" in bubblewrap.groups.controllers:
        assert cores < SMALL.cpus * 1.5


def test_19_descriptors_until_the_limit(bubblewrap_services: NodeServices) -> None:
    program = """
held = []
try:
    while len(held) < 5000: held.append(socket.socket())
except OSError as error: say(errno.errorcode[error.errno])
end = held.pop(); end.settimeout(20); reached = 0
for one in held[:200]:
    with contextlib.suppress(OSError): one.settimeout(1); one.connect(('127.0.0.1', 8080)); reached += 1
for one in held: one.close()
end.close()
say(ask()['content'])
"""
    result = roll(bubblewrap_services, program + ANSWER, seconds=100.0)
    assert result.log.splitlines() == [b'"EMFILE"', b'"all right"'], result
    assert result.outcome is Outcome.RESOLVED


def test_20_the_worker_is_killed(bubblewrap: BubblewrapSandbox, untouched_host: Path) -> None:
    marker = a_marker()
    code = (
        "from sandbox.local.bubblewrap import BubblewrapSandbox; from sandbox.testing import a_spec\n"
        "sandbox = BubblewrapSandbox(instance='killed')\n"
        f"sandbox.open(a_spec(workspace={{'f': b'x'}})).exec(['sh', '-c', 'setsid sleep {marker} & sleep {marker}'])\n"
    )
    before = set(untouched_host.iterdir())
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as worker:
        assert comes_true(lambda: len(processes_named(marker)) >= 2, 60)
        worker.kill()
    assert gone(marker, 20)
    assert comes_true(lambda: not processes_in_groups("killed"))
    assert set(untouched_host.iterdir()) == before
    assert BubblewrapSandbox(instance="killed").digests == bubblewrap.digests
    assert groups_left(BubblewrapSandbox(instance="killed")) == []


# ---- what is left behind


@pytest.mark.parametrize(
    "program",
    ["ln -s /etc/passwd l", "ln -s ../../../etc/passwd l", "ln -s l l", "mkdir d; ln -s .. d/up"],
    ids=["absolute", "relative", "loop", "to a directory above"],
)
def test_42_symbolic_links(box: Box, program: str) -> None:
    assert box.exec(["sh", "-c", program]).exit_code == 0
    with pytest.raises(SubmissionRejectedError, match="symbolic link"):
        box.get()


def test_44_hard_links(box: Box) -> None:
    assert attack(box, "for n in range(400): os.link('kept.txt', str(n))\nsay('made')") == "made"
    with pytest.raises(SubmissionRejectedError, match="hard link"):
        box.get()


@pytest.mark.parametrize("make", ["os.mkfifo('p')", "socket.socket(socket.AF_UNIX).bind('p')"])
def test_45_fifo_or_socket_for_a_file(box: Box, make: str) -> None:
    assert attack(box, make + "\nsay('made')") == "made"
    with pytest.raises(SubmissionRejectedError, match="only regular files"):
        box.get()


def test_46_nobody_else_can_speak_for_process_1(box: Box) -> None:
    """The tree comes back on a pipe that process 1 alone holds: no entry can be forged."""
    program = """
import glob, struct
lie = struct.Struct('!cHIQ').pack(b'f', 0o644, 16, 1) + b'workspace/../lie' + b'x'
written = []
for number in range(3, 1024):
    with contextlib.suppress(OSError): written.append([number, os.write(number, lie)])
for path in glob.glob('/proc/*/fd/*') + glob.glob('/proc/*/task/*/fd/*'):
    with contextlib.suppress(OSError):
        if path.split('/')[-1] not in ('1', '2') and os.readlink(path) != '/dev/null':
            with open(path, 'wb', buffering=0) as file: written.append([path, file.write(lie)])
for stream in (1, 2): os.write(stream, lie)
say(written)
"""
    result = box.exec(["python3", "-c", PRELUDE + program])
    assert result.stdout.endswith(b"workspace/../liex[]\n"), result
    assert box.get() == {"kept.txt": b"kept"}


def test_48_a_thousand_levels_deep(box: Box) -> None:
    assert attack(box, "for _ in range(1000): os.mkdir('d'); os.chdir('d')\nsay('deep')") == "deep"
    with pytest.raises(SubmissionRejectedError, match=r"deeply|levels"):
        box.get()


def test_49_closed_to_their_owner(box: Box) -> None:
    assert attack(
        box,
        "os.mkdir('d'); open('d/f', 'w').write('x'); os.chmod('d/f', 0); os.chmod('d', 0); os.chmod('.', 0)\nsay([1])",
    )
    assert box.get() == {"kept.txt": b"kept", "d/f": b"x"}


def test_50_another_workspace_in_its_place(box: Box) -> None:
    program = """
os.chdir('/')
say([tried(os.rename, '/box/workspace', '/box/old'), tried(os.rmdir, '/box/workspace'),
     tried(os.symlink, '/etc', '/box/workspace'), tried(os.rename, '/tmp', '/box/workspace')])
"""
    assert "done" not in attack(box, program)
    assert box.get() == {"kept.txt": b"kept"}


def test_names_that_mean_something_else_elsewhere(box: Box) -> None:
    for name in (r"b'\xff\xfe'", r"'\u202etxt.exe'", "'a\\nb'", "'-rf'", "'.GIT\\u200c'"):
        assert attack(
            box, f"os.mkdir('d'); open(os.path.join(os.fsencode('d'), os.fsencode({name})), 'w')\nsay([1])"
        )
        with pytest.raises(SubmissionRejectedError):
            box.get()
        assert attack(box, "import shutil; shutil.rmtree('d'); say([1])")
    assert box.get() == {"kept.txt": b"kept"}


def test_a_file_that_grows_while_it_is_read(box: Box) -> None:
    """Nothing of the command runs while its workspace is read."""
    program = """
if not os.fork():
    os.setsid()
    with open('growing', 'wb', buffering=0) as file:
        while True: file.write(b'x')
while not os.path.exists('growing'): time.sleep(0.01)
say('on')
"""
    assert attack(box, program) == "on"
    assert box.get() == box.get()


# ---- gateway and grading


def test_34_past_the_relay_to_the_socket(bubblewrap_services: NodeServices) -> None:
    """Agent and relay are one user here: it may use the socket itself, and is metered the same."""
    program = """
end = socket.socket(socket.AF_UNIX); end.connect('/door/gateway.sock')
body = json.dumps({'model': os.environ['DGM_MODEL'], 'messages': [{'role': 'user', 'content': 'x'}]}).encode()
head = ['POST /v1/chat/completions HTTP/1.1', 'Host: x', 'Connection: close', 'Content-Type: application/json']
end.sendall('\\r\\n'.join([*head, f'Content-Length: {len(body)}', '', '']).encode() + body)
data = b''
while chunk := end.recv(9999): data += chunk
say('all right' in data.decode())
"""
    result = roll(bubblewrap_services, program)
    assert (result.log, len(result.record.calls)) == (b"true\n", 1)


def test_39_the_door_of_another(bubblewrap: BubblewrapSandbox) -> None:
    with bubblewrap.open(a_spec()) as closed:
        seen = attack(
            closed, "say([os.path.exists('/door'), tried(socket.create_connection, ('127.0.0.1', 8080))])"
        )
    assert seen == [False, "ECONNREFUSED"]


def judged(bubblewrap: BubblewrapSandbox, answer: str) -> Verdict:
    files = {"answer.py": answer.encode(), "conftest.py": b"raise SystemExit(0)", "answer_test.py": b""}
    return grade(bubblewrap, TASK.test, files, TASK.files, name="hostile", limits=SMALL)


def test_62_tests_deleted_and_hooks_added(bubblewrap: BubblewrapSandbox) -> None:
    assert not judged(bubblewrap, "def double(x): return x").resolved
    assert judged(bubblewrap, "def double(x): return 2 * x").resolved


def test_63_fake_reports_on_every_stream(bubblewrap: BubblewrapSandbox) -> None:
    lie = 'import os\n[os.write(n, b\'{"tests": ["passed"]}\\n\') for n in (1, 2)]\ndef double(x): return x'
    assert not judged(bubblewrap, lie).resolved


@pytest.mark.parametrize(
    "how", ["os._exit(0)", "sys.exit(0)", "os.kill(1, 9) or os.kill(-1, 9) or os.abort()"]
)
def test_66_ends_the_process_in_time(bubblewrap: BubblewrapSandbox, how: str) -> None:
    assert not judged(bubblewrap, f"import os, sys\ndef double(x): {how}").resolved
    assert not judged(bubblewrap, f"import os, sys\n{how}").resolved


def test_69_patches_the_runner(bubblewrap: BubblewrapSandbox) -> None:
    lie = "import unittest\nunittest.TestCase.run = lambda self, result=None: result.addSuccess(self)\n"
    assert not judged(bubblewrap, lie + "def double(x): return x").resolved


def test_70_looks_for_the_expected_values(bubblewrap: BubblewrapSandbox) -> None:
    """Neither files, frames, objects nor other processes of its box hold the hidden test."""
    look = """
import gc, glob, os, sys
def double(x):
    frame, texts = sys._getframe(), [str(gc.get_objects())]
    while frame: texts.append(str(frame.f_locals)); frame = frame.f_back
    for path in glob.glob('/box/**', recursive=True) + glob.glob('/proc/*/cmdline') + glob.glob('/proc/*/environ'):
        try: texts.append(open(path, errors='replace').read())
        except OSError: pass
    found = any('test_secret' + '_seven' in text for text in texts)
    return 2 * x if found else 'nothing to find'
"""
    verdict = judged(bubblewrap, look)
    assert not verdict.resolved


@pytest.mark.parametrize(
    "value",
    [
        "'x' * (64 << 20)",
        "float('nan')",
        "eval('[' * 90 + ']' * 90)",
        "type('Yes', (), {'__eq__': lambda *_: True})()",
    ],
    ids=["megabytes", "not a number", "nested", "equal to everything"],
)
def test_73_answers_of_odd_kinds(bubblewrap: BubblewrapSandbox, value: str) -> None:
    assert not judged(bubblewrap, f"def double(x): return {value}").resolved
