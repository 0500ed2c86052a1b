"""One search in a made-up world, by the same deciding code as a real run: rows in, decisions out.

Time is counted in mean evaluations. Everything random is drawn from the seed by what it is for, so that two policies
under one seed meet the same tasks, the same luck of each agent on each task and the same n-th change.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng

from archive import (
    Agent,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    Outcome,
    Row,
    Split,
    TaskId,
)
from dgm.deciding import Bounds, Decider
from dgm.errors import ConfigError
from dgm.policies import Policy
from dgm.simulate.worlds import Floats, Made, World
from dgm.tree import Tree

THEN = datetime(2000, 1, 1, tzinfo=UTC)


class Noise(IntEnum):
    """What a stream of a simulated search is for.

    These stand where a stream of a decision has its number: decisions have larger ones, or they would be drawn from the
    very noise of the world.
    """

    REPEAT = 9
    INSTANCE = 10
    LUCK = 11
    CHANGE = 12
    DURATION = 13


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a simulated search may spend, and how its jobs go.

    `total` and `expansion_cost` are in evaluations; an expansion costs as much when it comes to nothing. `workers` run
    jobs side by side; an evaluation takes about 1 and an expansion about `expansion_time`, lognormal with sigma
    `spread`. With `late` the result of a job comes so many decisions later instead, and nothing is timed. With
    `seed_known` the seed's result on every task is there before the search begins and costs nothing, as in
    published comparisons; a real run pays for every evaluation. At most `expansions` are begun (None: `total`).

    The last `confirm_tasks` of the world's tasks are kept from the search; with `confirm` evaluations beside `total`
    the `finalists` best and the seed meet them in the end, as in a real run (`dgm.ending`).
    """

    total: int = 800
    expansion_cost: float = 3.0
    workers: int = 1
    late: int = 0
    expansion_time: float = 3.0
    spread: float = 0.5
    seed_known: bool = True
    expansions: int | None = None
    confirm: int = 0
    confirm_tasks: int = 0
    finalists: int = 3

    def __post_init__(self) -> None:
        leasts = {"total": 0, "expansion_cost": 0, "workers": 1, "late": 0, "spread": 0}
        leasts |= {"confirm": 0, "confirm_tasks": 0, "finalists": 1}
        if self.expansions is not None:
            leasts["expansions"] = 0
        for key, least in leasts.items():
            if not least <= getattr(self, key) < np.inf:
                raise ValueError(f"budget.{key} must be at least {least}, got {getattr(self, key)}")
        if not 0 < self.expansion_time < np.inf:
            raise ValueError(f"budget.expansion_time must be above 0, got {self.expansion_time}")
        if self.late and self.workers > 1:
            raise ValueError("results are late (budget.late) or there are workers (budget.workers), not both")

    @property
    def slots(self) -> int:
        return self.late + 1 if self.late else self.workers


@dataclass(frozen=True, kw_only=True)
class Found:
    """How a simulated search ended. Shares are of tasks, means over all of them.

    `accuracy` is what the agent that the policy ends with truly resolves on average, `seed_accuracy` what the seed
    does, `reachable` what the best agent made does. `makespan` is the time of the last result.
    """

    accuracy: float
    seed_accuracy: float
    reachable: float
    agents: int
    evaluations: int
    expansions: int
    depth: int
    makespan: float
    busy: float


