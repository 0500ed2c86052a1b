"""Programs that look for a way out of a bubblewrap box, or for something in it that is not theirs."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import MIB, Box, Limits
from sandbox.local.bubblewrap import BubblewrapSandbox
from sandbox.testing import a_spec, gateway
from tests.hostile.helpers import PRELUDE, attack, comes_true, processes_in_groups

SMALL = Limits(memory_bytes=192 * MIB, processes=40, disk_bytes=8 * MIB)
by_number = pytest.mark.skipif(
    os.uname().machine != "x86_64", reason="names system calls by their x86-64 numbers"
)
REFUSED = {"EPERM", "EACCES", "EROFS", "ENOSYS"}


@pytest.fixture
def box(bubblewrap: BubblewrapSandbox) -> Iterator[Box]:
    with gateway() as door, bubblewrap.open(a_spec(door=door, limits=SMALL)) as box:
        yield box
        assert comes_true(lambda: not processes_in_groups(bubblewrap.instance))


def test_21_connect_out(box: Box) -> None:
    program = """
began = time.monotonic()
def reach(family, kind, address):
    with socket.socket(family, kind) as end:
        end.settimeout(20); end.connect(address); end.send(b'x')
seen = [tried(reach, family, kind, (address, 53))
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        for family, address in ((socket.AF_INET, '192.0.2.1'), (socket.AF_INET, '255.255.255.255'),
                                (socket.AF_INET6, '2001:db8::1'), (socket.AF_INET6, 'ff02::1'))]
seen.append(tried(socket.getaddrinfo, 'example.org', 443))
say([seen, time.monotonic() - began])
"""
    seen, seconds = attack(box, program)
    assert "done" not in seen
    assert "ETIMEDOUT" not in seen
    assert seconds < 60


def test_22_connect_to_the_host(box: Box) -> None:
    """A service of the host on every address that it has, its bridges among them, and the metadata address."""
    with socket.create_server(("0.0.0.0", 0)) as service:
        service.settimeout(0.2)
        own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        addresses = [*map(str, own), "127.0.0.1", "0.0.0.0", "172.17.0.1", "169.254.169.254", "10.0.2.2"]
        program = """
addresses, port = json.loads(sys.argv[1])
say([tried(lambda: socket.create_connection((address, port), 10)) for address in addresses])
"""
        assert "done" not in attack(box, program, json.dumps([addresses, service.getsockname()[1]]))
        with pytest.raises(TimeoutError):
            service.accept()


def test_interfaces_and_routes_cannot_be_made(box: Box) -> None:
    program = """
import fcntl, struct
end = socket.socket()
up = struct.pack('16sh14x', b'lo', 0)
seen = [tried(fcntl.ioctl, end, request, up) for request in (0x8914, 0x8916, 0x89a0, 0x8b06)]
tun = struct.pack('16sh14x', b'tun0', 1)
seen.append(tried(lambda: fcntl.ioctl(os.open('/dev/net/tun', os.O_RDWR), 0x400454ca, tun)))
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
link.send(struct.pack('IHHIIBxHiII', 32, 16, 0x605, 1, 0, 0, 1, 0, 1, 1))
code = struct.unpack_from('i', link.recv(4096), 16)[0]
seen.append(errno.errorcode[-code] if code else 'done')
seen += [tried(socket.socket, family, kind, protocol) for family, kind, protocol in (
    (17, 3, 3), (2, 3, 1), (10, 3, 58), (40, 1, 0), (38, 5, 0), (31, 1, 1), (16, 3, 9), (16, 3, 15), (44, 3, 0))]
say(seen)
"""
    assert "done" not in attack(box, program)


def test_23_the_sockets_of_engines_and_services(box: Box) -> None:
    program = """
import glob
places = ['/var/run/docker.sock', '/run/docker.sock', '/run/containerd', '/run/podman', '/run/systemd', '/run/dbus',
          '/run/user', '/run', '/var', '/tmp/.X11-unix', '/home', '/mnt', '/sys']
found = [p for p in places if os.path.exists(p)]
command = ['find', '/', '-path', '/proc', '-prune', '-o', '-type', 's', '-print']
found += subprocess.run(command, capture_output=True, text=True).stdout.split()
say(found)
"""
    assert attack(box, program) == []  # the gateway's own lies in a directory that cannot be listed


def test_25_abstract_sockets_of_the_host(box: Box) -> None:
    name = f"dgm-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(f"\0{name}")
        service.listen()
        program = """
