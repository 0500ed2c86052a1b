"""The first process of a local box: runs one command inside, then tells how it ended. Standard library only.

    init.py OPTION=VALUE ... -- COMMAND ...

In a bubblewrap box this is process 1 of its own process namespace, so the command can neither kill it nor
outlive it; it is not dumpable, so the command (same uid) cannot trace it or read its memory and descriptors.
It unpacks the tree that comes on `tree_in`, runs the command, kills everything that is left, and sends the
workspace back on `report`. At the bare process level it works in a directory of the host and, as its
children's reaper, kills what the command left.

Both streams are frames: kind, mode, length of the name, length of the content, name, content. On `report` the
first frame says `ready` (everything up to here is the machine's fault, from here on the command's), the next
how the command ended, then comes the tree, then `end`; a stream without `end` says that this process was
killed. A tree that does not fit in (an earlier command of the box made it) is a `spoiled` frame in place of `ready`.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import stat
import struct
import sys
import time
from collections.abc import Iterable, Iterator

FRAME = struct.Struct("!cHIQ")
READY, STATUS, FILE, DIRECTORY, SYMLINK, HARDLINK, FIFO, OTHER, SPOILED, END = (
    b"R",
    b"s",
    b"f",
    b"d",
    b"l",
    b"h",
    b"p",
    b"o",
    b"x",
    b"e",
)
MAX_DEPTH = 64  # far below the interpreter's recursion limit, far above what a submission may have
Frame = tuple[bytes, int, bytes, bytes]
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36


def frame(kind: bytes, name: bytes = b"", content: bytes = b"", mode: int = 0) -> bytes:
    return FRAME.pack(kind, mode & 0o7777, len(name), len(content)) + name + content


# ---- the tree in


class Source:
    def __init__(self, descriptor: int) -> None:
        self.file = os.fdopen(descriptor, "rb", buffering=1 << 16)

    def frames(self) -> Iterator[Frame]:
        while True:
            kind, mode, name_length, length = FRAME.unpack(self.take(FRAME.size))
            if kind == END:
                self.file.close()
                return
            yield kind, mode, self.take(name_length), self.take(length)

    def take(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) != size:
            raise SystemExit("the tree ended too early")
        return data


def unpack(frames: Iterable[Frame], root: bytes) -> None:
    """Write the tree. It was made by `pack` or by the host: no name in it leads through a link."""
    modes = []
    for kind, mode, name, content in frames:
        path = os.path.join(root, name)
        if kind == DIRECTORY:
            os.makedirs(path, exist_ok=True)
            modes.append((path, mode))
        elif kind == SYMLINK:
            os.symlink(content, path)
        elif kind == FIFO:
            os.mkfifo(path, mode)
        elif kind in (FILE, HARDLINK):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                left = memoryview(content)
                while left:
                    left = left[file.write(left) :]
                os.fchmod(file.fileno(), mode)
    for path, mode in reversed(modes):
        os.chmod(path, mode)


# ---- the tree out


def pack(root: str, max_files: int, max_bytes: int) -> Iterator[bytes]:
    """Frames of `root`/workspace. What cannot or may not be read ends its directory with a SPOILED frame."""
    left = [max_files, max_bytes]
    workspace = os.path.join(os.fsencode(root), b"workspace")
    yield frame(DIRECTORY, b"workspace", mode=0o755)
    yield from _pack(workspace, b"workspace/", 1, left)


def _pack(directory: bytes, prefix: bytes, depth: int, left: list[int]) -> Iterator[bytes]:
    if depth > MAX_DEPTH:
        yield frame(SPOILED, prefix[:300], b"directories nested too deeply")
        return
    try:
        os.chmod(directory, stat.S_IMODE(os.lstat(directory).st_mode) | 0o700)
        entries = []
        with os.scandir(directory) as listing:
            for entry in listing:
                entries.append(entry)
                left[0] -= 1
                if left[0] < 0:
                    yield frame(SPOILED, b"", b"too many files and directories")
                    return
    except OSError as error:
        yield frame(SPOILED, prefix[:300], os.strerror(error.errno or 0).encode())
        return
    for entry in sorted(entries, key=lambda entry: entry.name):
        name = prefix + entry.name
        try:
            info = entry.stat(follow_symlinks=False)
            mode = stat.S_IMODE(info.st_mode)
            if stat.S_ISDIR(info.st_mode):
                yield frame(DIRECTORY, name, mode=mode)
                yield from _pack(entry.path, name + b"/", depth + 1, left)
            elif stat.S_ISLNK(info.st_mode):
                yield frame(SYMLINK, name, os.readlink(entry.path))
            elif stat.S_ISREG(info.st_mode):
                left[1] -= info.st_size
                if left[1] < 0:
                    yield frame(SPOILED, name[:300], b"too many bytes in the workspace")
                    return
                content = read(entry.path, mode, info.st_size)
                yield frame(FILE if info.st_nlink == 1 else HARDLINK, name, content, mode)
            else:
                yield frame(FIFO if stat.S_ISFIFO(info.st_mode) else OTHER, name, mode=mode)
        except OSError as error:
            yield frame(SPOILED, name[:300], os.strerror(error.errno or 0).encode())
            return


def read(path: bytes, mode: int, size: int) -> bytes:
    if not mode & 0o400:
        os.chmod(path, mode | 0o400)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        content = bytearray()
        while len(content) < size and (chunk := file.read(size - len(content))):
            content += chunk
    return bytes(content)


# ---- the command


def start(command: list[str], options: dict[str, str], libc: ctypes.CDLL) -> int:
    """Fork and execute: a session of its own, limits set, no descriptors but 0, 1, 2 (and the channel)."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        channel = options.get("channel")
        if channel is not None:
            os.dup2(int(channel), 3, inheritable=True)
        os.closerange(4 if channel is not None else 3, 1 << 16)
        libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the next file is not ours to write
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write("1000")  # if memory runs out on the machine, this goes first
        except OSError:
            pass
        for name in ("data", "fsize", "nofile", "nproc", "core"):
            if name in options:
                kind = getattr(resource, "RLIMIT_" + name.upper())
                value = int(options[name])
                hard = resource.getrlimit(kind)[1]
                if hard != resource.RLIM_INFINITY:
                    value = min(value, hard)
                resource.setrlimit(kind, (value, value))
        for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(options["cwd"])
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, ("%s: %s\n" % (command[0], error.strerror)).encode("utf-8", "replace"))
        os._exit(127 if error.errno == 2 else 126)
    finally:
        os._exit(126)


