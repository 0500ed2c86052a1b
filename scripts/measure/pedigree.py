"""Pedigree: one decision over 1,000, 10,000 and 100,000 agents, and what folding their results in costs.

A *decision* is what it is in `scripts/perf decisions`, over the same agents with ten evaluations each. *Observe* is
what the policy does with one row, decisions and refits included; the belief of a run of a million evaluations is made
anew by two million of them.
"""

from __future__ import annotations

import argparse
import os
import time
from array import array
from dataclasses import dataclass, field

import numpy as np

from archive import Row
from dgm.policies import Pedigree
from dgm.policies.pedigree import Belief
from scripts.measure.decisions import EACH, TASKS, decisions, grown, tail
from scripts.measure.report import Figure, Report, Target, machine
from scripts.measure.stats import figure

TARGETS_MS = {1_000: 2.0, 10_000: 6.0, 100_000: 80.0}
OBSERVE_MS = 0.1


@dataclass(frozen=True, kw_only=True)
class Timed(Pedigree):
    """Writes down how many seconds each row took it."""

    taken: array[float] = field(default_factory=lambda: array("d"))

    def observe(self, belief: Belief, row: Row) -> Belief:
        began = time.process_time()
        belief = super().observe(belief, row)
        self.taken.append(time.process_time() - began)
        return belief


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--agents", type=int, nargs="*", default=list(TARGETS_MS), help="sizes to measure")
    parser.add_argument("--decisions", type=int, default=100, help="decisions at each size (100)")


def measure(options: argparse.Namespace) -> Report:
    before = os.getloadavg()
    figures: list[Figure] = []
    targets: list[Target] = []
    for agents in options.agents:
        policy = Timed(seed_share=0.0)
        decider, seq = grown(policy, agents)
        observed = 1000 * np.array(policy.taken)
        taken, _ = decisions(decider, seq, options.decisions, time.process_time)
        folded = figure(f"{agents} agents: observe", "ms", observed.tolist(), note=_spent(observed))
        figures += [figure(f"{agents} agents: decision", "ms", taken, note=tail(taken)), folded]
        for what, value, bound in (
            ("decision, median", float(np.median(taken)), TARGETS_MS.get(agents)),
            ("observe, mean", float(observed.mean()), OBSERVE_MS),
            ("observe, per evaluation", float(observed.sum()) / (agents * EACH), OBSERVE_MS),
        ):
            if bound is not None:
                targets.append(Target(name=f"{agents} agents: {what}", unit="ms", value=value, bound=bound))
    return Report(
        subject="pedigree",
        machine=machine(),
        settings={"decisions": options.decisions, "tasks": len(TASKS), "evaluations each": EACH},
        load_before=before,
        load_after=os.getloadavg(),
        figures=tuple(figures),
        targets=tuple(targets),
    )


def _spent(observed: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    """All of it, and the largest refit."""
    return f"{observed.sum() / 1000:.1f} s in all, the longest {observed.max():.0f} ms"