def reach(name):
    with socket.socket(socket.AF_UNIX) as end: end.connect('\\0' + name)
listed = [line.split()[-1] for line in open('/proc/net/unix').read().splitlines()[1:]]
say([tried(reach, sys.argv[1]), [one for one in listed if one.startswith('@')]])
"""
        assert attack(box, program, name) == ["ECONNREFUSED", []]


def test_26_write_anywhere(box: Box) -> None:
    program = """
import re
mounts = [line.split()[4] for line in open('/proc/self/mountinfo')]
made, opened = [], []
for directory, below, names in os.walk('/'):
    if re.match(r'/proc/([0-9]+|self|thread-self)(/|$)', directory) or os.statvfs(directory).f_flag & os.ST_RDONLY:
        with contextlib.suppress(OSError): os.mkdir(f'{directory}/new'); made.append(directory)
        below[:] = [b for b in below if any((m + '/').startswith(f'{directory.rstrip("/")}/{b}/') for m in mounts)]
        continue
    with contextlib.suppress(OSError):
        os.mkdir(f'{directory}/new'); os.rmdir(f'{directory}/new'); made.append(directory)
    opened += [path for path in (f'{directory}/{name}' for name in names) if os.access(path, os.W_OK)]
say([made, opened])
"""
    made, opened = attack(box, program)
    assert sorted(made) == ["/box/workspace", "/dev/shm", "/tmp"]
    devices = {
        f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts/ptmx")
    }
    assert set(opened) - devices <= {f"/proc/pressure/{name}" for name in ("cpu", "io", "memory", "irq")}, (
        opened
    )


def test_settings_of_the_kernel_cannot_be_changed(box: Box) -> None:
    program = """
written = []
for directory, _, names in os.walk('/proc/sys'):
    for name in names:
        with contextlib.suppress(OSError):
            os.close(os.open(f'{directory}/{name}', os.O_WRONLY)); written.append(f'{directory}/{name}')
places = [f'/proc/{n}' for n in ('sysrq-trigger', 'kcore', 'kmsg', '1/mem', 'self/uid_map', 'self/setgroups', 'irq')]
places += [f'/dev/{n}' for n in ('kmsg', 'mem', 'console', 'kvm', 'fuse', 'vsock', 'loop-control', 'net/tun')]
say([written, {p: tried(lambda: open(p, 'r+b', buffering=0).write(b'0')) for p in places}])
"""
    written, seen = attack(box, program)
    assert written == []
    assert "done" not in seen.values(), seen


def test_27_setuid_programs(box: Box) -> None:
    program = """
import shutil, stat
shutil.copy('/bin/sh', 'shell'); os.chmod('shell', 0o6755)
inside = subprocess.run(['./shell', '-pc', 'id -u; id -g'], capture_output=True).stdout.split()
flags = [line.split()[5].split(',') for line in open('/proc/self/mountinfo')]
gained = []
for path in (f'{d}/{n}' for d in ('/usr/bin', '/usr/sbin') if os.path.isdir(d) for n in os.listdir(d)):
    with contextlib.suppress(OSError):
        if os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
            one = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=-3, stderr=-3, start_new_session=True)
            with contextlib.suppress(OSError, KeyError):
                status = dict(line.split(':', 1) for line in open(f'/proc/{one.pid}/status').read().splitlines())
                if {*status['Uid'].split(), *status['Gid'].split()} != {'1000'} or int(status['CapEff'], 16):
                    gained.append(path)
            one.kill(); one.wait()
unsafe = [f for f in flags if 'nosuid' not in f]
say([inside == [b'1000', b'1000'], unsafe, gained, tried(os.setuid, 0), tried(os.setgroups, [])])
"""
    same, without_nosuid, gained, *switched = attack(box, program)
    assert (same, without_nosuid, gained) == (True, [], [])
    assert "done" not in switched


@by_number
def test_28_trace_or_read_the_relay(box: Box) -> None:
    """The relay lives in process 1, which runs as the same user here."""
    program = """
