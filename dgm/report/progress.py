"""A search as it goes on: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from archive import Agent, Evaluation, Expansion, ExpansionOutcome, Outcome, Row, Split
from dgm.cmp import posterior
from dgm.report.safe import safe_line
from dgm.tree import Tree
from dgm.watching import State, Status
from dgm.width import told_rounds

FAILURES = (
    Outcome.VOID,
    Outcome.CRASHED,
    Outcome.TIMED_OUT,
    Outcome.OUT_OF_MEMORY,
    Outcome.BUDGET_SPENT,
    Outcome.REJECTED,
    ExpansionOutcome.GATED,
    ExpansionOutcome.DUPLICATE,
    ExpansionOutcome.NO_CHANGE,
)
"""Outcomes that are counted one by one, in this order."""

NAMES = {Split.CONFIRM: "confirmation", Split.TEST: "final test"}
"""What the parts of the end are called."""

STATUS_S = 5.0
"""The least time in seconds between two plain lines of status."""
REFRESH_S = 0.25


class Progress:
    """Counts what happens and shows it.

    `made_up` says that no provider is paid.
    """

    def __init__(
        self,
        console: Console,
        *,
        live: bool,
        made_up: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True) if live else None
        self._made_up = " (made up)" if made_up else ""
        self._clock = clock
        self._began = clock()
        self._shown = float("-inf")
        self._line = ""
        self._stopping = False
        self._seen: Counter[str] = Counter()
        self._first: int | None = None

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def recall(self, outcomes: Mapping[str, int]) -> None:
        """Take over what earlier drivers of this run recorded: results by outcome."""
        self._seen.update(outcomes)

    def note(self, row: Row) -> None:
        """Count one row; agents are announced at once."""
        self._count(row)
        if isinstance(row, Agent) and row.parent is not None:
            self._say(f"agent {row.id[:10]} from {row.parent[:10]} at depth {row.depth}")

    def tell(self, line: str) -> None:
        """Something that the operator should know, on a line of its own."""
        self._say(line)

    def show(self, status: Status) -> None:
        """Show the state, at most as often as is useful."""
        if status.state is State.STOPPING and not self._stopping:
            self._stopping = True
            self._shown = float("-inf")
            self._say(
                f"stopping: nothing new is begun, {status.running} running jobs have {status.grace_s:g} s to end;"
                " once more to stop now"
            )
        now = self._clock()
        if now - self._shown < (STATUS_S if self._live is None else REFRESH_S):
            return
        self._shown = now
        facts = self._facts(status, now)
        if self._live is not None:
            self._live.update(_panel(facts))
            return
        line = "  ".join(f"{name} {value}" for name, value in facts if name != "elapsed")
        if line != self._line:
            self._line = line
            self._say(line)

    def _count(self, row: Row) -> None:
        if isinstance(row, Evaluation) and row.replaces is not None:
            return
        if isinstance(row, Expansion | Evaluation):
            self._seen[row.outcome.value] += 1

    def _facts(self, status: Status, now: float) -> list[tuple[str, str]]:
        tree, bounds = status.tree, status.bounds
        evaluated = int(tree.resolved.sum() + tree.unresolved.sum())
        stages = status.ending.stages(tree, bounds) if len(tree) else ()
        done, total = sum(stage.done for stage in stages), sum(stage.total for stage in stages)
        failures = [f"{name} {self._seen[name]}" for name in FAILURES if self._seen[name]]
        return [
            *([] if status.state is State.SEARCHING else [(status.state.value, status.why or "-")]),
            ("evaluations", f"{evaluated}/{bounds.evaluations}"),
            ("expansions", f"{tree.expansions_started}/{bounds.expansions}"),
            ("agents", str(len(tree))),
            ("best", _best(tree)),
            ("running", str(status.running)),
            *([("rounds", told_rounds(bounds.evaluations, status.width))] if status.width else []),
            ("cost", f"${tree.cost_microusd / 1e6:.2f}{_of(status.money.cap)}{self._made_up}"),
            *([("failures", ", ".join(failures))] if failures else []),
            *((NAMES[stage.split], f"{stage.done}/{stage.total}") for stage in stages if stage.done),
            ("elapsed", _duration(now - self._began)),
            ("left", self._left(evaluated + done, bounds.evaluations + total, now)),
        ]

    def _left(self, done: int, total: int, now: float) -> str:
        """What the evaluations that this driver saw let one expect, the end included."""
        if self._first is None:
            self._first = done
        elapsed = now - self._began
        rate = (done - self._first) / elapsed if elapsed > 0 else 0.0
        return f"about {_duration((total - done) / rate)}" if rate > 0 and total > done else "-"

    def _say(self, line: str) -> None:
        self._console.print(safe_line(line), highlight=False, markup=False, soft_wrap=True)


def _panel(facts: Sequence[tuple[str, str]]) -> Panel:
    table = Table.grid(padding=(0, 2))
    for name, value in facts:
        table.add_row(Text(name, style="bold"), Text(value))
    return Panel(table, title="dgm run", title_align="left", expand=False)


def _of(cap_microusd: int | None) -> str:
    return "" if cap_microusd is None else f" of ${cap_microusd / 1e6:.2f}"


def _best(tree: Tree) -> str:
    if not len(tree):
        return "-"
    agent = tree.best()
    counts = tree.counts(agent)
    low, high = posterior(counts).interval()
    return f"{agent[:10]} {counts.resolved}/{counts.total} [{low:.2f}, {high:.2f}]"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
