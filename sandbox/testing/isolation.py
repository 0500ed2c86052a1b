"""What holds at every level that isolates."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from sandbox.base import MIB, Box, Limits, Sandbox
from sandbox.testing.boxes import ODD_FILES, a_spec, files_or_none, python
from sandbox.testing.contract import SandboxContract

TOUCH = """
import json, os, signal, socket

def reachable(name):
    if name != '1':  # process 1 of a namespace ignores what it does not handle, without an error
        yield lambda: os.kill(int(name), signal.SIGKILL)
    yield lambda: os.listdir(f'/proc/{name}/fd')
    yield lambda: open(f'/proc/{name}/environ').read(1)
    yield lambda: open(f'/proc/{name}/mem', 'r+b')

touched = []
for name in os.listdir('/proc'):
    if name.isdigit() and int(name) != os.getpid():
        for reach in reachable(name):
            try:
                reach()
            except OSError:
                continue
            touched.append(name)
socket.socket(fileno=3).sendall(json.dumps(touched).encode())
"""


class IsolationContract(SandboxContract):
    """What holds at every level that isolates."""

    def test_the_private_area_is_hidden_from_the_untrusted(self, sandbox: Sandbox) -> None:
        spec = a_spec(kind="grade", private={"tests": {"secret.txt": b"answer"}})
        with sandbox.open(spec) as box:
            path = box.path("tests")
            assert box.exec(["cat", f"{path}/secret.txt"]).exit_code != 0
            assert box.exec(["ls", path]).exit_code != 0
            read = (
                "import socket,sys\ntry: d = open(sys.argv[1]).read()\nexcept OSError as e: d = 'refused'\n"
            )
            worker = [
                "python3",
                "-c",
                read + "socket.socket(fileno=3).sendall(d.encode())",
                f"{path}/secret.txt",
            ]
            driver = (
                f"import socket; print(open('{path}/secret.txt').read(), socket.socket(fileno=3).recv(99))"
            )
            assert box.exec_pair(["python3", "-c", driver], worker).stdout == b"answer b'refused'\n"

    def test_the_halves_of_a_pair_cannot_touch_each_other(self, sandbox: Sandbox) -> None:
        with sandbox.open(a_spec(kind="grade", private={"tests": {"x": b""}})) as box:
            driver = ["python3", "-c", "import socket; print(socket.socket(fileno=3).recv(9999).decode())"]
            result = box.exec_pair(driver, ["python3", "-c", TOUCH], seconds=60)
            assert (result.exit_code, result.stdout) == (0, b"[]\n"), result

    def test_a_readable_area_is_pristine_for_every_command(self, box: Box) -> None:
        path = box.path("agent") + "/a/b.py"
        assert box.exec(["sh", "-c", f"echo hacked > {path}"]).exit_code != 0
        box.exec(["sh", "-c", f"chmod -R u+w {box.path('agent')}; echo hacked > {path}"])
        assert box.exec(["cat", path]).stdout == b"print('here')"

    def test_nothing_else_can_be_written(self, box: Box) -> None:
        root = str(Path(box.path("workspace")).parent)
        for directory in ("/", "/usr", "/etc", "/opt", "/var", "/dev", "/proc", root):
            assert box.exec(["touch", f"{directory}/x"]).exit_code != 0

    def test_there_is_no_way_out(self, box: Box) -> None:
        code = (
            "import socket\n"
            "for family, address in ((socket.AF_INET, '192.0.2.1'), (socket.AF_INET6, '2001:db8::1')):\n"
            "    print(socket.socket(family).connect_ex((address, 80)))\n"
            "print([name for _, name in socket.if_nameindex()])"
        )
        lines = python(box, code, seconds=60).stdout.decode().splitlines()
        assert "0" not in lines[:2]
        assert lines[2] == "['lo']"

    def test_the_hosts_files_are_not_there(self, box: Box) -> None:
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).chmod(0o644)
            assert box.exec(["cat", file.name]).exit_code != 0
        assert box.exec(["cat", str(Path(__file__).resolve())]).exit_code != 0

    def test_the_workspace_has_a_quota(self, sandbox: Sandbox) -> None:
        limits = Limits(disk_bytes=4 * MIB, file_bytes=8 * MIB)
        with sandbox.open(a_spec(limits=limits)) as box:
            assert b"No space" in box.exec(["dd", "if=/dev/zero", "of=big", "bs=1M", "count=6"]).stderr
            files = files_or_none(box)
        assert files is None or sum(map(len, files.values())) <= limits.disk_bytes

    def test_a_sparse_file_is_stopped_by_the_file_limit(self, sandbox: Sandbox) -> None:
        with sandbox.open(a_spec(limits=Limits(file_bytes=MIB))) as box:
            assert box.exec(["truncate", "-s", "8T", "hole"]).exit_code != 0
            assert box.get().get("hole", b"") == b""

    def test_a_fork_bomb_stays_in_its_box(self, sandbox: Sandbox) -> None:
        code = (
            "import os, time\n"
            "n = 0\n"
            "try:\n"
            "    while n < 500:\n"
            "        n += 1\n"
            "        if not os.fork(): time.sleep(90); os._exit(0)\n"
            "except OSError: print('stopped', n < 60)"
        )
        with sandbox.open(a_spec(limits=Limits(processes=40))) as box:
            result = python(box, code, seconds=60)
        assert result.stdout == b"stopped True\n", result

    def test_a_memory_hog_is_stopped(self, sandbox: Sandbox) -> None:
        with sandbox.open(a_spec(limits=Limits(memory_bytes=128 * MIB))) as box:
            result = python(box, "a = []\nwhile True: a.append(bytearray(1 << 20))", seconds=120)
        assert not result.timed_out
        assert result.out_of_memory or (result.exit_code == 1 and b"MemoryError" in result.stderr), result
        assert not result.out_of_memory or result.exit_code is None

    def test_the_command_cannot_end_what_watches_it(self, box: Box) -> None:
        code = (
            "import contextlib, os\n"
            "for number in range(1, 65):\n"
            "    with contextlib.suppress(OSError): os.kill(1, number)\n"
            "print('alive')"
        )
        assert python(box, code).stdout == b"alive\n"
        assert box.exec(["true"]).exit_code == 0
        assert box.get() == ODD_FILES

    @pytest.mark.parametrize("limit", ["AS", "CPU", "NOFILE", "DATA"])
    def test_taking_resources_from_what_watches_it_never_looks_like_an_outage(
        self, box: Box, limit: str
    ) -> None:
        code = (
            "import contextlib, resource as r, time\n"
            f"with contextlib.suppress(OSError): r.prlimit(1, r.RLIMIT_{limit}, (0, 0))\n"
            "time.sleep(0.2)"
        )
        assert python(box, code, seconds=60).exit_code is not None
        files = files_or_none(box)
        assert files is None or files == ODD_FILES

    def test_a_tree_that_cannot_be_laid_out_again_never_looks_like_an_outage(self, sandbox: Sandbox) -> None:
        # Holes and half pages: more room when written out than while they were made.
        code = "import os\nfor i in range(300): os.truncate(os.open(f'{i}', os.O_CREAT | os.O_WRONLY), 4097)"
        with sandbox.open(a_spec(limits=Limits(disk_bytes=3 * MIB // 2, disk_files=400))) as box:
            assert python(box, code).exit_code == 0
            assert box.exec(["true"]).exit_code in (0, 126)
            assert len(files_or_none(box) or ()) in (0, 300)

    def test_paths_longer_than_the_system_allows_are_rejected(self, box: Box) -> None:
        code = "import os\nfor _ in range(40):\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)\nopen('f' * 200, 'w')"
        assert python(box, code).exit_code == 0
        files = files_or_none(box)  # the engine's own walk leaves out what it cannot name
        assert files is None or files == ODD_FILES