import struct
buffer = ctypes.create_string_buffer(64)
iov = ctypes.byref((ctypes.c_ulong * 2)(ctypes.addressof(buffer), 64))
fd = os.pidfd_open(1)
say({
    'attach': called(101, 16, 1, 0, 0), 'seize': called(101, 0x4206, 1, 0, 0),
    'read': called(310, 1, iov, 1, iov, 1, 0), 'write': called(311, 1, iov, 1, iov, 1, 0),
    'descriptors': [called(438, fd, number, 0) for number in range(3, 12)][0],
    'compare': called(312, 1, os.getpid(), 0, 0, 0), 'advise': called(440, fd, iov, 1, 20, 0),
    **{name: tried(lambda: open(f'/proc/1/{name}', 'rb').read(1)) for name in (
       'mem', 'environ', 'maps', 'auxv', 'stack', 'syscall', 'io', 'personality', 'fd/3', 'root/etc/passwd', 'exe')},
    'own children may be traced': called(101, 0, 0, 0, 0),
})
"""
    seen = attack(box, program)
    assert "done" not in seen.values(), seen


def test_29_what_proc_tells_of_the_host(box: Box, untouched_host: Path) -> None:
    program = """
say({'pids': sorted(int(n) for n in os.listdir('/proc') if n.isdigit()), 'self': os.getpid(),
     'mounts': open('/proc/self/mountinfo').read(), 'groups': open('/proc/self/cgroup').read(),
     'environ': sorted(os.environ), 'host': socket.gethostname()})
"""
    seen = attack(box, program)
    assert seen["pids"] == [1, seen["self"]]
    assert seen["host"] == "box"
    name = re.escape(socket.gethostname())  # as a word: names of our own directories are random letters
    assert not re.search(rf"\b{name}\b", seen["mounts"])
    assert set(seen["environ"]) <= {"PATH", "HOME", "LANG", "PWD", "LC_CTYPE"}


def test_30_devices(box: Box) -> None:
    program = """
import stat
kinds = [(stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 1, 3), (stat.S_IFBLK, 8, 0), (stat.S_IFCHR, 10, 229)]
seen = [tried(os.mknod, f'{place}/node', kind | 0o666, os.makedev(major, minor))
        for place in ('/box/workspace', '/tmp', '/dev/shm', '/dev') for kind, major, minor in kinds]
blocks = [n for d, _, names in os.walk('/dev') for n in names if stat.S_ISBLK(os.lstat(f'{d}/{n}').st_mode)]
say([seen, blocks])
"""
    seen, blocks = attack(box, program)
    assert (set(seen) <= REFUSED, blocks) == (True, []), seen


def test_31_replace_the_gateways_socket(box: Box) -> None:
    program = """
s = '/door/gateway.sock'
def take():
    with socket.socket(socket.AF_UNIX) as end: end.bind('/door/mine.sock')
say({'unlink': tried(os.unlink, s), 'rename': tried(os.rename, s, '/door/other'), 'bind': tried(take),
     'away': tried(os.rename, '/door', '/tmp/door'), 'chmod': tried(os.chmod, s, 0), 'times': tried(os.utime, s),
     'chown': tried(os.chown, s, 1000, 1000), 'xattr': tried(os.setxattr, s, 'user.x', b'1'),
     'link': tried(os.link, s, '/tmp/s')})
"""
    seen = attack(box, program)
    assert "done" not in seen.values(), seen
    assert attack(
        box, "import urllib.request as u; say([u.urlopen('http://127.0.0.1:8080/v1/models').status])"
    ) == [200]


@by_number
def test_new_namespaces(box: Box) -> None:
    """By unshare, clone, clone3 and setns; each kind alone, each together with a user namespace."""
    program = """
kinds = [0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]
seen = {}
for kind in kinds:
    for flags in (kind, kind | 0x10000000):
        record = (ctypes.c_ulonglong * 11)(flags, 0, 0, 0, 17)
        seen[f'unshare {flags:x}'] = called(272, flags)
        if kind != 0x80: seen[f'clone {flags:x}'] = called(56, flags | 17, 0, 0, 0, 0)
        seen[f'clone3 {flags:x}'] = called(435, ctypes.byref(record), 88)
for name in os.listdir('/proc/self/ns'):
    with contextlib.suppress(OSError):
        seen[f'setns {name}'] = called(308, os.open(f'/proc/self/ns/{name}', os.O_RDONLY), 0)
seen['setns of 1'] = called(308, os.pidfd_open(1), 0x20000)
say(seen)
"""
    seen = attack(box, program)
    assert set(seen.values()) <= REFUSED | {"ENOSPC"}, seen


@by_number
def test_mounting(box: Box) -> None:
    program = """
