"""Searches over simulated jobs: outcomes are a function of the decision, nothing is run.

Run as a program, it is a driver that dies: `python -m tests.dgm.scripted RUN SEED EVALUATIONS JOBS_BEFORE_DEATH`.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Timer
from typing import Any

import archive
from archive import (
    Agent,
    ExpansionOutcome,
    Outcome,
    Row,
    Run,
    RunInfo,
    Split,
    create_run,
    resume_run,
)
from dgm.benchmarks import Task
from dgm.choosing import NO_CHOICES, Choices
from dgm.deciding import Decider
from dgm.errors import ConfigError
from dgm.gates import Gates
from dgm.jobs import EvaluateResult, ExpandJob, ExpandResult, Job, Result
from dgm.jobs.manifest import MANIFEST, parse_manifest
from dgm.llm import Allowance
from dgm.operators import Operator, SingleFailure, mix_of
from dgm.planning import Plan, RunPlanner
from dgm.policies import Darwin, Greedy, Huxley, Hyper, Parents, Pedigree, Policy, Sica, Uniform
from dgm.purse import NO_CAP, Money
from dgm.search import Search, Settings
from dgm.steering import Changed, Control
from dgm.tree import Tree
from dgm.workers import LocalPool, Pool
from sandbox import TestSpec

SEED_TREE = {
    MANIFEST: b'[agent]\nname = "s"\nsolve = ["s"]\nimprove = ["i"]\ncheck = ["c"]\n',
    "skill.txt": b"40",
}
POLICIES: dict[str, Policy[Any]] = {
    policy.name: policy for policy in (Huxley(), Uniform(), Darwin(), Hyper(), Sica(), Greedy(), Pedigree())
}
VARIANTS: dict[str, Policy[Any]] = {
    "darwin in generations": Darwin(generation=2, keep="better", sizes=(4, 8)),
    "hyper without generations": Hyper(generation=0, sizes=(4, 8)),
    "greedy in generations": Greedy(generation=3, sizes=(4, 8)),
}
OPERATOR = SingleFailure()
THEN = datetime(2026, 1, 1, tzinfo=UTC)


def a_task(name: str) -> Task:
    spec = TestSpec(solution_files=("a.py",), test_files={"t.py": b""}, run=("t.py",), modules=("a",))
    return Task(
        id=name, instruction="do", files={"a.py": b""}, test=spec, reference={"a.py": b"x"}, digest="0" * 64
    )


SEARCH = tuple(f"made-up/s{n:02}" for n in range(24))
CONFIRM = tuple(f"made-up/c{n:02}" for n in range(5))
TEST = tuple(f"made-up/t{n:02}" for n in range(6))
SPLITS = {Split.SEARCH: SEARCH, Split.CONFIRM: CONFIRM, Split.TEST: TEST}
TASKS = {name: a_task(name) for split in SPLITS.values() for name in split}


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone."""
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:12], 16) / 16**12


@dataclass(frozen=True)
class Script:
    """How simulated jobs end; `delay_s` makes each take about so long, `void` is the share that the machine fails."""

    seed: int = 0
    delay_s: float = 0.0
    void: float = 0.0

    def __call__(self, job: Job) -> Result:
        if self.delay_s:
            time.sleep(self.delay_s * 2 * chance(self.seed, job.decision, "time"))
        void = chance(self.seed, job.decision, job.attempt, "void") < self.void
        if isinstance(job, ExpandJob):
            return self._expand(job, void)
        skill = int(job.tree["skill.txt"]) / 100
        outcome = (
            Outcome.RESOLVED
            if chance(self.seed, job.agent, job.task.id, job.repeat) < skill
            else Outcome.UNRESOLVED
        )
        return EvaluateResult(
            id=job.id,
            decision=job.decision,
            attempt=job.attempt,
            outcome=Outcome.VOID if void else outcome,
            answer=None if void else {"a.py": f"{job.id}\n".encode()},
            started=THEN,
        )

    def _expand(self, job: ExpandJob, void: bool) -> ExpandResult:
        outcome, child = ExpansionOutcome.CHILD, None
        if void:
            outcome = ExpansionOutcome.VOID
        elif chance(self.seed, job.decision, "child") < 0.15:
            outcome = ExpansionOutcome.NO_CHANGE
        else:
            step = round(30 * (chance(self.seed, job.decision, "step") - 0.4))
            skill = min(95, max(5, int(job.tree["skill.txt"]) + step))
            child = {**job.tree, "skill.txt": str(skill).encode(), "mark.txt": str(job.decision).encode()}
        return ExpandResult(
            id=job.id,
            decision=job.decision,
            attempt=job.attempt,
            outcome=outcome,
            child=child,
            brief=job.brief.encode(),
            started=THEN,
        )


def failed(job: Job, detail: str, *flags: str) -> Result:
    """What comes of a job that the machine did not do."""
    return replace(Script(void=1.0)(job), detail=detail, flags=flags)


