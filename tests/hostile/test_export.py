"""Programs that leave a workspace made to be unpacked, and archives that no engine would make. Nothing is unpacked."""

from __future__ import annotations

import ast
import io
import os
import sys
import tarfile
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest

from archive import Outcome
from dgm.jobs import NodeServices
from sandbox import MIB, Files, Limits, SubmissionRejectedError
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.box import DockerBox
from sandbox.testing import a_spec
from sandbox.transfer import Caps, below, read_tar, repack
from tests.hostile.helpers import attack, roll
from tests.test_architecture import module, sources

pytestmark = pytest.mark.docker

GIVEN = {"answer.py": b"def double(x): ...\n"}


@pytest.fixture(scope="module")
def shelf(docker: DockerSandbox) -> Iterator[DockerBox]:
    """One box whose workspace is filled and read again and again."""
    with docker.open(a_spec(workspace=GIVEN)) as box:
        yield box


EMPTIED = "assert os.system('chmod -R 700 . 2>/dev/null; find . -mindepth 1 -delete') == 0\n"


def left_by(box: DockerBox, program: str) -> Files | str:
    """What comes out of the emptied workspace after the program, or why nothing does.

    The program says last what it has made, and that must be something.
    """
    assert attack(box, EMPTIED + program)
    said = come_out(box)
    assert isinstance(said, dict) or str(said).isprintable()
    return said


def come_out(box: DockerBox) -> Files | str:
    """The workspace, or why it is rejected."""
    try:
        return box.get()
    except SubmissionRejectedError as error:
        return str(error)


_watched = threading.local()


def _note(event: str, arguments: tuple[object, ...]) -> None:
    writes: list[str] | None = getattr(_watched, "writes", None)
    if writes is None:
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE):
        return
    if event in (
        "open",
        "os.mkdir",
        "os.rename",
        "os.symlink",
        "os.link",
        "os.chmod",
        "os.chown",
        "os.remove",
        "subprocess.Popen",
    ):
        writes.append(f"{event} {arguments}")


sys.addaudithook(_note)  # there is no way to take one out again


@contextmanager
def no_writes() -> Iterator[None]:
    """Nothing is opened for writing, made, linked or started by this thread while the block runs."""
    _watched.writes = []
    try:
        yield
        assert _watched.writes == []
    finally:
        _watched.writes = None


LINKS = {
    "absolute": ("link", "os.symlink('/etc/passwd', 'link')"),
    "relative": ("link", "os.symlink('../../../../../../etc/passwd', 'link')"),
    "to a directory": ("link", "os.symlink('/', 'link')"),
    "to itself": ("link", "os.symlink('link', 'link')"),
    "a ring": ("a", "os.symlink('b', 'a'); os.symlink('a', 'b')"),
    "up": ("d/up", "os.mkdir('d'); os.symlink('..', 'd/up')"),
    "to nothing": ("link", "os.symlink('/nowhere', 'link')"),
    "inside": ("link", "open('f', 'w').close(); os.symlink('f', 'link')"),
    "to the relay's root": ("link", "os.symlink('/proc/1/root', 'link')"),
    "where the answer should be": ("answer.py", "os.symlink('/box/agent', 'answer.py')"),
    "to its own descriptor": ("link", "os.symlink('/proc/self/fd/0', 'link')"),
}


def test_42_symbolic_links(shelf: DockerBox) -> None:
    for name, (path, program) in LINKS.items():
        said = left_by(shelf, f"{program}\nsay(['made', os.readlink({path!r})])")
        assert isinstance(said, str), name
        assert "symbolic link" in said, name
    hidden = left_by(
        shelf,
        "os.mkdir('__pycache__'); os.symlink('/etc', '__pycache__/x'); open('f', 'w').close(); say(['made'])",
    )
    assert hidden == {"f": b""}  # left behind with what tools leave, not followed


def test_44_hard_links(shelf: DockerBox) -> None:
    several = "os.mkdir('d'); open('d/f', 'w').write('x'); [os.link('d/f', f'{n}') for n in range(1000)]\n"
    assert "hard link" in left_by(shelf, several + "say(['made', os.stat('d/f').st_nlink])")
    assert "hard link" in left_by(shelf, "open('a', 'w').close(); os.link('a', 'b'); say(['made'])")
    outside = (
        "say([tried(os.link, p, 'x') for p in ('/etc/passwd', '/box/agent/a', '/proc/self/environ', '/tmp')])"
    )
    assert attack(shelf, "open('/tmp/mine', 'w').close(); say([tried(os.link, '/tmp/mine', 'x')])") == [
        "EXDEV"
    ]
    assert set(attack(shelf, outside)) <= {"EXDEV", "EPERM", "ENOENT", "EACCES", "EROFS"}