say({'mount': called(165, b'none', b'/tmp', b'tmpfs', 0, 0), 'remount': called(165, b'', b'/usr', b'', 32, 0),
     'umount': called(166, b'/dev', 2), 'pivot': called(155, b'/tmp', b'/tmp'), 'chroot': called(161, b'/tmp'),
     'fsopen': called(430, b'tmpfs', 0), 'open_tree': called(428, -100, b'/', 1), 'swap': called(167, b'/tmp/x', 0),
     'move': called(429, -1, b'', -1, b'/tmp', 4), 'setattr': called(442, -100, b'/', 0, 0, 0),
     'handle': called(304, -100, b'', 0)})
"""
    assert set(attack(box, program).values()) <= REFUSED


@by_number
def test_the_kernels_far_corners(box: Box) -> None:
    """Keyrings, tracing, other programs' memory, asynchronous rings: everything there is no use for."""
    program = """
buffer = ctypes.create_string_buffer(256)
say({'keyctl': called(250, 0, -3, 1), 'add_key': called(248, b'user', b'x', b'y', 1, -3),
     'request_key': called(249, b'user', b'x', 0, 0), 'perf': called(298, buffer, 0, -1, -1, 0),
     'bpf': called(321, 0, 0, 0), 'userfaultfd': called(323, 1), 'io_uring': called(425, 1, buffer),
     'x32': called(0x40000000 | 425, 1, 0), 'syslog': called(103, 3, 0, 0), 'kexec': called(246, 0, 0, 0, 0),
     'module': called(175, 0, 0, 0), 'acct': called(163, 0), 'ldt': called(154, 0, 0, 0), 'iopl': called(172, 3),
     'fanotify': called(300, 0, 0), 'secret memory': called(447, 0), 'hostname': tried(socket.sethostname, 'x'),
     'reboot': called(169, 0xfee1dead, 672274793, 0, 0), 'nice': tried(os.nice, -5),
     'asynchronous files': called(206, 65536, ctypes.create_string_buffer(8)),
     'clock': tried(time.clock_settime, time.CLOCK_REALTIME, 0)})
"""
    assert set(attack(box, program).values()) <= REFUSED


@by_number
def test_calls_by_another_architectures_door_kill(box: Box) -> None:
    """int 0x80 takes the numbers of 32-bit programs, which the filter's list does not name."""
    program = """
import mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')  # getpid by its 32-bit number
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
print('answered')
"""
    result = box.exec(["python3", "-c", PRELUDE + program])
    assert (result.exit_code, result.stdout) == (128 + 31, b""), result


def test_terminals(box: Box) -> None:
    program = """
import fcntl, pty
letter = b'x'
seen = {'own terminal': tried(os.open, '/dev/tty', os.O_RDWR)}
for number in range(3):
    seen[f'push into {number}'] = tried(fcntl.ioctl, number, 0x5412, letter)
    seen[f'paste into {number}'] = tried(fcntl.ioctl, number, 0x541C, b'\\x03')
master, slave = pty.openpty()
for number in range(1, 30): seen[f'discipline {number}'] = tried(fcntl.ioctl, slave, 0x5423, bytes([number, 0, 0, 0]))
seen['push into a new one'] = tried(fcntl.ioctl, slave, 0x5412, letter)
say(seen)
"""
    assert "done" not in attack(box, program).values()


def test_programs_of_the_host_cannot_be_changed_through_memory(box: Box) -> None:
    """Writes into a private mapping stay private, also through /proc/self/mem and from a pipe that was spliced into."""
    before = Path("/usr/bin/env").read_bytes()
    program = """
import mmap
file = os.open('/usr/bin/env', os.O_RDONLY)
view = mmap.mmap(file, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)
start = int(next(l for l in open('/proc/self/maps') if l.rstrip().endswith('/usr/bin/env')).split('-')[0], 16)
with contextlib.suppress(OSError):
    with open('/proc/self/mem', 'r+b', buffering=0) as memory: memory.seek(start); memory.write(b'hostile!')
out, into = os.pipe()
os.write(into, b'x' * 65536); os.read(out, 65536)
os.splice(file, into, 1, offset_src=0)
os.write(into, b'hostile!')
say([tried(mmap.mmap, file, 4096, mmap.MAP_SHARED, mmap.PROT_WRITE), open('/usr/bin/env', 'rb').read(1) == b'\\x7f'])
"""
    assert attack(box, program) == ["EACCES", True]
    assert Path("/usr/bin/env").read_bytes() == before