class Simulation:
    """One search: tasks and agents that nobody but this knows, and the rows that everybody sees."""

    def __init__(self, policy: Policy[Any], world: World, seed: int, setting: Setting) -> None:
        self._world, self._seed, self._setting = world, seed, setting
        self._tasks, root = world.instance(self._stream(Noise.INSTANCE))
        names = tuple(f"{world.name}/{n:03}" for n in range(self._tasks.count))
        self._place = {name: n for n, name in enumerate(names)}
        searched = len(names) - setting.confirm_tasks
        if searched < 1:
            raise ConfigError(
                f"budget.confirm_tasks must leave the search a task of world.tasks={len(names)}, "
                f"got {setting.confirm_tasks}"
            )
        names, confirm = names[:searched], names[searched:]
        self._decider = Decider(
            policy=policy, tree=Tree(names), tests=(), operator="made-up", confirm=confirm
        )
        self._tree = self._decider.tree
        self._bounds = Bounds(
            seed=seed,
            evaluations=setting.total,
            expansions=setting.total if setting.expansions is None else setting.expansions,
            confirm=setting.confirm,
            finalists=setting.finalists,
            test_repeats=0,
            expansion_cost=setting.expansion_cost,
            known=len(names) if setting.seed_known else 0,
        )
        self._made: dict[str, Made] = {}
        self._parents: dict[int, Made] = {}
        self._odds: dict[str, Floats] = {}
        self._luck: dict[str, Floats] = {}
        self._expansions = self._evaluations = self._seq = 0
        self._tell(self._agent(root, None, 0))
        if setting.seed_known:
            for task in names:
                self._known(task)
        self._seq = max(self._seq, 1 + max(Noise))

    @property
    def tree(self) -> Tree:
        """What the policy sees."""
        return self._tree

    def run(self) -> Found:
        """Search until the budget is spent or the policy has nothing more to do."""
        running: list[tuple[float, int, Decision]] = []
        now = busy = last = 0.0
        while True:
            while len(running) < self._setting.slots and (decision := self._decided()) is not None:
                takes = self._takes(decision)
                busy += takes
                heapq.heappush(running, (now + takes, decision.seq, decision))
            if not running:
                return self._found(last, busy)
            now, _, decision = heapq.heappop(running)
            last = now
            self._finish(decision)

    def _decided(self) -> Decision | None:
        decision = self._decider.decide(self._seq, self._bounds, self._setting.slots)
        if decision is not None:
            if decision.kind is DecisionKind.EXPAND:
                self._parents[decision.seq] = self._as_parent(decision.agent)
            self._tell(decision)
        return decision

    def _as_parent(self, name: str) -> Made:
        """The agent as it is now that its expansion begins."""
        i, tree = self._tree.index(name), self._tree
        results = int(tree.resolved[i] + tree.unresolved[i])
        return replace(self._made[name], depth=int(tree.depths[i]), results=results)

    def _takes(self, decision: Decision) -> float:
        if self._setting.late:
            return float(self._setting.late + 1)
        mean = self._setting.expansion_time if decision.kind is DecisionKind.EXPAND else 1.0
        sigma = self._setting.spread
        noise = self._stream(Noise.DURATION, decision.seq).standard_normal()
        return float(mean * np.exp(sigma * noise - sigma**2 / 2))

    def _finish(self, decision: Decision) -> None:
        if decision.kind is DecisionKind.EXPAND:
            self._expand(decision)
        else:
            self._evaluate(decision)

    def _expand(self, decision: Decision) -> None:
        change = self._stream(Noise.CHANGE, self._expansions)
        self._expansions += 1
        parent = self._parents.pop(decision.seq)
        child = self._world.child(parent, change)
        seq = self._seq
        born = None if child is None else self._agent(child, decision.agent, parent.depth + 1)
        row = Expansion(
            id=f"{seq:032x}",
            seq=seq,
            decision=decision.seq,
            attempt=1,
            parent=decision.agent,
            operator="made-up",
            outcome=ExpansionOutcome.NO_CHANGE if born is None else ExpansionOutcome.CHILD,
            child=None if born is None else born.id,
            parent_evaluations=parent.results,
            parent_depth=parent.depth,
            started=THEN,
        )
        self._tell(row, *([] if born is None else [born]))

    def _evaluate(self, decision: Decision) -> None:
        self._evaluations += 1
        self._tell(self._outcome(decision))

    def _known(self, task: TaskId) -> None:
        """Tell the seed's result on `task`, of nobody's asking and at nobody's cost."""
        decision = Decision(
            seq=self._seq,
            kind=DecisionKind.EVALUATE,
            agent=self._tree.ids[0],
            task=task,
            split=Split.SEARCH,
            policy="beforehand",
            policy_version=1,
        )
        self._tell(decision)
        self._tell(self._outcome(decision))

    def _outcome(self, decision: Decision) -> Evaluation:
        assert decision.task is not None
        assert decision.split is not None
        place = self._place[decision.task]
        luck = self._luck[decision.agent]
        if decision.repeat:
            number = self._tree.index(decision.agent)
            luck = self._stream(Noise.REPEAT, number, decision.repeat).random(len(luck))
        won = bool(luck[place] < self._odds[decision.agent][place])
        failed = Outcome.NO_ANSWER if self._made[decision.agent].broken else Outcome.UNRESOLVED
        return Evaluation(
            id=f"{self._seq:032x}",
            seq=self._seq,
            decision=decision.seq,
            attempt=1,
            agent=decision.agent,
            task=decision.task,
            split=decision.split,
            repeat=decision.repeat,
            outcome=Outcome.RESOLVED if won else failed,
            score=float(won),
            started=THEN,
        )

    def _agent(self, made: Made, parent: str | None, depth: int) -> Agent:
        number = len(self._made)
        name = f"{number:040x}"
        self._made[name] = made
        self._odds[name] = self._tasks.odds(made)
        self._luck[name] = self._stream(Noise.LUCK, number).random(len(self._place))
        return Agent(id=name, seq=self._seq, parent=parent, depth=depth, tree=name)

    def _tell(self, *rows: Row) -> None:
        for row in rows:
            self._decider.observe(row)
        self._seq += 1

    def _stream(self, noise: Noise, *numbers: int) -> Generator:
        return default_rng(SeedSequence(self._seed, spawn_key=(noise, *(numbers or (0,)))))

    def _winner(self) -> str:
        led = self._decider.leaders(self._setting.finalists)
        return self._decider.ending.best(self._tree, self._bounds, led)

    def _found(self, makespan: float, busy: float) -> Found:
        truth = {name: float(odds.mean()) for name, odds in self._odds.items()}
        slots = self._setting.slots
        return Found(
            accuracy=truth[self._winner()],
            seed_accuracy=truth[self._tree.ids[0]],
            reachable=max(truth.values()),
            agents=len(truth),
            evaluations=self._evaluations,
            expansions=self._expansions,
            depth=int(self._tree.depths.max()),
            makespan=makespan,
            busy=busy / (slots * makespan) if makespan else 0.0,
        )
