"""Programs that will not end, end others, or stay behind."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from archive import Outcome
from dgm.jobs import NodeServices
from sandbox.base import Limits
from sandbox.docker import config, reap
from sandbox.docker.backend import DockerSandbox
from sandbox.place import Place
from sandbox.reaper import Reaper
from sandbox.testing import a_spec, gateway, gone, processes_named, python
from tests.hostile.helpers import (
    ANSWER,
    PATIENCE,
    PRELUDE,
    attack,
    comes_true,
    cut_short,
    facts,
    roll,
    tasks_in,
)

pytestmark = pytest.mark.docker


@pytest.fixture
def marker() -> str:
    """An argument for `sleep` that no other process of this machine has."""
    return f"7{uuid.uuid4().int % 10**9}"


# ---- programs that will not end


def test_11_sleep_for_ever(services: NodeServices, docker: DockerSandbox) -> None:
    result = cut_short(services, "say(['asleep'])\ntime.sleep(10**6)")
    assert facts(result.log) == [["asleep"]]
    assert comes_true(lambda: docker.engine.containers({"dgm.instance": docker.instance}) == [])


DEAF = """
deaf = [number for number in range(1, 65) if number not in (9, 19, 32, 33)]
for number in deaf:
    signal.signal(number, signal.SIG_IGN)
for number in deaf:
    os.kill(os.getpid(), number)
say([len(deaf)])
while True:
    time.sleep(1000)
"""


def test_12_ignore_every_signal(services: NodeServices, docker: DockerSandbox) -> None:
    assert facts(cut_short(services, DEAF).log) == [[60]]
    assert comes_true(lambda: docker.engine.containers({"dgm.instance": docker.instance}) == [])


STOP = """
if os.fork() == 0:
    while True:
        time.sleep(0.01)
say(["stopping"])
os.kill(-1, signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_stop_oneself_and_all_others(services: NodeServices) -> None:
    assert facts(cut_short(services, STOP).log) == [["stopping"]]


HOLD_THE_PIPE = f"""
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.write(1, b'"held"\\n')
    time.sleep(1000)
{ANSWER}
"""


def test_17_hold_the_output_open(services: NodeServices) -> None:
    result = roll(services, HOLD_THE_PIPE, seconds=60.0)
    assert result.outcome is Outcome.RESOLVED, result
    assert result.solve_s < PATIENCE


# ---- programs that end others

KILL_ALL = f"""
if (pid := os.fork()) == 0:
    time.sleep(1000)
os.kill(-1, signal.SIGKILL)
say([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])])
ask("is the door still there?")
{ANSWER}
"""


def test_15_kill_everything(services: NodeServices) -> None:
    result = roll(services, KILL_ALL)
    assert (result.outcome, facts(result.log)) == (Outcome.RESOLVED, [[-9]]), result
    assert result.record is not None
    assert len(result.record.calls) == 1


SIGNAL_OTHERS = """
others = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and os.stat(f"/proc/{pid}").st_uid != os.getuid()]
say([sorted(others)[0], len(others), *{tried(os.kill, pid, number) for pid in others for number in range(1, 65)}])
"""


def test_16_signal_the_first_process(docker: DockerSandbox) -> None:
    with gateway() as door, docker.open(a_spec(door=door)) as box:
        assert attack(box, SIGNAL_OTHERS) == [1, 2, "EPERM"]  # the relay is the other one
        assert box.exec(["true"]).exit_code == 0


RAISE = """
import resource
def raise_limit(kind):
    soft, hard = resource.getrlimit(kind)
    assert hard != resource.RLIM_INFINITY
    resource.setrlimit(kind, (hard + 1, hard + 1))

def refused(kind):
    try:
        raise_limit(kind)
    except ValueError:
        return "refused"  # by the kernel: not allowed to raise maximum limit
    return "raised"

others = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and os.stat(f"/proc/{pid}").st_uid != os.getuid()]
say([
    *(refused(kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)),
    *(tried(resource.prlimit, pid, resource.RLIMIT_NOFILE, (0, 0)) for pid in others),
    tried(os.setpriority, os.PRIO_PROCESS, 0, -20),
    tried(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)),
    *(tried(os.setpriority, os.PRIO_PROCESS, pid, 19) for pid in others),
])
"""


def test_raise_ones_own_limits_and_lower_those_of_others(docker: DockerSandbox) -> None:
    with gateway() as door, docker.open(a_spec(door=door)) as box:
        seen = attack(box, RAISE)
    assert seen == [*["refused"] * 2, *["EPERM"] * 2, "EACCES", "EPERM", *["EPERM"] * 2]


# ---- programs that stay behind

FLEE = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "MARKER"])
    os._exit(0)
