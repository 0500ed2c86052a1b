"""Rehearsal runs of several policies and of the unchanged seed at equal cost, paired by seed, as one table.

A rehearsal shows that the machine works, nothing about models. Runs that are finished are read, not run again; one that
was stopped goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dgm.comparing import comparison
from dgm.report.compared import compared_text

POLICIES = ("huxley", "darwin", "uniform")
ATTEMPTS = "attempts"


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
    made: list[Path] = []
    for seed in options.seeds:
        for policy in (*policies, ATTEMPTS):
            name = f"{policy}-{seed}"
            like = [f"policy.like={options.runs}/{policies[0]}-{seed}"] if policy == ATTEMPTS else []
            run([f"policy={policy}", f"seed={seed}", f"name={name}", *like, *common])
            made.append(Path(options.runs) / name)
        told = compared_text(comparison(made))
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
