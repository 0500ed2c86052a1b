"""Scaling: evaluations per second at 1, 4, 16 and 64 slots where rollouts mostly wait for a model.

One `dgm run` of the unchanged agent `scripts/measure/waiting`: each rollout asks the stand-in ten times, each answer
takes `llm.latency_s`, and is graded. The run's width is changed while it goes on. At each width as many results as
there are slots are let pass, since their jobs began all at once and some in new processes; the next rounds count, by
the times at which the driver had them on disk.

*Ideal* is so many slots, each with a result in the time that one rollout took when it was alone. Processor time is
counted by who used it: the driver, the processes of Ray itself, the workers' own, the gateway, and the boxes. What a
box uses is looked at in this process besides, where the model answers at once.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from sandbox import Level
from scripts.measure.report import Figure, Report, Target, machine
from scripts.measure.rollout_parts import parts
from scripts.measure.stats import figure
from scripts.measure.waiting_run import Phase, WaitingRun

IDEAL = 0.85
"""What of the ideal is promised."""

PROMISED = 16
"""Up to so many slots."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--slots", type=int, nargs="*", default=[1, 4, 16, 64], help="widths (1 4 16 64)")
    parser.add_argument("--rounds", type=int, default=1, help="results that count for each slot (1)")
    parser.add_argument("--latency", type=float, default=2.0, help="seconds until an answer is there (2)")
    parser.add_argument("--workers", choices=("ray", "local"), default="ray", help="the pool (ray)")
    parser.add_argument("--sandbox", type=Level, choices=list(Level), default=Level.BUBBLEWRAP)
    parser.add_argument("--parts", type=int, default=5, help="rollouts looked at piece by piece (5)")


def measure(options: argparse.Namespace) -> Report:
    before = os.getloadavg()
    figures: list[Figure] = []
    targets: list[Target] = []
    if options.parts and options.sandbox is not Level.DOCKER:
        figures += parts(options.sandbox, options.parts)
    with tempfile.TemporaryDirectory(prefix="dgm-perf-") as folder, WaitingRun(Path(folder), options) as run:
        phases = [run.phase(slots, options.rounds) for slots in sorted(options.slots)]
    alone = phases[0].seconds
    for phase in phases:
        found, target = _told(phase, sum(alone) / len(alone))
        figures += found
        targets += [target] if phase.slots <= PROMISED else []
    settings = {
        "workers": options.workers, "sandbox": options.sandbox.value, "latency": options.latency,
        "rounds": options.rounds,
    }  # fmt: skip
    return Report(
        subject="scaling", machine=machine(), settings=settings, load_before=before, load_after=os.getloadavg(),
        figures=tuple(figures), targets=tuple(targets),
    )  # fmt: skip


def _told(phase: Phase, alone: float) -> tuple[list[Figure], Target]:
    name, ideal = f"{phase.slots:2} slots", phase.slots / alone
    shares = [rate / ideal for rate in phase.rates]
    used = {
        who: seconds / phase.results for who, seconds in sorted(phase.processor.items()) if seconds >= 0.005
    }
    busy = sum(phase.processor.values()) / phase.wall / (os.cpu_count() or 1)
    note = f"ideal {ideal:.3f}, {phase.voids} tries void"
    figures = [
        figure(f"{name}: evaluations per second", "/s", phase.rates, note=note),
        figure(f"{name}: of ideal", "", shares, note=f"cores {100 * busy:.0f} % busy with it"),
        figure(f"{name}: one rollout", "s", phase.seconds),
        *(figure(f"{name}: CPU per evaluation, {who}", "s", [value]) for who, value in used.items()),
    ]
    value = sum(shares) / len(shares)
    return figures, Target(name=f"{name}: of ideal", unit="", value=value, bound=IDEAL, at_least=True)