def test_45_fifos_and_sockets_where_files_are_expected(shelf: DockerBox, services: NodeServices) -> None:
    fifo = (
        "os.remove('answer.py') if os.path.exists('answer.py') else 0; os.mkfifo('answer.py'); say(['made'])"
    )
    assert "fifo" in left_by(shelf, fifo)
    bound = "socket.socket(socket.AF_UNIX).bind('answer.py'); open('f', 'w').close(); say(['made', os.stat('answer.py').st_mode])"  # noqa: E501
    assert left_by(shelf, bound) == {"f": b""}  # the engine leaves sockets out
    device = "say([tried(os.mknod, 'x', 0o600 | kind, os.makedev(1, 3)) for kind in (0o020000, 0o060000)])"
    assert attack(shelf, device) == ["EPERM", "EPERM"]
    result = roll(services, "os.unlink(work / 'answer.py'); os.mkfifo(work / 'answer.py')")
    assert (result.outcome, "fifo" in result.detail) == (Outcome.REJECTED, True)


# ---- archives

CAPS = Caps(content_bytes=8 * MIB, entries=4096)
ROOT = tarfile.TarInfo("box/workspace")
ROOT.type = tarfile.DIRTYPE
Header = tarfile.TarInfo
Bytes = Iterator[bytes]


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, **more: object) -> Header:
    made = Header(f"box/workspace/{name}" if not name.startswith("/") else name)
    made.size, made.type = size, kind
    for key, value in more.items():
        setattr(made, key, value)
    return made


def block(made: Header, form: int = tarfile.USTAR_FORMAT, **fields: bytes) -> bytes:
    """The header's blocks; `fields` overwrite bytes of the last one, and its checksum is right again."""
    data = bytearray(made.tobuf(form))
    places = {"name": 0, "size": 124, "kind": 156, "magic": 257, "prefix": 345}
    for field, value in fields.items():
        at = len(data) - 512 + places[field]
        data[at : at + len(value)] = value
    last = data[-512:]
    total = sum(last[:148]) + 8 * 32 + sum(last[156:])
    data[-512 + 148 : -512 + 156] = b"%06o\0 " % total
    return bytes(data)


def pax(records: bytes, flag: bytes = b"x") -> bytes:
    return block(header("pax", len(records)), kind=flag) + records + bytes(-len(records) % 512)


def record(key: str, value: str) -> bytes:
    length = len(f" {key}={value}\n".encode())
    while len(str(length)) + len(f" {key}={value}\n".encode()) != length:
        length += 1
    return f"{length} {key}={value}\n".encode()


F = block(header("f", 1)) + b"x" + bytes(511)
END = bytes(1024)


def forever(data: bytes) -> Bytes:
    while True:
        yield data


def a_million(kind: bytes) -> Bytes:
    for n in range(1_000_000):
        yield block(header(f"{n}", kind=kind))


