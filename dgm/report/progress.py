"""A search as it goes on: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from rich.console import Console
from rich.live import Live
from rich.table import Table

from archive import Agent, Decision, Evaluation, Expansion, ExpansionOutcome, Row, Split
from dgm.cmp import posterior
from dgm.search import Settings
from dgm.tree import Tree

FAILURES = ("void", "crashed", "timed_out", "out_of_memory", "budget_spent", "rejected")
"""Outcomes that the screen counts one by one."""


class Progress:
    """Counts what happens and shows it. `every_s` is the least time in seconds between two plain lines."""

    def __init__(
        self,
        console: Console,
        *,
        live: bool,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = 5.0,
    ) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True) if live else None
        self._clock = clock
        self._every_s = every_s
        self._began = clock()
        self._shown = float("-inf")
        self._line = ""
        self._seen: Counter[str] = Counter()
        self._tests = 0
        self._first: int | None = None

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def note(self, row: Row) -> None:
        """Count one row; agents are announced at once."""
        match row:
            case Expansion():
                self._seen[row.outcome.value] += 1
            case Evaluation():
                self._seen[row.outcome.value] += 1
                self._tests += row.split is Split.TEST and row.outcome.counted
            case Agent() if row.parent is not None:
                self._say(f"agent {row.id[:10]} from {row.parent[:10]} at depth {row.depth}")
            case Decision() | _:
                pass

    def show(self, tree: Tree, settings: Settings, running: int) -> None:
        """Show the state, at most as often as is useful."""
        now = self._clock()
        if now - self._shown < (0.25 if self._live is not None else self._every_s):
            return
        self._shown = now
        facts = self._facts(tree, settings, running, now)
        if self._live is not None:
            table = Table.grid(padding=(0, 2))
            for name, value in facts:
                table.add_row(f"[bold]{name}[/bold]", value)
            self._live.update(table)
        elif (
            line := "  ".join(f"{name} {value}" for name, value in facts if name != "elapsed")
        ) != self._line:
            self._line = line
            self._say(line)

    def _facts(self, tree: Tree, settings: Settings, running: int, now: float) -> list[tuple[str, str]]:
        done = int(tree.resolved.sum() + tree.unresolved.sum())
        if self._first is None:
            self._first = done
        elapsed = now - self._began
        rate = (done - self._first) / elapsed if elapsed > 0 else 0.0
        left = settings.evaluations - done
        eta = str(timedelta(seconds=round(left / rate))) if rate > 0 and left > 0 else "-"
        facts = [
            ("evaluations", f"{done}/{settings.evaluations}"),
            ("expansions", f"{tree.expansions_started}/{settings.expansions}"),
            ("agents", str(len(tree))),
            ("best", _best(tree)),
            ("running", str(running)),
            ("cost", f"${tree.cost_microusd / 1e6:.2f}"),
        ]
        failures = [f"{name} {self._seen[name]}" for name in FAILURES if self._seen[name]]
        refused = [outcome for outcome in ExpansionOutcome if outcome.value in self._seen]
        gone = sum(
            self._seen[o.value] for o in refused if o in (ExpansionOutcome.GATED, ExpansionOutcome.DUPLICATE)
        )
        if gone:
            failures.append(f"gated {gone}")
        if failures:
            facts.append(("failures", ", ".join(failures)))
        if self._tests:
            facts.append(("final test", str(self._tests)))
        return [*facts, ("elapsed", str(timedelta(seconds=round(elapsed)))), ("left", eta)]

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _best(tree: Tree) -> str:
    if not len(tree):
        return "-"
    agent = tree.best()
    counts = tree.counts(agent)
    low, high = posterior(counts).interval()
    return f"{agent[:10]} {counts.resolved}/{counts.total} [{low:.2f}, {high:.2f}]"
