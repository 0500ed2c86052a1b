"""Faults in mid-run: processes, whole nodes and engines that die or stand still cost retries, and nothing else.

What agents do is scripted, and the policy comes to the same end whatever comes first, so the end can be compared with
that of a run without faults.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from numpy.random import Generator

import archive
from archive import Agent, Evaluation, Outcome, Row, Split
from dgm.gates import Gates
from dgm.jobs import EvaluateResult, ExpandResult, Job, Result
from dgm.jobs.base import EvaluateJob
from dgm.policies import Action, Evaluate, Expand, View, Wait
from dgm.tree import MAX_ATTEMPTS
from dgm.workers import Pool
from dgm.workers.ray_pool import start
from sandbox import Level, Place
from sandbox.docker import Engine
from tests.dgm.commands import dgm
from tests.dgm.jobs.agents import RIGHT, TASK, WRONG, agent
from tests.dgm.scripted import THEN, Driver
from tests.dgm.workers.contract import SETTINGS, scratch_directory
from tests.dgm.workers.machines import ENVIRONMENT, Machines, machines
from tests.end_to_end.real import assert_whole
from tests.sandbox.detour import Detour, detours

SLOTS, NODES = 4, 3
STALLED_S = 10.0

DICE = f"""
from hashlib import sha256
level = int(Path("level.txt").read_text())
ask()
lucky = sha256(f"{{level}} {{instruction}}".encode()).digest()[0] < 128
work.joinpath("answer.py").write_text({RIGHT!r} if lucky else {WRONG!r})
"""
CLIMB = """
ask()
level = work.joinpath("level.txt")
level.write_text(str(int(level.read_text()) + 1))
"""
SEED = agent(DICE, CLIMB, **{"level.txt": "0"})
SLOW = agent(f"time.sleep(2)\n{DICE}", f"time.sleep(2)\n{CLIMB}", **{"level.txt": "0"})


def resolves(level: int, task: str) -> bool:
    return sha256(f"{level} {task}".encode()).digest()[0] < 128


@dataclass(frozen=True)
class Ladder:
    """Agents in one line, each of which meets every task."""

    agents: int
    name: str = "ladder"
    version: int = 1

    def start(self) -> None:
        return None

    def observe(self, belief: None, row: Row) -> None:
        return None

    def decide(self, belief: None, view: View, generator: Generator) -> Action:
        tree = view.tree
        if len(tree) < self.agents and not tree.expansions_in_flight:
            return Expand(parent=tree.ids[-1])
        for i, one in enumerate(tree.ids):
            for task in tree.unused_tasks(i):
                return Evaluate(agent=one, task=task)
        return Wait()


def without_faults(job: Job) -> Result:
    """What the agents above come to, with nothing run."""
    level = int(job.tree["level.txt"])
    if isinstance(job, EvaluateJob):
        outcome = Outcome.RESOLVED if resolves(level, job.task.id) else Outcome.UNRESOLVED
        return EvaluateResult(
            id=job.id, decision=job.decision, attempt=job.attempt, outcome=outcome, answer={}, started=THEN
        )
    child = {**job.tree, "level.txt": str(level + 1).encode()}
    return ExpandResult(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        outcome=archive.ExpansionOutcome.CHILD,
        child=child,
        started=THEN,
    )


def driver(path: Path, agents: int, tasks: int, seed_tree: Mapping[str, bytes] = SEED) -> Driver:
    splits = {
        split: tuple(f"made-up/{split}{n}" for n in range(count))
        for split, count in ((Split.SEARCH, tasks), (Split.CONFIRM, 0), (Split.TEST, 2))
    }
    names = [name for split in splits.values() for name in split]
    return Driver(
        path,
        evaluations=agents * tasks,
        own_policy=Ladder(agents),
        slots=SLOTS,
        work=without_faults,
        seed_tree=seed_tree,
        splits=splits,
        tasks={name: replace(TASK, id=name, instruction=name) for name in names},
        gates=Gates(smoke=False, check=False),
        journals=path / "journal",
        retry_s=2.0,
    )


def end_of(path: Path) -> tuple[set[str], Counter[tuple[str, str, int, str]]]:
    """The agents by what they are, and how each of them did on each task."""
    with archive.open(path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    trees = {row.id: row.tree for row in rows if isinstance(row, Agent)}
    counted = [row for row in rows if isinstance(row, Evaluation) and row.outcome.counted]
    return set(trees.values()), Counter(
        (trees[row.agent], row.task, row.repeat, str(row.outcome)) for row in counted
    )


class Breakage(ABC):
    """What can break, with what is to happen to it later."""

    def __init__(self) -> None:
        self._later: list[threading.Timer] = []

    @abstractmethod
    def strike(self, fault: str) -> bool:
        """Whether there was something to hit."""

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        self._later.append(threading.Timer(seconds, act))
        self._later[-1].start()

    @property
    def busy(self) -> bool:
        return any(timer.is_alive() for timer in self._later)

    def mend(self) -> None:
        for timer in self._later:
            timer.join()


WORKER, GATEWAY, HEAD = "ray::_do", "ray::NodeGateway", "gcs_server"
OF_CLUSTER = {
    "a worker is killed": (signal.SIGKILL, WORKER),
    "a worker stands still": (signal.SIGSTOP, WORKER),
    "a gateway is killed": (signal.SIGKILL, GATEWAY),
    "a gateway stands still": (signal.SIGSTOP, GATEWAY),
    "a node is killed": (signal.SIGKILL, ""),
    "a node stands still": (signal.SIGSTOP, ""),
    "the head stands still": (signal.SIGSTOP, HEAD),
}
STILL_S = 5.0
"""Seconds for which a head or an engine stands still, or is away."""


class BrokenCluster(Breakage):
    """A cluster whose processes and nodes end or stand still."""

    def __init__(self, cluster: Machines, dice: random.Random) -> None:
        super().__init__()
        self._cluster = cluster
        self._dice = dice

    def strike(self, fault: str) -> bool:
        number, word = OF_CLUSTER[fault]
        if word == HEAD:
            head = self._cluster.head
            self.later(STILL_S, partial(head.signal, signal.SIGCONT, HEAD))
            return head.signal(number, HEAD) > 0
        at_work = [node for node in self._cluster.living if node.pids(WORKER) and node.pids(GATEWAY)]
        if not at_work:
            return False
        node = self._dice.choice(at_work)
        if word:
            return node.signal(number, word, most=1) > 0
        node.lost = True
        self._cluster.add(2)
        return node.signal(number) > 0


OF_ENGINE = ["the engine is gone", "the engine stands still"]
BEGUN_S = 1.5
"""Seconds after which a job that has a slot runs commands in its box."""


class BrokenEngine(Breakage):
    """An engine that leaves boxes alone for a while, in the middle of their commands."""

    def __init__(self, detour: Detour) -> None:
        super().__init__()
        self._detour = detour

    def strike(self, fault: str) -> bool:
        if self.busy:
            return False
        away, back = (
            (self._detour.kill, self._detour.start)
            if fault == OF_ENGINE[0]
            else (self._detour.stop, self._detour.go_on)
        )
        self.later(BEGUN_S, away)
        self.later(BEGUN_S + STILL_S, back)
        return True


class Storm:
    """A pool where something breaks after every few results; see `dgm.workers.Pool`."""

    def __init__(self, inner: Pool, breakage: Breakage, faults: list[str], every: int) -> None:
        self._inner = inner
        self._breakage = breakage
        self._faults = faults
        self._every = every
        self._results = 0
        self._tries: dict[int, int] = {}
        self.struck = self.voided = 0

    @property
    def slots(self) -> int:
        return self._inner.slots

    @property
    def running(self) -> int:
        return self._inner.running

    def resize(self, slots: int) -> None:
        self._inner.resize(slots)

    def lack(self) -> str:
        return self._inner.lack()

    def submit(self, job: Job) -> None:
        self._tries[job.decision] = job.attempt
        self._inner.submit(job)

    def publish(self, *_: object) -> None:
        return None

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        if self._faults and self._results >= self._every and self._strikes(self._faults[0]):
            self.struck += 1
            self._tell(f"{self._faults.pop(0)} after {self._results} results")
            self._results = 0
        result = self._inner.next_finished(timeout_s)
        if result is not None:
            self._results += 1
            del self._tries[result.decision]
            if not result.outcome.counted:
                self.voided += 1
                self._tell(f"void: {result.detail[:150]}")
        return result

    def close(self) -> None:
        self._breakage.mend()

    def _tell(self, what: str) -> None:
        """At once: a test that hangs has then told how it came to that."""
        sys.stdout.write(f"{datetime.now(UTC):%T} {what}\n")

    def _strikes(self, fault: str) -> bool:
        """Nobody is hit in his last try: that would be a lost result."""
        return MAX_ATTEMPTS not in self._tries.values() and self._breakage.strike(fault)


@pytest.mark.whole
@pytest.mark.parametrize(
    ("agents", "tasks", "faults", "seed"),
    [
        pytest.param(4, 8, 5, 20261123, marks=pytest.mark.timeout(900)),
        pytest.param(8, 25, 25, None, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
def test_random_faults_change_nothing_of_what_a_run_comes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agents: int, tasks: int, faults: int, seed: int | None
) -> None:
    seed = random.randrange(10**9) if seed is None else seed
    sys.stdout.write(f"seed {seed}\n")
    calm = driver(tmp_path / "calm", agents, tasks)
    calm.search()
    with scratch_directory() as scratch:
        for name, value in {**ENVIRONMENT, "TMPDIR": scratch}.items():
            monkeypatch.setenv(name, value)
        with machines(Path(scratch)) as cluster:
            for _ in range(NODES):
                cluster.add(2)
            cluster.wait()
            settings = replace(SETTINGS, slots=2, stalled_s=STALLED_S)
            inner = start(settings, slots=SLOTS, address=cluster.address)
            dice = random.Random(seed)
            struck = [dice.choice(list(OF_CLUSTER)) for _ in range(faults)]
            storm = Storm(inner, BrokenCluster(cluster, dice), struck, agents * tasks // (faults + 2))
            try:
                stormy = replace(driver(tmp_path / "stormy", agents, tasks), pool=lambda _: storm)
                stormy.search()
            finally:
                inner.close()
    assert storm.struck == faults
    assert end_of(stormy.path) == end_of(calm.path)
    assert_whole(stormy.path)
    assert dgm("verify", str(stormy.path)).status == 0


@pytest.mark.docker
@pytest.mark.timeout(600)
def test_an_engine_that_is_gone_for_a_while_changes_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    calm = driver(tmp_path / "calm", 3, 4, SLOW)
    calm.search()
    with scratch_directory() as scratch, detours(engine) as detour:
        monkeypatch.setenv("TMPDIR", scratch)
        monkeypatch.setenv("DOCKER_HOST", detour.url)
        place = Place()
        inner = start(replace(SETTINGS, level=Level.DOCKER), slots=2)
        storm = Storm(inner, BrokenEngine(detour), OF_ENGINE * 2, 2)
        try:
            stormy = replace(driver(tmp_path / "stormy", 3, 4, SLOW), pool=lambda _: storm)
            stormy.search()
        finally:
            storm.close()
            inner.close()
        assert engine.containers({"dgm.place": place.id}) == []
    assert storm.struck == 4
    assert storm.voided > 0
    assert end_of(stormy.path) == end_of(calm.path)
    assert_whole(stormy.path)
    assert dgm("verify", str(stormy.path)).status == 0