ARCHIVES: dict[str, Callable[[], Bytes]] = {
    "parent parts": lambda: iter([block(header("../../../../tmp/x", 1)), b"x" + bytes(511)]),
    "parent parts by prefix": lambda: iter([block(header("f"), prefix=b"box/workspace/../..")]),
    "parent parts by a long name": lambda: iter([pax(record("path", "box/workspace/../x")), F]),
    "parent part as a directory, then a file": lambda: iter([block(header("..", kind=b"5")), block(header("../x"))]),
    "a name with a zero": lambda: iter([pax(record("path", "box/workspace/a\0b")), F]),
    "a trailing slash on a file": lambda: iter([block(header("f/"))]),
    "an empty part": lambda: iter([block(header("a//b"))]),
    "one name twice": lambda: iter([F, F]),
    "names alike": lambda: iter([F, block(header("F"))]),
    "a file below a file": lambda: iter([F, block(header("f/g"))]),
    "a link, then a file through it": lambda: iter(
        [block(header("l", kind=b"2", linkname="/tmp")), block(header("l/x", 1)), b"x" + bytes(511)]
    ),
    "a hard link to the host": lambda: iter([block(header("l", kind=b"1", linkname="/etc/shadow"))]),
    "a block device": lambda: iter([block(header("sda", kind=b"4"))]),
    "a contiguous file": lambda: iter([block(header("f", 1, b"7"))]),
    "a sparse file": lambda: iter([block(header("f", 1, b"S"))]),
    "a sparse file by records": lambda: iter([pax(record("GNU.sparse.realsize", "99999999999")), F]),
    "a sparse map": lambda: iter([pax(record("GNU.sparse.map", "0,1,99999,1")), F]),
    "a volume label": lambda: iter([block(header("v", kind=b"V"))]),
    "a continued file": lambda: iter([block(header("f", 1, b"M"))]),
    "a negative size": lambda: iter([block(header("f"), size=b"-0000000001\0")]),
    "a size in base 256": lambda: iter([block(header("f"), size=b"\x80" + bytes(6) + b"\x00\x00\x02\x00\x00")]),
    "a negative size in base 256": lambda: iter([block(header("f"), size=b"\xff" * 12)]),
    "a size of eight gibibytes": lambda: iter([block(header("f"), size=b"77777777777\0"), bytes(4096)]),
    "eight gibibytes by a record": lambda: iter([pax(record("size", str(8 << 30))), F, bytes(4096)]),
    "a negative size by a record": lambda: iter([pax(record("size", "-1")), F]),
    "more digits than any": lambda: iter([pax(record("size", "9" * 400)), F]),
    "a size that is too small": lambda: iter([block(header("f", 1)), b"x" * 512, b"y" * 512, END]),
    "a size that is too large": lambda: iter([block(header("f", 4096)), b"x" * 512]),
    "a directory with content": lambda: iter([block(header("d", kind=b"5"), size=b"00000001000\0"), F]),
    "a global header": lambda: iter([pax(record("path", "/etc/passwd"), b"g"), F]),
    "an empty global header": lambda: iter([pax(b"", b"g"), F]),
    "a record that is longer than all": lambda: iter([pax(b"99999 path=x\n"), F]),
    "a record of no length": lambda: iter([pax(b"0 path=x\n"), F]),
    "a record that goes back": lambda: iter([pax(b"-5 path=x\n"), F]),
    "a record without a key": lambda: iter([pax(b"6 abc\n"), F]),
    "another character set": lambda: iter([pax(record("hdrcharset", "BINARY")), F]),
    "an access list": lambda: iter([pax(record("SCHILY.acl.access", "user::rwx")), F]),
    "a long name without end": lambda: iter([block(header("L", 8 << 20), kind=b"L"), *[bytes(65536)] * 200]),
    "long names in a row": lambda: forever(pax(record("path", "x" * 60_000))),
    "tiny records in a row": lambda: forever(pax(record("uid", "1") * 8000)),
    "long links in a row": lambda: forever(block(header("K", 512), kind=b"K") + b"x" * 512),
    "a million files": lambda: a_million(b"0"),
    "a million directories": lambda: a_million(b"5"),
    "content without end": lambda: iter([block(header("f"), size=b"77777777777\0")] + [bytes(65536)] * 1000),
    "no end at all": lambda: iter([F]),
    "half a header": lambda: iter([F[:300]]),
    "half of the content": lambda: iter([F[:700]]),
    "noise": lambda: iter([bytes(range(1, 256)) * 30]),
    "a wrong checksum": lambda: iter([F.replace(b"x" * 1, b"y", 1)[:148] + b"0000000\0" + F[156:]]),
    "no workspace": lambda: iter([END]),
    "the workspace as a link": lambda: iter([block(header("", kind=b"2", linkname="/")), END]),
    "the workspace as a file": lambda: iter([block(Header("box/workspace")), END]),
    "a thousand levels": lambda: iter([pax(record("path", "box/workspace/" + "d/" * 1000 + "f")), F]),
    "a thousand levels of directories": lambda: iter(
        [pax(record("path", "box/workspace/" + "d/" * 1000)), block(header("d", kind=b"5")), F]
    ),
    "a name past the limit": lambda: iter([pax(record("path", "box/workspace/" + "n" * 201)), F]),
    "a stream of .git": lambda: iter([block(header(".git::$INDEX_ALLOCATION/config"))]),
}  # fmt: skip