def oom_kills() -> int:
    try:
        with open("/proc/vmstat") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def end_by_own_clock(seconds: float) -> None:
    """End this namespace after `seconds`, even if nobody outside acts any more. A signal before that does nothing."""
    end = time.monotonic() + seconds

    def ring(*_: object) -> None:
        if time.monotonic() >= end:
            os._exit(1)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds + 0.1, 1.0)


def wait(pid: int) -> int:
    """Reap until the command itself has ended; gives its wait status."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return status


def kill_all_in_namespace() -> None:
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            return


def kill_descendants() -> None:
    """The bare process level: orphans come to us, so killing children until none is left ends them all."""
    while children := [
        int(name) for name in os.listdir("/proc") if name.isdigit() and parent_of(name) == os.getpid()
    ]:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


def parent_of(pid: str) -> int:
    try:
        with open("/proc/%s/stat" % pid, "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def main(arguments: list[str]) -> None:
    split = arguments.index("--")
    options = dict(argument.split("=", 1) for argument in arguments[:split])
    command = arguments[split + 1 :]
    alone = os.getpid() == 1
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    report = os.fdopen(int(options["report"]), "wb", buffering=1 << 16)
    os.set_inheritable(report.fileno(), False)

    if alone:
        # Process 1 gets no signal from its own namespace but those that it handles; the interpreter handles this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_by_own_clock(float(options["seconds"]))
        try:
            unpack(Source(int(options["tree_in"])).frames(), b"/box")
        except OSError as error:
            report.write(frame(SPOILED, content=os.strerror(error.errno or 0).encode()))
            report.flush()
            os._exit(1)
        kill_rest = kill_all_in_namespace
    else:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(options["parent"]):
            os._exit(0)  # it died before it could be heard dying
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        kill_rest = kill_descendants

        def stop(*_: object) -> None:
            kill_descendants()
            os._exit(0)

        signal.signal(signal.SIGTERM, stop)

    if "relay" in options:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        relay = importlib.import_module("relay")  # lies beside this file inside

        path, port = options["relay"].rsplit(":", 1)
        listener = relay.listen(int(port))
    report.write(frame(READY))
    report.flush()
    killed_before = oom_kills()
    pid = start(command, options, libc)
    if "channel" in options:
        os.close(int(options["channel"]))
    if "relay" in options:
        import threading

        threading.Thread(target=relay.serve, args=(listener, path), daemon=True).start()
    status = wait(pid)
    kill_rest()
    if os.WIFEXITED(status):
        ending = "exited %d" % os.WEXITSTATUS(status)
    elif os.WTERMSIG(status) == signal.SIGKILL and oom_kills() > killed_before:
        ending = "memory"
    else:
        ending = "signal %d" % os.WTERMSIG(status)
    report.write(frame(STATUS, content=ending.encode()))
    if "root" in options:
        for piece in pack(options["root"], int(options["max_files"]), int(options["max_bytes"])):
            report.write(piece)
    report.write(frame(END))
    report.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
