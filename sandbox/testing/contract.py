"""What holds at every level."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.base import Box, Limits, Sandbox
from sandbox.errors import BoxEndedError, InvalidSpecError, SubmissionRejectedError
from sandbox.testing.boxes import ODD_FILES, a_spec, files_or_none, gone, python
from sandbox.testing.doors import gateway


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