def test_46_archives_that_no_engine_would_make() -> None:
    """Refused while they are read: nothing is written, and no more is held than the caps allow."""
    accepted, raised = [], []
    most = 2 * CAPS.content_bytes + 1024 * CAPS.entries
    for name, make in ARCHIVES.items():
        whole = "the workspace as" in name or name == "no workspace"

        start = b"" if whole else ROOT.tobuf(tarfile.USTAR_FORMAT)
        stream = chain([start], make())
        tracemalloc.start()
        try:
            with no_writes():
                files = repack(below(read_tar(stream, max_bytes=most), "box/workspace"), CAPS)
            accepted.append((name, list(files)[:3]))
        except SubmissionRejectedError as error:
            raised.append(str(error))
        finally:
            held = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert held < 4 * CAPS.content_bytes + 8 * MIB, (name, held)
    assert accepted == []
    assert len(raised) == len(ARCHIVES) > 50
    assert all(text.isprintable() for text in raised)
    good = repack(below(read_tar(iter([ROOT.tobuf(), F, END]), max_bytes=most), "box/workspace"), CAPS)
    assert good == {"f": b"x"}  # the same, but for what is wrong with the others
    beside = [
        block(header(name, 1)) + b"y" + bytes(511)
        for name in ("/tmp/escaped", "/box/agent/f", "/box/workspace2/f")
    ]
    whole = chain([ROOT.tobuf()], beside, [F, END])
    assert repack(below(read_tar(whole, max_bytes=most), "box/workspace"), CAPS) == {"f": b"x"}


def test_48_a_thousand_levels(shelf: DockerBox) -> None:
    down = "made = 0\nfor n in range(1000):\n    os.mkdir({name!r}); os.chdir({name!r}); made += 1\n"
    leaf = "open('f', 'w').write('x')\nsay(['made', made])"
    for name, end in (
        ("d", leaf),
        ("d", "say(['made', made])"),
        ("n" * 100, leaf),
        ("n" * 100, "say(['made'])"),
    ):
        said = left_by(shelf, down.format(name=name) + end)
        assert isinstance(said, str), (name, end)
        assert "levels" in said or "characters" in said
    long = "os.makedirs('a' * 100); open('a' * 100 + '/' + 'b' * 100, 'w').close(); say(['made'])"
    assert "200 characters" in left_by(shelf, long)


def test_49_directories_and_files_that_nobody_may_read(shelf: DockerBox) -> None:
    closed = """
os.makedirs('d/e'); open('d/e/f', 'w').write('x'); open('g', 'w').write('y')
for path in ('g', 'd/e/f', 'd/e', 'd'):
    os.chmod(path, 0)
say([tried(os.listdir, 'd'), tried(open, 'g')])
"""
    assert attack(shelf, EMPTIED + closed) == ["EACCES", "EACCES"]
    files = shelf.get()
    attack(shelf, "os.chmod('d', 0o700); os.chmod('d/e', 0o700); say(['open again'])")
    assert files == {"d/e/f": b"x", "g": b"y"}
    setuid = "open('s', 'w').write('#!/bin/sh'); os.chmod('s', 0o6777); say([oct(os.stat('s').st_mode)])"
    assert left_by(shelf, setuid) == {"s": b"#!/bin/sh"}  # modes do not come out at all


def test_50_the_workspace_replaced(docker: DockerSandbox) -> None:
    swap = """
os.chdir('/')
w = '/box/workspace'
ways = {
    'rename': tried(os.rename, w, '/box/old'), 'away': tried(os.rename, w, '/tmp/old'), 'remove': tried(os.rmdir, w),
    'link beside': tried(os.symlink, '/etc', '/box/new'), 'over it': tried(os.rename, '/tmp/link', w) if tried(os.symlink, '/etc', '/tmp/link') == 'done' else 'no link',
    'exchange': called(316, -100, b'/box/workspace', -100, b'/tmp/link', 2), 'mode of /box': tried(os.chmod, '/box', 0o777),
    'mount': called(165, b'/etc', w.encode(), 0, 4096, 0), 'unmount': called(166, b'/box', 2), 'chroot': tried(os.chroot, '/tmp'),
    'owner': tried(os.chown, '/box', os.getuid(), os.getgid()),
}
os.chmod(w, 0)
say(ways)
"""  # noqa: E501
    with docker.open(a_spec(workspace=GIVEN, areas={"agent": {"a.py": b"agent"}})) as box:
        said = attack(box, swap)
        assert "done" not in said.values(), said
        assert len(said) == 11
        assert box.get() == GIVEN