def test_two_boxes_do_not_meet(bubblewrap: BubblewrapSandbox) -> None:
    """Each looks for the other by every way of meeting there is while both run."""
    program = """
name = 'dgm-hostile-meeting'
key = 0x64676d
shared = libc.shmget(key, 4096, 0o1000 | 0o666)
libc.semget(key, 1, 0o1000 | 0o666)
libc.mq_open(b'/' + name.encode(), os.O_CREAT | os.O_RDWR, 0o666, None)
with open(f'/dev/shm/{name}-{sys.argv[1]}', 'w') as file: file.write(name)
with open(f'/tmp/{name}-{sys.argv[1]}', 'w') as file: file.write(name)
own = socket.socket(socket.AF_UNIX); own.bind(f'\\0{name}-{sys.argv[1]}'); own.listen()
port = socket.create_server(('127.0.0.1', 7000 + int(sys.argv[1])))
os.write(1, b'up\\n')
other, found = str(1 - int(sys.argv[1])), []
end = time.monotonic() + 2
while time.monotonic() < end:
    listed = [int(name) for name in os.listdir('/proc') if name.isdigit() and name != '1']
    for pid in {*listed, *range(2, 400)} - {os.getpid()}:
        with contextlib.suppress(OSError): os.kill(pid, 0); found.append(f'process {pid}')
    found += [p for p in (f'/dev/shm/{name}-{other}', f'/tmp/{name}-{other}') if os.path.exists(p)]
    for address in (f'\\0{name}-{other}', ('127.0.0.1', 7000 + int(other))):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(family) as one:
            one.connect(address); found.append(repr(address))
    segments = [line.split()[:2] for line in open('/proc/sysvipc/shm').read().splitlines()[1:]]
    found += [one for one in segments if one != [str(key), str(shared)]]
    time.sleep(0.1)
say(sorted(set(found)))
"""

    def run(number: str) -> object:
        with bubblewrap.open(a_spec(limits=SMALL)) as box:
            return attack(box, program, number)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, "01")) == [[], []]


def test_what_a_command_inherits(box: Box) -> None:
    """Three streams and nothing else: no directory of the host, no socket, no channel of the box's own."""
    program = """
held = {}
for name in os.listdir('/proc/self/fd'):
    with contextlib.suppress(OSError): held[name] = os.readlink(f'/proc/self/fd/{name}').split(':')[0]
upwards = [tried(os.open, f'/proc/self/fd/{n}/..', os.O_RDONLY) for n in held]
say([held, upwards, os.path.realpath('/proc/self/root'), os.path.realpath('/proc/self/cwd')])
"""
    held, upwards, root, here = attack(box, program)
    assert held == {"0": "/dev/null", "1": "pipe", "2": "pipe"}
    assert (set(upwards), root, here) == ({"ENOTDIR"}, "/", "/box/workspace")


def test_files_of_the_host(box: Box, untouched_host: Path) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0o644)
        outside = [
            file.name,
            __file__,
            "/etc/shadow",
            "/etc/hostname",
            "/etc/ssh",
            "/var",
            "/home",
            "/boot",
            "/srv",
        ]
        outside += ["/proc/1/root/etc/passwd", "/proc/1/cwd/etc", *map(str, Path.home().iterdir())]
        outside = [path for path in outside if not Path(sys.base_prefix).is_relative_to(path)]
        seen = attack(box, "say([p for p in sys.argv[1:] if os.path.lexists(p)])", *outside)
    assert seen == []


@by_number
def test_a_crash_hands_no_memory_to_the_host(box: Box) -> None:
    """A host may pipe core dumps into a program that root runs; only a limit of 1 keeps a box's dumps from it."""
    program = """
import resource
limits = [(ctypes.c_ulong * 2)(*limits) for limits in ((0, 1), (0, 0), (1 << 20, 1 << 20))]
seen = [called(160, resource.RLIMIT_CORE, one) for one in limits]
seen += [called(302, 0, resource.RLIMIT_CORE, one, None) for one in limits]
crash = subprocess.Popen([sys.executable, '-c', 'import os; os.abort()'], stderr=-3)
say([seen, resource.getrlimit(resource.RLIMIT_CORE), crash.wait(), os.listdir('.')])
"""
    seen, limits, ended, left = attack(box, program)
    assert set(seen) == {"EPERM"}
    assert (limits, ended, left) == ([1, 1], -6, [])
