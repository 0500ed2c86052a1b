"""What every backend must do, as test classes to inherit, and a stand-in for the gateway.

@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]: ...

class TestMyLevel(IsolationContract): ...        # SandboxContract for a level that promises no isolation
"""

from __future__ import annotations

import json
import shutil
import socketserver
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from sandbox.base import MIB, Box, BoxSpec, ExecResult, Files, Limits, Sandbox
from sandbox.errors import BoxEndedError, InvalidSpecError, SubmissionRejectedError

ODD_FILES = {
    "every byte.bin": bytes(range(256)) * 40,
    "empty": b"",
    "no newline": b"end",
    "line\\ends"[:4] + ".txt": b"a\r\nb\rc\n\0",
    "deep/er/ünïcode ☃.txt": "\ufeff☃".encode(),
    "deep/-not".replace("-", "") + ".sh": b"#!/bin/sh\nexit 7\n",
    "x" * 150: b"a long name",
    "$(touch pwned)`;'\" *": b"a name for shells",
}


@contextmanager
def gateway(answer: dict[str, object] | None = None) -> Iterator[Path]:
    """An HTTP server on `gateway.sock` in a directory of its own; each request gets `answer` and an echo."""
    door = Path(tempfile.mkdtemp(prefix="dgm-door-"))
    try:
        with gateway_in(door, answer):
            yield door
    finally:
        shutil.rmtree(door)