EXTRACTS = {"extractall", "unpack_archive", "extract", "_extract_member"}


def test_51_archives_inside_the_workspace_are_bytes(shelf: DockerBox) -> None:
    """None of our code unpacks anything; a wheel with names that climb out comes back as it is."""
    pack = """
import io, tarfile, zipfile
with zipfile.ZipFile('evil-1.0-py3-none-any.whl', 'w') as wheel:
    for name in ('../../../../tmp/escaped', '/tmp/escaped', 'a/../../b', 'C:\\\\x'):
        wheel.writestr(name, 'x')
with tarfile.open('evil.tar.gz', 'w:gz') as tar:
    tar.addfile(tarfile.TarInfo('../../../../tmp/escaped'))
open('bomb.zip', 'wb').write(b'PK\\x05\\x06' + bytes(18))
say(sorted(os.listdir('.')))
"""
    with no_writes():
        files = left_by(shelf, pack)
    assert isinstance(files, dict)
    assert {"evil-1.0-py3-none-any.whl", "evil.tar.gz", "bomb.zip"} <= set(files)
    with zipfile.ZipFile(io.BytesIO(files["evil-1.0-py3-none-any.whl"])) as wheel:
        assert "../../../../tmp/escaped" in wheel.namelist()
    assert not Path("/tmp/escaped").exists()
    found = {
        (module(path), name)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in [getattr(node, "attr", None) or getattr(node, "id", None)]
        if name in EXTRACTS
    }
    assert found == set()


def test_a_workspace_that_changes_while_it_is_read(docker: DockerSandbox) -> None:
    """A process left behind swaps files for links and back all the time; the read is of one moment."""
    swapping = """
if os.fork() == 0:
    os.setsid()
    while True:
        for n in range(50):
            name = f'f{n}'
            with contextlib.suppress(OSError): os.unlink(name)
            os.symlink('/etc/passwd', name)
            os.unlink(name)
            open(name, 'w').write('x' * 5000)
while not os.path.exists('f49'):
    time.sleep(0.01)
say(['made'])
"""
    with docker.open(a_spec()) as box:
        assert attack(box, swapping) == ["made"]
        before = Path("/etc/passwd").read_bytes()
        for _ in range(5):
            said = come_out(box)
            if isinstance(said, str):
                assert "symbolic link" in said
            else:
                assert set(said.values()) <= {b"", b"x" * 5000}
                assert before not in said.values()


def test_files_that_are_larger_than_they_are(docker: DockerSandbox) -> None:
    """Sparse files, in which the disk's quota sees nothing: 16 GiB of zeros are not read."""
    sparse = """
made = [tried(open(f's{n}', 'w').truncate, 30 << 20) for n in range(500)]
say({'made': made.count('done'), 'huge': tried(open('huge', 'w').truncate, 8 << 40)})
"""
    with docker.open(a_spec(limits=Limits(disk_bytes=16 * MIB))) as box:
        assert attack(box, sparse) == {"made": 500, "huge": "EFBIG"}
        with pytest.raises(SubmissionRejectedError, match=r"bytes|larger"):
            box.get()


NAMES = [
    "a\nb", "a\rb", "\x1b[2J", "\u202egpj.exe", "\u200b", "a\\b", "-rf", ".GIT", ".git ", ".git.", "git~1", ".g\u200cit", "\uff0egit",  # noqa: E501
    ".git:x", ".Git::$INDEX_ALLOCATION", "GIT~2", "\ufeff.git",
]  # fmt: skip
PAIRS = [("a", "A"), ("\u00e9", "e\u0301"), ("ss", "\u00df"), ("\u212a", "k"), ("\u017f", "s")]


def test_names_that_mean_something_else_elsewhere(shelf: DockerBox) -> None:
    for name in NAMES:
        said = left_by(shelf, f"os.mkdir({name!r}); open({name!r} + '/f', 'w').close(); say(os.listdir('.'))")
        assert isinstance(said, str), name
    for one, other in PAIRS:
        said = left_by(shelf, f"[open(n, 'w').close() for n in ({one!r}, {other!r})]; say(os.listdir('.'))")
        assert "collides" in said, (one, other)
    assert "UTF-8" in left_by(shelf, "open(b'\\xff\\xfe', 'w').close(); say(['made'])")