os.wait()
"""


def test_13_flee_into_another_session(services: NodeServices, docker: DockerSandbox, marker: str) -> None:
    program = FLEE.replace("MARKER", marker)
    assert roll(services, program + ANSWER).outcome is Outcome.RESOLVED
    assert gone(marker, PATIENCE)
    with docker.open(a_spec()) as box:
        attack(box, program + "say([])")
        assert comes_true(lambda: len(processes_named(marker)) == 1)  # it outlived its command, not its box
    assert gone(marker, PATIENCE)


# Every generation lives for a few milliseconds under another name: whoever kills what he has seen comes too late.
REBORN = """
code = '''
import os, sys, time
time.sleep(0.002)
if os.fork():
    os._exit(0)
os.setsid()
turn = int(sys.argv[1]) + 1
if turn == 30:
    open("/tmp/thirty", "w").close()
os.execv("/proc/self/exe", [f"worker{turn % 7}", "-ISc", os.environ["CODE"], str(turn), "MARKER"])
'''
os.environ["CODE"] = code
if os.fork() == 0:
    os.setsid()
    os.execv(sys.executable, ["worker", "-ISc", code, "0", "MARKER"])
os.wait()
while not os.path.exists("/tmp/thirty"):
    time.sleep(0.01)
say([])
"""


def test_be_reborn_under_other_names(docker: DockerSandbox, marker: str) -> None:
    with docker.open(a_spec(workspace={"f": b"x"}, limits=Limits(processes=20))) as box:
        attack(box, REBORN.replace("MARKER", marker))
        assert comes_true(lambda: tasks_in(box.container) > 2)
        assert box.get() == {"f": b"x"}
    assert gone(marker, PATIENCE)


LATE = """
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 3)
    while True:
        for name in "kept", "late":
            with contextlib.suppress(OSError), open(name, "a") as file:
                file.write("x" * 5000)
        with contextlib.suppress(OSError):
            os.truncate("kept", 0)
"""


def test_change_the_workspace_while_it_is_read(docker: DockerSandbox) -> None:
    with docker.open(a_spec(workspace={"kept": b""})) as box:
        assert python(box, PRELUDE + LATE).exit_code == 0
        assert comes_true(lambda: box.exec(["test", "-e", "late"]).exit_code == 0)
        assert box.get() == box.get()  # frozen: the second look sees what the first one saw
        first = len(box.get()["late"])
        assert box.exec(["true"]).exit_code == 0  # thaws it
        assert comes_true(lambda: len(box.get()["late"]) != first or box.exec(["true"]).exit_code != 0)


# ---- programs whose worker dies

WORKER = """
import os
from dgm.jobs.evaluate import evaluate
from sandbox.docker.backend import DockerSandbox
from tests.dgm.jobs.agents import Chatty, agent, evaluate_job, serving
with serving(DockerSandbox(period=3600.0), Chatty()) as services:
    evaluate(evaluate_job(agent(os.environ["PROGRAM"]), seconds=600.0), services)
"""
STAY = """
for number in range(1, 65):
    with contextlib.suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    os.execvp("sleep", ["sleep", "MARKER"])
time.sleep(10**6)
"""


def test_20_worker_killed_in_mid_run(docker: DockerSandbox, untouched_host: Path, marker: str) -> None:
    place = Place()

    def left() -> list[object]:
        labels = {"dgm.place": place.id}
        labelled = [*docker.engine.containers(labels), *docker.engine.volumes(labels)]
        theirs = [name for name, given in labelled if given["dgm.instance"] != docker.instance]
        return [*theirs, *untouched_host.rglob("gateway.sock"), *processes_named(marker)]

    environment = {**os.environ, "PROGRAM": PRELUDE + STAY.replace("MARKER", marker)}
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", WORKER], cwd=root, env=environment) as worker:
        try:
            assert comes_true(lambda: processes_named(marker) != [], 60)
            assert len(left()) == 4  # a container, its volume, the gateway's socket, the process that stayed
        finally:
            worker.kill()
    assert len(left()) == 4  # nothing of it ends by itself
    reaper = Reaper(lambda: reap(docker.engine, place), 0.5)
    try:
        assert comes_true(lambda: left() == [], 0.5 + PATIENCE)
    finally:
        reaper.stop()


def test_a_container_that_nobody_looks_after_ends_by_itself(docker: DockerSandbox, marker: str) -> None:
    with gateway() as door:
        labels = {"dgm.instance": docker.instance}
        spec = a_spec(door=door)
        made = config.container(spec, image=docker.digests["agent_image"], labels=labels)
        *command, seconds = config.main_process(spec)
        assert float(seconds) == config.lifetime(spec)
        made["Cmd"] = [*command, "3"]  # seconds instead of minutes
        container = docker.engine.create(made, f"dgm-{docker.instance}-alone")
        try:
            docker.engine.start(container)
            stay = ["python3", "-c", PRELUDE + STAY.replace("MARKER", marker)]
            docker.engine.exec_detached(container, stay, user=config.WORKER_UIDS[0], directory="/tmp")
            assert comes_true(lambda: processes_named(marker) != [])
            assert comes_true(lambda: docker.engine.containers(labels) == [], 3 + PATIENCE)
            assert gone(marker, PATIENCE)
        finally:
            docker.engine.remove(container)
