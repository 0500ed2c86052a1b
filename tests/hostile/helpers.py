"""Running hostile programs and looking at the host while they run."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from archive import Outcome
from dgm.jobs import EvaluateResult, NodeServices
from dgm.jobs.evaluate import evaluate
from sandbox import Box
from sandbox.docker.engine import Engine
from sandbox.local.bubblewrap import BubblewrapSandbox
from sandbox.local.cgroup import PREFIX
from tests.dgm.jobs.agents import RIGHT, agent, evaluate_job

PATIENCE = 20.0
"""Seconds that the end of a box may take on a busy machine; on an idle one it takes a fraction of one."""

ANSWER = f'work.joinpath("answer.py").write_text({RIGHT!r})\n'
"""For agents: leaves the right answer to the task."""

PRELUDE = """
import contextlib, ctypes, errno, json, os, signal, socket, subprocess, sys, threading, time

def say(fact):
    os.write(1, (json.dumps(fact) + "\\n").encode())

def tried(attack, *arguments):
    \"\"\"What came of it: 'done', or the name of the error.\"\"\"
    try:
        attack(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    return 'done'

libc = ctypes.CDLL(None, use_errno=True)

def called(number, *arguments):
    \"\"\"The same for a bare system call.\"\"\"
    arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if libc.syscall(ctypes.c_long(number), *arguments) == -1:
        return errno.errorcode[ctypes.get_errno()]
    return 'done'
"""


def attack(box: Box, program: str, *words: str, seconds: float = 110.0) -> Any:
    """Run a hostile program to its end in a box; the last fact that it said."""
    result = box.exec(["python3", "-c", PRELUDE + program, *words], seconds=seconds)
    assert result.exit_code == 0, result
    return facts(result.stdout)[-1]


def facts(output: bytes) -> list[Any]:
    """Everything that a program said."""
    return [json.loads(line) for line in output.splitlines() if line[:1] in (b"{", b"[", b'"')]


def roll(services: NodeServices, program: str, **changes: object) -> EvaluateResult:
    """A whole evaluation of an agent whose `solve` is this program."""
    return evaluate(evaluate_job(agent(PRELUDE + program), **changes), services)


def cut_short(
    services: NodeServices, program: str, under_way: Callable[[EvaluateResult], bool] | None = None
) -> EvaluateResult:
    """A whole evaluation that only its deadline ends, which is soon; later if the program was not under way by then."""
    for seconds in (1.0, 4.0, 16.0, 60.0):
        result = roll(services, program, seconds=seconds)
        assert result.outcome is Outcome.TIMED_OUT, result
        assert result.solve_s < seconds + PATIENCE
        if under_way(result) if under_way else facts(result.log):
            return result
    raise AssertionError(f"not under way within a minute: {result}")


# ---- the host


def comes_true(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether it holds within that time; asked at once and then ever more seldom."""
    end, pause = time.monotonic() + seconds, 0.01
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.5)
    return True


def children() -> set[int]:
    """Processes that this one has started and not yet waited for."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        found.update(map(int, path.read_text().split()))
    return found


def container_of_every_process() -> dict[int, str]:
    """Which processes of this machine live in a container, and in which; a container around all of this is none."""
    around = set(_containers_of("self"))
    found = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            inside = [name for name in _containers_of(directory.name) if name not in around]
            if inside:
                found[int(directory.name)] = inside[-1]
    return found


def _containers_of(pid: str) -> list[str]:
    try:
        return re.findall(r"docker[/-]([0-9a-f]{64})", Path(f"/proc/{pid}/cgroup").read_text())
    except OSError:
        return []


def tasks_in(container: str) -> int:
    """How many processes and threads live in a container, seen from the host."""
    count = 0
    for pid, inside in container_of_every_process().items():
        if inside == container:
            try:
                count += sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
            except OSError:
                continue
    return count


def processes_in_groups(instance: str) -> set[int]:
    """Processes of this machine in the control groups of this instance's bubblewrap boxes."""
    found = set()
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):
                if f"{PREFIX}{instance}-" in (directory / "cgroup").read_text():
                    found.add(int(directory.name))
    return found


def groups_left(sandbox: BubblewrapSandbox) -> list[Path]:
    """Control groups that this instance has not removed."""
    places = [] if sandbox.groups is None else sandbox.groups.places
    return [path for place in places for path in place.directory.glob(f"{PREFIX}{sandbox.instance}-*")]


def mounts_of_boxes() -> set[str]:
    """Mounts of this machine that only a box should see."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {
        line
        for line in lines
        if any(place in line for place in ("/newroot", "/oldroot", " /box/", "/opt/dgm"))
    }


def free_bytes() -> int:
    """Free disk where temporary files and, on this machine, the engine's data lie."""
    places = {tempfile.gettempdir(), "/var/lib", "/var/tmp"}
    by_device = {Path(place).stat().st_dev: shutil.disk_usage(place).free for place in places}
    return sum(by_device.values())


@contextmanager
def peak(measure: Callable[[], int], every_s: float = 0.1) -> Iterator[list[int]]:
    """Measures again and again while the block runs; the list holds the highest value."""
    seen, stop = [0], Event()

    def look() -> None:
        while not stop.wait(every_s):
            seen[0] = max(seen[0], measure())

    thread = Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def tasks_of_fullest(engine: Engine, labels: Mapping[str, str]) -> int:
    """Processes and threads in that container with these labels which has the most of them."""
    return max((tasks_in(container) for container, _ in engine.containers(labels)), default=0)