class Quiet:
    """Shows nothing and remembers the rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.told: list[str] = []

    def show(self, *_: object) -> None:
        return None

    def note(self, row: Row) -> None:
        self.rows.append(row)

    def tell(self, line: str) -> None:
        self.told.append(line)


@dataclass
class Driver:
    """One driver on one run; `search` goes on wherever the run stands, which it reads in `columns` or row by row."""

    path: Path
    seed: int = 0
    policy: str = "huxley"
    evaluations: int = 60
    confirm: int = 0
    parents: Parents = Parents.ALL
    slots: int = 1
    width: int | None = None
    work: Callable[[Job], Result] = field(default_factory=Script)
    stops: Callable[[], int] = lambda: 0
    pool: Callable[[Callable[[Job], Result]], Pool] | None = None
    columns: bool = True
    money: Money = NO_CAP
    journals: Path | None = None
    operator: Operator = OPERATOR
    choices: Choices = NO_CHOICES
    display: Quiet = field(default_factory=Quiet)
    trouble: Callable[[], str | None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    control: Control | None = None
    own_policy: Policy[Any] | None = None
    seed_tree: Mapping[str, bytes] = field(default_factory=lambda: SEED_TREE)
    tasks: Mapping[str, Task] = field(default_factory=lambda: TASKS)
    splits: Mapping[Split, tuple[str, ...]] = field(default_factory=lambda: SPLITS)
    gates: Gates = field(default_factory=Gates)
    retry_s: float = 0.01

    def open(self) -> Run:
        if self.path.exists():
            return resume_run(self.path)
        return create_run(
            self.path, RunInfo(id="f" * 32, seed=self.seed, config={"made_up": True}, splits=self.splits)
        )

    def search(self, stops: Callable[[], int] = lambda: 0) -> Tree:
        with self.open() as run, ExitStack() as stack:
            if run.next_seq == 0:
                seed = run.code.commit(self.seed_tree, parents=(), message="Seed agent", seq=0)
                run.append(Agent(id=seed, seq=0, parent=None, depth=0, tree=run.code.tree(seed)))
            pool = LocalPool(self.work, self.slots) if self.pool is None else self.pool(self.work)
            try:
                return Search(
                    archive=run,
                    decider=self.decider(),
                    pool=pool,
                    planner=RunPlanner(self.plan(run), run.code, run.blobs),
                    settings=self.settings(),
                    display=self.display,
                    clock=self.clock,
                    stops=stops,
                    trouble=self.trouble,
                    control=self.control,
                    changes=Budgets(self),
                    past=stack.enter_context(archive.open(self.path)) if self.columns else None,
                ).run()
            finally:
                pool.close()

    def decider(self) -> Decider[Any]:
        return Decider(
            policy=self.own_policy or (POLICIES | VARIANTS)[self.policy],
            tree=Tree(self.splits[Split.SEARCH]),
            confirm=self.splits[Split.CONFIRM],
            tests=self.splits[Split.TEST],
            operator=self.operator.name,
            mix=mix_of(self.operator),
            choices=self.choices,
        )

    def settings(self) -> Settings:
        return Settings(
            seed=self.seed,
            evaluations=self.evaluations,
            expansions=int(2 * self.evaluations**0.6),
            confirm=self.confirm,
            parents=self.parents,
            width=self.width,
            retry_s=self.retry_s,
            grace_s=1.0,
            money=self.money,
        )

    def plan(self, run: Run) -> Plan:
        return Plan(
            run_id=run.info.id,
            seed=self.seed,
            tasks=self.tasks,
            manifest=parse_manifest(self.seed_tree[MANIFEST]),
            seed_tree=self.seed_tree,
            improve_with_seed=False,
            operator=self.operator,
            gates=self.gates,
            allowance=Allowance(microusd=None if self.money.cap is None else self.money.job),
            solve_s=10.0,
            improve_s=10.0,
            journals=self.journals,
        )


class Budgets:
    """The evaluations and slots of a scripted search, as what may change; see `dgm.steering.Changes`."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._evaluations = driver.evaluations
        self._pool = driver.slots

    def changed(self, values: Mapping[str, str]) -> Changed[Settings]:
        evaluations = int(values.get("evaluations", self._evaluations))
        if evaluations < self._evaluations:
            raise ConfigError(f"evaluations: {self._evaluations} -> {evaluations}")
        return Changed(
            settings=replace(self._driver, evaluations=evaluations).settings(),
            slots=int(values.get("slots", self._pool)),
            kinds={"budget": ({"evaluations": self._evaluations}, {"evaluations": evaluations})},
            lines=[f"{key}={value}" for key, value in values.items()],
        )

    def accept(self, changed: Changed[Settings]) -> None:
        self._pool = changed.slots
        self._evaluations = changed.settings.evaluations


class Doomed:
    """Kills its own process a random moment after the given number of jobs has begun."""

    def __init__(self, work: Callable[[Job], Result], jobs: int, seed: int) -> None:
        self._work = work
        self._left = jobs
        self._delay_s = 0.05 * chance(seed, jobs)
        self._lock = Lock()

    def __call__(self, job: Job) -> Result:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                Timer(self._delay_s, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return self._work(job)


if __name__ == "__main__":
    run, seed, evaluations, jobs = sys.argv[1:]
    work = Doomed(Script(int(seed), delay_s=0.02), int(jobs), int(seed))
    Driver(Path(run), int(seed), evaluations=int(evaluations), confirm=12, slots=4, work=work).search()
