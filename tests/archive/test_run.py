"""The directory of a run: created whole, opened by one driver, refused with a reason."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import archive
from archive import (
    FORMAT_VERSION,
    CorruptArchiveError,
    DiskFullError,
    ForeignDirectoryError,
    FormatVersionError,
    NotWritableError,
    Row,
    Run,
    RunExistsError,
    RunInfo,
    RunLockedError,
    Split,
    create_run,
    resume_run,
)
from archive.testing import a_change, a_search, an_agent

INFO = RunInfo(
    id="run",
    seed=7,
    config={"policy": {"name": "huxley", "tau": 1.5}, "list": [1, None, "ü"]},
    packages={"dgm": "0.1.0"},
    splits={Split.SEARCH: ("katas/a", "katas/b"), Split.CONFIRM: (), Split.TEST: ("katas/c",)},
)


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own that runs `script`."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_a_run_remembers_what_it_was_created_with(tmp_path: Path) -> None:
    with create_run(tmp_path / "runs" / "new", INFO) as run:
        assert run.info == INFO
        assert run.next_seq == 0
    with archive.open(tmp_path / "runs" / "new") as reader:
        assert reader.info == INFO
    with resume_run(tmp_path / "runs" / "new") as again:
        assert again.info == INFO
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["new"]


def test_what_fixed_at_creation_is_plain_json(tmp_path: Path) -> None:
    create_run(tmp_path / "run", INFO).close()
    content = json.loads((tmp_path / "run" / "run.json").read_text())
    assert content["format_version"] == FORMAT_VERSION
    assert content["splits"] == {"search": ["katas/a", "katas/b"], "confirm": [], "test": ["katas/c"]}
    assert content["config"]["policy"]["tau"] == 1.5


def test_a_task_is_in_one_split() -> None:
    with pytest.raises(ValueError, match="got twice: katas/a"):
        RunInfo(id="x", seed=1, splits={Split.SEARCH: ("katas/a",), Split.TEST: ("katas/a",)})


def test_a_run_is_not_created_over_something(tmp_path: Path) -> None:
    create_run(tmp_path / "run", INFO).close()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for name in ("run", "other", "file"):
        with pytest.raises(RunExistsError, match=name):
            create_run(tmp_path / name, INFO)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "other", "run"]
    (tmp_path / "empty").mkdir()
    create_run(tmp_path / "empty", INFO).close()


def test_what_is_not_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"name": "my own thing"}')
    for path, message in [
        (tmp_path / "nothing", "is not there"),
        (tmp_path.parent, "it has no run.json"),
        (tmp_path, "does not say format 'dgm archive'"),
    ]:
        for opener in (archive.open, resume_run):
            with pytest.raises(ForeignDirectoryError, match=message):
                opener(path)


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, None, "1"])
def test_another_format_version_is_refused(tmp_path: Path, version: object) -> None:
    create_run(tmp_path / "run", INFO).close()
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": version}))
    for opener in (archive.open, resume_run):
        said = f"format version {version}, this release reads 1 to {FORMAT_VERSION}"
        with pytest.raises(FormatVersionError, match=said):
            opener(tmp_path / "run")


def test_a_changed_run_json_is_named(tmp_path: Path) -> None:
    create_run(tmp_path / "run", INFO).close()
    path = tmp_path / "run" / "run.json"
    whole = path.read_bytes()
    for content in (
        b"",
        whole[: len(whole) // 2],
        b"\xff" + whole,
        whole.replace(b'"seed": 7', b'"seed": 8'),
        json.dumps({key: value for key, value in json.loads(whole).items() if key != "id"}).encode(),
    ):
        path.write_bytes(content)
        for opener in (archive.open, resume_run):
            with pytest.raises(CorruptArchiveError, match=r"run\.json: "):
                opener(tmp_path / "run")


def test_two_drivers_on_one_run(tmp_path: Path) -> None:
    with create_run(tmp_path / "run", INFO) as run:
        with pytest.raises(
            RunLockedError, match=f"process {os.getpid()} on {socket.gethostname()}"
        ) as caught:
            resume_run(tmp_path / "run")
        assert (caught.value.pid, caught.value.host) == (os.getpid(), socket.gethostname())
        run.append(an_agent(0))
    resume_run(tmp_path / "run").close()


def test_the_holder_in_another_process_is_named_and_a_killed_one_is_followed_at_once(tmp_path: Path) -> None:
    holder = python(
        """
        import sys, time
        from archive import RunInfo, create_run
        from archive.testing import an_agent
        run = create_run(sys.argv[1], RunInfo(id="run", seed=1))
        run.append(an_agent(0))
        print("ready", flush=True)
        time.sleep(60)
        """,
        tmp_path / "run",
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        with pytest.raises(RunLockedError) as caught:
            resume_run(tmp_path / "run")
        assert caught.value.pid == holder.pid
        assert archive.open(tmp_path / "run").next_seq == 1
        holder.kill()
        holder.wait()
        with resume_run(tmp_path / "run") as run:
            assert run.next_seq == 1


def test_the_lock_is_not_inherited_by_commands(tmp_path: Path) -> None:
    with create_run(tmp_path / "run", INFO):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        resume_run(tmp_path / "run").close()
    finally:
        child.kill()
        child.wait()


def test_a_creation_that_was_killed_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    killed = python(
        """
        import os, signal, sys
        from archive import RunInfo, create_run
        sys.addaudithook(lambda event, args: event == "os.rename" and str(args[0]).endswith(".new")
                         and os.kill(os.getpid(), signal.SIGKILL))
        create_run(sys.argv[1], RunInfo(id="run", seed=1))
        """,
        tmp_path / "run",
    )
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".run.")
    with pytest.raises(ForeignDirectoryError):
        archive.open(tmp_path / "run")
    create_run(tmp_path / "run", INFO).close()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_two_creations_at_once(tmp_path: Path) -> None:
    script = """
        import sys
        from archive import RunExistsError, RunInfo, create_run
        try:
            create_run(sys.argv[1], RunInfo(id="run", seed=1)).close()
            print("created")
        except RunExistsError:
            print("exists")
        """
    both = [python(script, tmp_path / "run") for _ in range(2)]
    assert sorted(process.communicate()[0] for process in both) == ["created\n", "exists\n"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    resume_run(tmp_path / "run").close()


def test_readers_cannot_append(tmp_path: Path) -> None:
    create_run(tmp_path / "run", INFO).close()
    with (
        archive.open(tmp_path / "run") as reader,
        pytest.raises(NotWritableError, match="opened for reading"),
    ):
        reader.append(an_agent(0))


KILLED = """
    import sys
    from archive import resume_run
    from archive.testing import a_search
    run = resume_run(sys.argv[1], segment_lines=int(sys.argv[2]))
    entries = a_search(400)
    print("ready", flush=True)
    while True:
        print(run.append(*entries[run.next_seq]), flush=True)
    """


@pytest.mark.parametrize("segment_lines", [2, 7, 4096])
def test_a_driver_killed_anywhere_loses_nothing(tmp_path: Path, segment_lines: int) -> None:
    create_run(tmp_path / "run", INFO).close()
    expected = a_search(400)
    acknowledged = -1
    for delay in (0.02, 0.05, 0.11):
        driver = python(KILLED, tmp_path / "run", segment_lines)
        assert driver.stdout is not None
        assert driver.stdout.readline() == "ready\n"
        try:
            driver.wait(delay)
        except subprocess.TimeoutExpired:
            driver.kill()
        output = driver.stdout.read()  # not `communicate`, which forgets what came with the first line
        driver.communicate()
        acknowledged = max([acknowledged, *map(int, output.split())])
        with archive.open(tmp_path / "run") as reader:
            assert reader.next_seq in (acknowledged + 1, acknowledged + 2)
            assert [e.rows for e in reader.entries()] == expected[: reader.next_seq]
            acknowledged = reader.next_seq - 1
    with resume_run(tmp_path / "run", segment_lines=segment_lines) as run:
        assert run.next_seq == acknowledged + 1
    assert not list((tmp_path / "run").rglob("*.tmp"))


FULL = """
    import resource, sys
    from pathlib import Path
    from archive import DiskFullError, resume_run
    from archive.testing import a_search
    run = resume_run(sys.argv[1])
    segment = next(Path(sys.argv[1], "log").glob("*.jsonl"))
    size = segment.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5000, resource.RLIM_INFINITY))
    entries = a_search(50)
    for rows in entries:
        before = segment.read_bytes()
        try:
            run.append(*rows)
        except DiskFullError as error:
            print(error)
            break
    assert segment.read_bytes() == before
    assert run.next_seq == len(list(run.entries())) > 3
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for rows in entries[run.next_seq:]:
        run.append(*rows)
    print([entry.rows for entry in run.entries()] == entries)
    run.close()
    """


def test_an_append_that_the_disk_does_not_take_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    create_run(tmp_path / "run", INFO).close()
    output, errors = python(FULL, tmp_path / "run").communicate()
    assert not errors
    first, second = output.splitlines()
    assert first.startswith("no room to write entry")
    assert second == "True"
    assert [entry.rows for entry in archive.open(tmp_path / "run").entries()] == a_search(50)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=400k,nr_inodes=500", "tmpfs", str(disk)]
    mounted = (
        shutil.which("mount") and subprocess.run(["mount", *options], capture_output=True).returncode == 0
    )
    if not mounted:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def until_full(write: Callable[[int], object]) -> None:
    with pytest.raises(DiskFullError, match="no room to write"):
        list(map(write, range(1000)))


@pytest.mark.parametrize("segment_lines", [3, 4096])
def test_a_full_disk(small_disk: Path, segment_lines: int) -> None:
    run = create_run(small_disk / "run", INFO, segment_lines=segment_lines)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    entries = a_search(300)
    until_full(lambda number: run.append(*entries[number]))
    held = run.next_seq
    assert [entry.rows for entry in run.entries()] == entries[:held]
    until_full(lambda _: run.blobs.put(os.urandom(5000)))
    until_full(lambda _: run.code.commit({"a": os.urandom(5000)}, message="", seq=1))
    with pytest.raises(DiskFullError, match="no room to write"):
        run.close()
    assert [entry.rows for entry in archive.open(small_disk / "run").entries()] == entries[:held]
    ballast.unlink()
    with resume_run(small_disk / "run", segment_lines=segment_lines) as again:
        assert again.append(a_change(held)) == held
    assert not list(small_disk.rglob("*.tmp"))


def test_no_room_for_a_new_run_leaves_nothing(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(390_000))
    with pytest.raises(DiskFullError, match="no room to write"):
        create_run(small_disk / "run", INFO)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


class Interrupted(BaseException):
    """What Ctrl-C is, at a moment that the test chooses."""


def append_for(run: Run, rows: tuple[Row, ...], microseconds: int) -> bool:
    """Append `rows`, interrupted after so long; False if the run says that it must be opened again."""
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, microseconds * 1e-6)
            run.append(*rows)
        except NotWritableError:
            return False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupted:
        pass
    return True


@pytest.fixture
def interrupts() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("interrupts")
# An interrupt inside `open()` leaves a file that nobody can close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_any_moment_of_an_append(tmp_path: Path) -> None:
    entries = a_search(100)
    run = create_run(tmp_path / "run", INFO, segment_lines=3)
    microseconds = 100
    while microseconds < 15_000 or run.next_seq <= 5:  # a slow machine needs longer for the same
        microseconds += 150
        if not append_for(run, entries[run.next_seq], microseconds):
            held = run.next_seq
            run.close()
            run = resume_run(tmp_path / "run", segment_lines=3)
            assert run.next_seq in (held, held + 1)
        assert [entry.rows for entry in archive.open(run.path).entries(0)][: run.next_seq] == entries[
            : run.next_seq
        ]
    run.close()
    assert [entry.rows for entry in archive.open(run.path).entries()][: run.next_seq] == entries[
        : run.next_seq
    ]
