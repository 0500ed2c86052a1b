"""Rehearsal runs of several policies and of the unchanged seed at equal cost, paired by seed, as one table.

A rehearsal shows that the machine works, nothing about models. Runs that are finished are read, not run again; one that
was stopped goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import archive
from archive import TaskId
from dgm.matching import Costs, costs
from dgm.report import Finals, finals, view_of
from dgm.report.compare import pool

POLICIES = ("huxley", "darwin", "uniform")
ATTEMPTS = "attempts"

Scores = Mapping[TaskId, float]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """One finished run: what it ended with, and what it paid for."""

    finals: Finals
    costs: Costs


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A line of the table: of each run the scores per test task of what it ended with, and of the seed."""

    name: str
    best: Sequence[Scores]
    seed: Sequence[Scores]
    paid: Sequence[Costs]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="rehearsal-table policies", description=__doc__)
    parser.add_argument("seeds", type=int, nargs="+", metavar="SEED")
    parser.add_argument(
        "--policies", default=",".join(POLICIES), help="the first is what others are compared with"
    )
    parser.add_argument("--runs", default="runs/rehearsal-table", metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument(
        "overrides", nargs="*", metavar="-- OVERRIDE", help="of every run, such as budget.evaluations=50"
    )
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:split])
    common = ["experiment=rehearsal", f"runs_dir={options.runs}", *arguments[split + 1 :]]
    policies = options.policies.split(",")
    ended: dict[str, list[Ended]] = {name: [] for name in (*policies, ATTEMPTS)}
    for seed in options.seeds:
        for policy in (*policies, ATTEMPTS):
            name = f"{policy}-{seed}"
            like = [f"policy.like={options.runs}/{policies[0]}-{seed}"] if policy == ATTEMPTS else []
            run([f"policy={policy}", f"seed={seed}", f"name={name}", *like, *common])
            ended[policy].append(read(Path(options.runs) / name))
        told = table(arms(ended), options.seeds[: len(ended[ATTEMPTS])])
        sys.stdout.write(told + "\n\n")
        sys.stdout.flush()
        if options.out is not None:
            options.out.write_text(told + "\n")
    return 0


def run(arguments: Sequence[str]) -> None:
    """`dgm run`, in a process of its own, whose words go to stderr. Raises CalledProcessError."""
    sys.stderr.write(f"dgm run {' '.join(arguments)}\n")
    sys.stderr.flush()
    program = "import sys; from dgm.cli import main; sys.exit(main(sys.argv[1:]))"
    subprocess.run(
        [sys.executable, "-c", program, "run", *arguments],
        check=True,
        stdout=sys.stderr,
        stdin=subprocess.DEVNULL,
    )


def read(path: Path) -> Ended:
    with archive.open(path) as run:
        return Ended(finals=finals(view_of(run)), costs=costs(run))


def arms(ended: Mapping[str, Sequence[Ended]]) -> list[Arm]:
    """A line per policy, and two of what the unchanged seed reaches with many attempts."""

    def arm(
        name: str, policy: str, best: Callable[[Finals], Scores], seed: Callable[[Finals], Scores]
    ) -> Arm:
        runs = ended[policy]
        return Arm(
            name=name,
            best=[best(one.finals) for one in runs],
            seed=[seed(one.finals) for one in runs],
            paid=[one.costs for one in runs],
        )

    k = ", ".join(str(one.finals.attempts.k) for one in ended[ATTEMPTS])
    return [
        *(
            arm(policy, policy, lambda one: one.best.test.by_task, lambda one: one.seed.test.by_task)
            for policy in ended
            if policy != ATTEMPTS
        ),
        arm(
            f"seed, most frequent of k answers (k = {k})",
            ATTEMPTS,
            lambda one: one.attempts.frequent.by_task,
            lambda one: one.attempts.single.by_task,
        ),
        arm(
            "seed, any of the k: chosen by the hidden tests",
            ATTEMPTS,
            lambda one: one.attempts.any.by_task,
            lambda one: one.attempts.single.by_task,
        ),
    ]


def table(lines: Sequence[Arm], seeds: Sequence[int]) -> str:
    """Markdown: shares of test tasks in points, paired intervals over runs and tasks, mean cost of a run."""
    against = lines[0]
    rows = []
    for line in lines:
        paid = [one.search if _searched(one) else one.test for one in line.paid]
        rows.append(
            f"| {line.name} | {_mean(line.best):.1f} | {_mean(line.seed):.1f} | {_difference(line.best, line.seed)}"
            f" | {'' if line is against else _difference(line.best, against.best)}"
            f" | {sum(one.cost_microusd for one in paid) / len(paid) / 1e6:.3f}"
            f" | {sum(one.calls for one in paid) / len(paid):.0f} |"
        )
    return "\n".join(
        [
            f"Rehearsal, seeds {', '.join(map(str, seeds))}; a stand-in answered, and its prices are made up.",
            "",
            f"| arm | winner on test, % | seed on test, % | gain | against {against.name} | paid, $ | calls |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


def _searched(paid: Costs) -> bool:
    return paid.search.calls > 0


def _mean(runs: Sequence[Scores]) -> float:
    return 100 * sum(sum(one.values()) / len(one) for one in runs) / len(runs)


def _difference(one: Sequence[Scores], other: Sequence[Scores]) -> str:
    pairs = zip(one, other, strict=True)
    found = pool([{task: mine[task] - theirs[task] for task in mine} for mine, theirs in pairs])
    return f"{100 * found.mean:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