@contextmanager
def gateway_in(door: Path, answer: dict[str, object] | None = None) -> Iterator[None]:
    """The same in this directory, until it is left."""
    socket = door / "gateway.sock"
    try:
        with _Server(str(socket), _Handler) as server:
            server.answer = answer or {"object": "list", "data": []}
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            serving.start()
            try:
                yield
            finally:
                server.shutdown()
                serving.join()
    finally:
        socket.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    answer: dict[str, object]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        assert isinstance(self.server, _Server)
        echo = {"path": self.path, "body": body.decode("utf-8", "replace")}
        data = json.dumps({**self.server.answer, "echo": echo}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _reply

    def log_message(self, format: str, *args: object) -> None:
        pass


def processes_named(marker: str) -> list[int]:
    """Processes of this machine with `marker` on their command line, whatever namespace they live in."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                if marker.encode() in (directory / "cmdline").read_bytes():
                    found.append(int(directory.name))
            except OSError:
                continue
    return found


def gone(marker: str, seconds: float = 30.0) -> bool:
    """Whether no process carries `marker` any more, within `seconds`."""
    end = time.monotonic() + seconds
    while processes_named(marker):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def a_spec(**given: Any) -> BoxSpec:
    fields: dict[str, Any] = {"name": f"test-{uuid.uuid4().hex[:8]}", "kind": "solve"}
    return BoxSpec(**{**fields, **given})


def python(box: Box, code: str, *words: str, **given: Any) -> ExecResult:
    return box.exec(["python3", "-c", code, *words], **given)


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


def files_or_none(box: Box) -> Files | None:
    """What came out, or None when it was rejected."""
    try:
        return box.get()
    except SubmissionRejectedError:
        return None


class SandboxContract:
    """What holds at every level."""

    @pytest.fixture
    def box(self, sandbox: Sandbox) -> Iterator[Box]:
        with sandbox.open(a_spec(workspace=ODD_FILES, areas={"agent": {"a/b.py": b"print('here')"}})) as box:
            yield box

    # ---- files

    def test_odd_bytes_and_names_come_back_as_they_went_in(self, box: Box) -> None:
        assert box.get() == ODD_FILES
        box.exec(["true"])
        assert box.get() == ODD_FILES

    def test_what_a_command_writes_is_seen_by_the_next_one_and_comes_back(self, box: Box) -> None:
        assert (
            python(box, "import os; os.mkdir('n'); open('n/f','wb').write(bytes(range(256)))").exit_code == 0
        )
        assert (
            python(box, "import os; os.remove('empty'); print(len(open('n/f','rb').read()))").stdout
            == b"256\n"
        )
        files = box.get()
        assert files["n/f"] == bytes(range(256))
        assert "empty" not in files

    def test_executable_bits_last_from_one_command_to_the_next(self, box: Box) -> None:
        assert box.exec(["chmod", "+x", "deep/not.sh"]).exit_code == 0
        assert box.exec(["./deep/not.sh"]).exit_code == 7

    def test_a_symbolic_link_rejects_the_workspace(self, box: Box) -> None:
        box.exec(["ln", "-s", "/etc/passwd", "link"])
        with pytest.raises(SubmissionRejectedError, match="symbolic link") as caught:
            box.get()
        assert caught.value.path == "link"

    def test_a_hard_link_rejects_the_workspace(self, box: Box) -> None:
        box.exec(["ln", "empty", "again"])
        with pytest.raises(SubmissionRejectedError, match="hard link"):
            box.get()

    def test_a_fifo_rejects_the_workspace(self, box: Box) -> None:
        box.exec(["mkfifo", "pipe"])
        with pytest.raises(SubmissionRejectedError, match="fifo"):
            box.get()

    def test_a_name_with_control_characters_rejects_the_workspace(self, box: Box) -> None:
        box.exec(["touch", "a\nb"])
        with pytest.raises(SubmissionRejectedError, match="control"):
            box.get()

    def test_repositories_and_byte_code_are_left_behind(self, box: Box) -> None:
        script = "mkdir -p .git/hooks sub/__pycache__; echo x > .git/hooks/pre-commit; ln -s / .git/l; "
        box.exec(
            ["sh", "-c", script + "echo x > sub/__pycache__/m.pyc; echo x > sub/m.pyc; echo y > sub/m.py"]
        )
        assert set(box.get()) == {*ODD_FILES, "sub/m.py"}

    def test_unreadable_files_come_back_too(self, box: Box) -> None:
        box.exec(["sh", "-c", "mkdir shut; echo x > shut/f; chmod 0 shut/f shut"])
        assert box.get()["shut/f"] == b"x\n"

    def test_more_files_than_allowed_are_rejected(self, sandbox: Sandbox) -> None:
        with sandbox.open(a_spec(limits=Limits(disk_files=20))) as box:
            python(box, "for i in range(40): open(str(i), 'w').close()")
            files = files_or_none(box)
        assert files is None or len(files) <= 20  # counted on the way out, or stopped by a quota

    # ---- commands

    @pytest.mark.parametrize("code", [0, 1, 3, 255])
    def test_the_exit_code_is_the_commands_own(self, box: Box, code: int) -> None:
        result = box.exec(["sh", "-c", f"exit {code}"])
        assert (result.exit_code, result.timed_out, result.out_of_memory) == (code, False, False)

    def test_a_command_that_does_not_exist_is_its_own_failure(self, box: Box) -> None:
        assert box.exec(["no-such-program"]).exit_code in (126, 127)

    def test_death_by_signal_is_told_as_shells_tell_it(self, box: Box) -> None:
        assert box.exec(["sh", "-c", "kill -TERM $$"]).exit_code == 128 + 15
        assert box.exec(["sh", "-c", "kill -KILL $$"]).exit_code == 128 + 9

    def test_both_streams_arrive_apart_and_whole(self, box: Box) -> None:
        result = python(box, "import sys; sys.stdout.buffer.write(bytes(range(256))); sys.stderr.write('no')")
        assert (result.stdout, result.stderr, result.truncated) == (bytes(range(256)), b"no", False)

    def test_output_is_cut_at_its_cap_and_the_command_goes_on(self, sandbox: Sandbox) -> None:
        with sandbox.open(a_spec(limits=Limits(output_bytes=1000))) as box:
            result = python(
                box, "import sys; [print('x' * 999999, file=f) for f in (sys.stdout, sys.stderr)]"
            )
        assert result.exit_code == 0
        assert result.stdout == result.stderr == b"x" * 1000
        assert result.truncated

    def test_the_environment_is_what_was_given(self, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DGM_TEST_SECRET", "sk-something")
        result = python(box, "import json, os; print(json.dumps(dict(os.environ)))", env={"GIVEN": "ü=1 2"})
        environment = json.loads(result.stdout)
        assert environment.pop("GIVEN") == "ü=1 2"
        assert set(environment) <= {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "HOSTNAME", "LC_CTYPE"}

    def test_arguments_arrive_as_they_are(self, box: Box) -> None:
        words = ["", " ", "--", "-x", "a=b", "$(id)", "ü\n"]
        result = python(box, "import json, sys; print(json.dumps(sys.argv[1:]))", *words)
        assert json.loads(result.stdout) == words

    def test_standard_input_is_empty(self, box: Box) -> None:
        assert python(box, "import sys; print(repr(sys.stdin.read()))").stdout == b"''\n"

    def test_a_command_runs_in_the_directory_of_its_area(self, box: Box) -> None:
        assert box.exec(["python3", "a/b.py"], area="agent").stdout == b"here\n"
        assert box.exec(["python3", box.path("agent") + "/a/b.py"]).stdout == b"here\n"
        assert box.exec(["pwd"]).stdout.decode().strip() == box.path("workspace")

    def test_scratch_places_can_be_written(self, box: Box) -> None:
        code = "import tempfile; tempfile.NamedTemporaryFile().write(b'x')"
        assert python(box, code).exit_code == 0
        assert box.exec(["sh", "-c", 'echo x > "$HOME/x"']).exit_code == 0

    def test_git_works_in_the_workspace(self, box: Box) -> None:
        if box.exec(["git", "--version"]).exit_code != 0:
            pytest.skip("no git here")
        script = (
            "git init -q . && git add empty && git -c user.name=a -c user.email=b commit -qm x && git log"
        )
        assert box.exec(["sh", "-c", script]).exit_code == 0

    def test_an_unknown_area_is_our_own_mistake(self, box: Box) -> None:
        with pytest.raises(InvalidSpecError, match="nowhere"):
            box.exec(["true"], area="nowhere")

    def test_a_specification_with_a_path_out_of_its_area_is_refused(self, sandbox: Sandbox) -> None:
        with pytest.raises(InvalidSpecError):
            sandbox.open(a_spec(workspace={"../x": b""}))
        with pytest.raises(InvalidSpecError):
            sandbox.open(a_spec(areas={"workspace": {}}))

    # ---- the clock and the end

    def test_the_deadline_kills_the_command_and_all_that_fled_from_it(self, sandbox: Sandbox) -> None:
        marker = f"7{uuid.uuid4().int % 10**9}"
        flight = f"(setsid sh -c 'trap \"\" TERM HUP INT; sleep {marker} & sleep {marker}' &) ; "
        with sandbox.open(a_spec()) as box:
            result = box.exec(
                ["sh", "-c", f"trap '' TERM HUP INT; {flight} echo on; sleep {marker}"], seconds=3.0
            )
            assert (result.exit_code, result.timed_out, result.stdout) == (None, True, b"on\n")
            assert gone(marker)
            with pytest.raises(BoxEndedError):
                box.get()
            with pytest.raises(BoxEndedError):
                box.exec(["true"])

    def test_a_child_that_holds_the_pipe_open_does_not_hold_the_command(self, sandbox: Sandbox) -> None:
        marker = f"7{uuid.uuid4().int % 10**9}"
        with sandbox.open(a_spec()) as box:
            result = box.exec(["sh", "-c", f"setsid sleep {marker} & echo on"], seconds=30)
            assert (result.exit_code, result.stdout, result.timed_out) == (0, b"on\n", False)
        assert gone(marker)

    def test_closing_twice_is_fine_and_a_closed_box_says_so(self, sandbox: Sandbox) -> None:
        box = sandbox.open(a_spec())
        box.close()
        box.close()
        with pytest.raises(BoxEndedError):
            box.exec(["true"])

    def test_taking_the_workspace_is_the_end_of_the_box(self, sandbox: Sandbox) -> None:
        marker = f"7{uuid.uuid4().int % 10**9}"
        with sandbox.open(a_spec(workspace={"f": b"x"})) as box:
            box.exec(["sh", "-c", f"setsid sleep {marker} > /dev/null 2>&1 & echo y > f"])
            assert box.take() == {"f": b"y\n"}
            with pytest.raises(BoxEndedError):
                box.exec(["true"])
        assert gone(marker)

    def test_several_boxes_at_once_do_not_meet(self, sandbox: Sandbox) -> None:
        def use(number: int) -> bytes:
            with sandbox.open(a_spec(workspace={"n": str(number).encode()})) as box:
                box.exec(["sh", "-c", "sleep 0.1; cat n > m"])
                return box.get()["m"]

        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(use, range(5))) == [str(number).encode() for number in range(5)]

    # ---- pairs

    def test_a_pair_talks_over_its_channel_and_gives_the_trusted_result(self, sandbox: Sandbox) -> None:
        driver = b"import socket, sys\ns = socket.socket(fileno=3)\ns.sendall(b'ping')\ns.shutdown(1)\n"
        driver += b"data = b''\nwhile chunk := s.recv(9): data += chunk\nprint(data.decode()); sys.exit(5)\n"
        worker = (
            b"import socket, w\ns = socket.socket(fileno=3)\nprint('dropped')\ns.sendall(w.f(s.recv(100)))"
        )
        spec = a_spec(
            kind="grade",
            workspace={"w.py": b"def f(x): return x * 3"},
            areas={"lib": {"worker.py": b"import sys; sys.path.insert(0, '.')\n" + worker}},
            private={"tests": {"driver.py": driver}},
        )
        with sandbox.open(spec) as box:
            for _ in range(2):
                result = box.exec_pair(
                    ["python3", box.path("tests") + "/driver.py"], ["python3", box.path("lib") + "/worker.py"]
                )
                assert (result.exit_code, result.stdout) == (5, b"pingpingping\n"), result

    def test_the_worker_of_a_pair_ends_with_its_driver(self, sandbox: Sandbox) -> None:
        marker = f"7{uuid.uuid4().int % 10**9}"
        with sandbox.open(a_spec(kind="grade", private={"tests": {"x": b""}})) as box:
            result = box.exec_pair(
                ["sh", "-c", "sleep 0.3; echo done"], ["sh", "-c", f"setsid sleep {marker}"]
            )
            assert (result.exit_code, result.stdout) == (0, b"done\n")
        assert gone(marker)

    def test_a_worker_that_ends_at_once_closes_the_channel(self, sandbox: Sandbox) -> None:
        code = "import socket; print(socket.socket(fileno=3).recv(10))"
        with sandbox.open(a_spec(kind="grade", private={"tests": {"x": b""}})) as box:
            result = box.exec_pair(["python3", "-c", code], ["true"], seconds=60)
        assert (result.exit_code, result.stdout) == (0, b"b''\n")

    def test_a_pair_is_killed_at_its_deadline(self, sandbox: Sandbox) -> None:
        marker = f"7{uuid.uuid4().int % 10**9}"
        with sandbox.open(a_spec(kind="grade", private={"tests": {"x": b""}})) as box:
            result = box.exec_pair(["sleep", marker], ["sleep", marker], seconds=0.5)
            assert (result.exit_code, result.timed_out) == (None, True)
            assert gone(marker)

    # ---- the door

    def test_without_a_door_there_is_no_address(self, box: Box) -> None:
        assert box.base_url is None

    def test_the_door_leads_to_the_gateway(self, sandbox: Sandbox) -> None:
        code = (
            "import os, urllib.request as u\n"
            "for body in (None, b'x' * 300000):\n"
            "    print(u.urlopen(os.environ['URL'] + '/models', body).read().decode())"
        )
        with gateway() as door, sandbox.open(a_spec(door=door)) as box:
            assert box.base_url is not None
            result = python(box, code, env={"URL": box.base_url})
            assert result.exit_code == 0, result.stderr
            lines = [json.loads(line) for line in result.stdout.splitlines()]
            assert [line["echo"]["path"] for line in lines] == ["/v1/models"] * 2
            assert lines[1]["echo"]["body"] == "x" * 300000

    def test_a_gateway_that_is_away_answers_502(self, sandbox: Sandbox) -> None:
        code = (
            "import sys, urllib.error, urllib.request\n"
            "try: urllib.request.urlopen(sys.argv[1])\n"
            "except urllib.error.HTTPError as e: print(e.code)"
        )
        door = Path(tempfile.mkdtemp(prefix="dgm-door-"))
        try:
            with sandbox.open(a_spec(door=door)) as box:
                result = python(box, code, f"{box.base_url}/models")
            assert result.stdout == b"502\n", result.stderr
        finally:
            door.rmdir()

    def test_the_stock_client_works_with_nothing_but_the_address(self, sandbox: Sandbox) -> None:
        message = {"role": "assistant", "content": "hello"}
        answer: dict[str, object] = {
            "id": "c", "object": "chat.completion", "created": 0, "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        }  # fmt: skip
        code = (
            "import openai\n"
            "ask = openai.OpenAI().chat.completions.create\n"
            "print(ask(model='m', messages=[{'role': 'user', 'content': 'hi'}]).choices[0].message.content)"
        )
        with gateway(answer) as door, sandbox.open(a_spec(door=door)) as box:
            env = {"OPENAI_BASE_URL": box.base_url or "", "OPENAI_API_KEY": "dummy"}
            result = python(box, code, env=env)
        assert (result.exit_code, result.stdout) == (0, b"hello\n"), result.stderr


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
