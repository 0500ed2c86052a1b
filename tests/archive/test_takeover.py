"""A driver that was stopped, whose run another one took, and that wakes up: it writes nothing any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

import archive
from archive import Entry, RunInfo, RunLockedError, TakenOverError, create_run, holder_of, resume_run
from archive.lock import RunLock
from archive.log import segment_paths
from archive.testing import a_change, a_search

ENTRIES = [Entry(0, rows).rows for rows in a_search(30)]

DRIVER = """
import os, signal, sys
from archive import NotWritableError, resume_run
from archive.testing import a_search

def watch(frame, event, function):
    if event == "c_call" and function is getattr(os, call) and frame.f_code.co_filename.endswith(file):
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGSTOP)

path, call, file = sys.argv[1:]
run = resume_run(path, segment_lines=4)
entries = a_search(30)
for _ in range(3):
    print(run.append(*entries[run.next_seq]), flush=True)
sys.setprofile(watch)
try:
    while True:
        print(run.append(*entries[run.next_seq]), flush=True)
except NotWritableError as error:
    print(type(error).__name__, error, flush=True)
run.close()
"""

MOMENTS = [
    ("write", "archive/log.py"),  # the run is ours, the entry not yet written
    ("fsync", "archive/log.py"),  # written, not yet on disk
    ("link", "archive/disk.py"),  # about to name a new segment
    ("replace", "archive/disk.py"),  # about to name a sealed part
    ("unlink", "pathlib.py"),  # about to remove a segment
]


@pytest.mark.parametrize("after", [0, 1, 9])
@pytest.mark.parametrize(("call", "file"), MOMENTS, ids=[call for call, _ in MOMENTS])
def test_a_driver_that_wakes_up_after_a_takeover(tmp_path: Path, call: str, file: str, after: int) -> None:
    path = tmp_path / "run"
    create_run(path, RunInfo(id="run", seed=1)).close()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", DRIVER, str(path), call, file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as stopped:
        try:
            assert os.WIFSTOPPED(os.waitpid(stopped.pid, os.WUNTRACED)[1])
            with pytest.raises(RunLockedError, match=f"process {stopped.pid} .* delete .*lock"):
                resume_run(path)
            (path / "lock").unlink()
            with resume_run(path, segment_lines=4) as run:
                taken = run.next_seq
                for _ in range(after):
                    run.append(*ENTRIES[run.next_seq])
                stopped.send_signal(signal.SIGCONT)
                assert stopped.stdout is not None
                *acknowledged, last = stopped.stdout.read().splitlines()
                assert stopped.wait() == 0
                for _ in range(6):
                    run.append(*ENTRIES[run.next_seq])
                assert [entry.rows for entry in run.entries()] == ENTRIES[: taken + after + 6]
        finally:
            stopped.kill()
    assert last.startswith("TakenOverError")
    assert f"by process {os.getpid()} on" in last
    assert list(map(int, acknowledged)) == list(range(len(acknowledged)))
    assert len(acknowledged) <= taken <= len(acknowledged) + 1
    with archive.open(path) as reader:
        assert [entry.rows for entry in reader.entries()] == ENTRIES[: taken + after + 6]
    assert len(segment_paths(path / "log")) == 1
    assert not list(path.rglob("*.tmp"))


def test_a_driver_whose_lock_was_removed_stops(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunInfo(id="run", seed=1))
    run.append(a_change(0))
    (run.path / "lock").unlink()
    for _ in range(2):
        with pytest.raises(TakenOverError, match="its lock was removed"):
            run.append(a_change(1))
    run.close()
    assert archive.open(run.path).next_seq == 1
    with resume_run(run.path) as again:
        again.append(a_change(1))


def test_where_flock_does_not_reach_a_second_driver_signs_anew(tmp_path: Path) -> None:
    """On a network file system without locks the second driver gets the same file."""
    run = create_run(tmp_path / "run", RunInfo(id="run", seed=1))
    run.append(a_change(0))
    (run.path / "lock").write_text('{"pid": 7, "host": "elsewhere", "token": "0"}')
    with pytest.raises(TakenOverError, match="by process 7 on elsewhere"):
        run.append(a_change(1))
    run.close()


def test_who_holds_a_run_is_told_without_disturbing_it(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with create_run(path, RunInfo(id="run", seed=1)) as run:
        held = holder_of(path)
        assert held is not None
        assert (held.pid, held.token, held.gone) == (os.getpid(), run.driver, False)
        run.append(*ENTRIES[0])
    left = holder_of(path)
    assert left == replace(held, gone=True)
    (path / "lock").unlink()
    assert holder_of(path) is None


def test_a_look_at_the_lock_does_not_keep_a_driver_out(tmp_path: Path) -> None:
    """A look holds a shared lock for a moment; here one follows the other."""
    lock = tmp_path / "lock"
    RunLock(lock).close()
    done = Event()

    def look() -> None:
        while not done.wait(0.0005):
            holder_of(tmp_path)

    looking = Thread(target=look)
    looking.start()
    try:
        for _ in range(100):
            RunLock(lock).close()
    finally:
        done.set()
        looking.join()
