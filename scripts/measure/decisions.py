"""Decisions: one of `huxley` over 1,000, 10,000 and 100,000 agents, beside a walk of each clade.

A *decision* is what the driver does between two jobs, without the disk: fold the result of an evaluation into the
tree, build the view, let the policy decide with a generator of its own, check what it chose and fold that decision in.
The agents hang on random earlier ones, each has ten evaluations, and eight jobs are in flight. The *walk* counts the
clade of every agent by going down from it, as a plain reading of the paper has it, and draws once for each. An
*expansion* is a decision whose result and choice are a child's; `alpha=1` makes every decision one.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from archive import Agent, Decision, DecisionKind, Evaluation, Expansion, ExpansionOutcome, Outcome, Split
from dgm.deciding import Bounds, Decider
from dgm.policies import Huxley, Policy
from dgm.policies.draws import thompson
from dgm.tree import Tree
from scripts.measure.report import Figure, Report, Target, machine
from scripts.measure.rows import agent_id, task_id
from scripts.measure.stats import estimate, figure

TARGETS_MS = {1_000: 0.2, 10_000: 1.0, 100_000: 8.0}
TASKS = tuple(task_id(n) for n in range(200))
EACH = 10
IN_FLIGHT = 8
THEN = datetime(2026, 1, 1, tzinfo=UTC)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--agents", type=int, nargs="*", default=list(TARGETS_MS), help="sizes to measure")
    parser.add_argument("--decisions", type=int, default=300, help="decisions at each size (300)")
    parser.add_argument("--walks", type=int, default=5, help="walks at each size (5)")


def measure(options: argparse.Namespace) -> Report:
    before = os.getloadavg()
    figures: list[Figure] = []
    targets: list[Target] = []
    for agents in options.agents:
        decider, seq = grown(Huxley(), agents)
        taken, seq = decisions(decider, seq, options.decisions)
        expanding = Decider(policy=Huxley(alpha=1.0), tree=decider.tree, tests=(), operator="single_failure")
        expanded, _ = decisions(expanding, seq, options.decisions)
        walks = [_walk(decider.tree) for _ in range(options.walks)]
        median = float(np.median(taken))
        figures += [
            figure(f"{agents} agents: decision", "ms", taken, note=tail(taken)),
            figure(f"{agents} agents: expansion", "ms", expanded, note=tail(expanded)),
            figure(f"{agents} agents: walk", "ms", walks),
            estimate(f"{agents} agents: decision : walk", "", [median / walk for walk in walks]),
        ]
        if agents in TARGETS_MS:
            bound = TARGETS_MS[agents]
            for what, value in (("decision", median), ("expansion", float(np.median(expanded)))):
                name = f"{agents} agents: {what}, median"
                targets.append(Target(name=name, unit="ms", value=value, bound=bound))
    settings = {"decisions": options.decisions, "tasks": len(TASKS), "evaluations each": EACH}
    return Report(
        subject="decisions", machine=machine(), settings=settings, load_before=before, load_after=os.getloadavg(),
        figures=tuple(figures), targets=tuple(targets),
    )  # fmt: skip


def grown(policy: Policy[Any], agents: int) -> tuple[Decider[Any], int]:
    """A run of so many agents with their evaluations, and the number of the next entry."""
    generator = np.random.default_rng(0)
    tree = Tree(TASKS)
    decider = Decider(policy=policy, tree=tree, tests=(), operator="single_failure")
    for number in range(agents):
        parent = None if number == 0 else int(generator.integers(number))
        depth = 0 if parent is None else int(tree.depths[parent]) + 1
        decider.observe(
            Agent(
                id=agent_id(number),
                seq=0,
                parent=None if parent is None else agent_id(parent),
                depth=depth,
                tree="t",
            )
        )
    seq = 1
    for number in range(agents):
        for task in range(EACH):
            decision = Decision(
                seq=seq, kind=DecisionKind.EVALUATE, agent=agent_id(number), task=TASKS[task], split=Split.SEARCH,
                policy="huxley", policy_version=3,
            )  # fmt: skip
            decider.observe(decision)
            decider.observe(_result(decision, seq + 1))
            seq += 2
    return decider, seq


def decisions(
    decider: Decider[Any], seq: int, count: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[list[float], int]:
    """Milliseconds of each decision, with its predecessor's result folded in, and the number of the next entry."""
    bounds = Bounds(seed=0, evaluations=10**9, expansions=10**9)
    waiting: deque[Decision] = deque()
    taken: list[float] = []
    while len(taken) < count:
        result = _result(waiting.popleft(), seq) if len(waiting) == IN_FLIGHT else None
        seq += result is not None
        began = clock()
        if result is not None:
            decider.observe(result)
        decision = decider.decide(seq, bounds, IN_FLIGHT)
        assert decision is not None
        decider.observe(decision)
        if result is not None:
            taken.append(1000 * (clock() - began))
        waiting.append(decision)
        seq += 1
    for decision in waiting:
        decider.observe(_result(decision, seq))
        seq += 1
    return taken, seq


def _result(decision: Decision, seq: int) -> Evaluation | Expansion:
    name = f"{decision.seq:032x}"
    if decision.task is None:
        return Expansion(
            id=name, seq=seq, decision=decision.seq, attempt=1, parent=decision.agent, operator="single_failure",
            outcome=ExpansionOutcome.NO_CHANGE, started=THEN,
        )  # fmt: skip
    won = decision.seq % 3 == 0
    return Evaluation(
        id=name, seq=seq, decision=decision.seq, attempt=1, agent=decision.agent, task=decision.task,
        split=Split.SEARCH, outcome=Outcome.RESOLVED if won else Outcome.UNRESOLVED, score=float(won), started=THEN,
    )  # fmt: skip


def tail(taken: list[float]) -> str:
    return f"99 % within {np.quantile(taken, 0.99):.3f}"


def _walk(tree: Tree) -> float:
    """Milliseconds of one choice of a parent that goes through the clade of each."""
    children: list[list[int]] = [[] for _ in range(len(tree))]
    for child, parent in enumerate(tree.parents.tolist()):
        if parent >= 0:
            children[parent].append(child)
    resolved, unresolved = tree.resolved.tolist(), tree.unresolved.tolist()
    began = time.perf_counter()
    sums = np.zeros((2, len(tree)), dtype=np.int64)
    for root in range(len(tree)):
        left = [root]
        while left:
            member = left.pop()
            sums[0, root] += resolved[member]
            sums[1, root] += unresolved[member]
            left += children[member]
    assert np.array_equal(sums[0], tree.clade_resolved)
    int(np.argmax(thompson(sums[0], sums[1], 1.0, np.random.default_rng(0))))
    return 1000 * (time.perf_counter() - began)
