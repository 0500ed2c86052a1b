"""A search as it goes on: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from archive import Agent, Evaluation, Expansion, ExpansionOutcome, Outcome, Row, Split
from dgm.cmp import posterior
from dgm.report.pace import Pace, duration
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
"""The least time in seconds between two plain lines of status, in the beginning."""
SOON_S = 600.0
LATER_S = 60.0
"""The same after `SOON_S`: a run of days is not to fill a disk with them."""
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
        self._state = State.SEARCHING
        self._pace = Pace()
        self._seen: Counter[str] = Counter()

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
        if status.state is not self._state:
            self._shown = float("-inf")
        if status.state is State.STOPPING is not self._state:
            self._say(
                f"stopping: nothing new is begun, {status.running} running jobs have {status.grace_s:g} s to end;"
                " once more to stop now"
            )
        self._state = status.state
        now = self._clock()
        if now - self._shown < self._apart(now):
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
        tree, bounds, pace = status.tree, status.bounds, self._pace
        evaluated = int(tree.resolved.sum() + tree.unresolved.sum())
        stages = status.ending.stages(tree, bounds) if len(tree) else ()
        done, total = sum(stage.done for stage in stages), sum(stage.total for stage in stages)
        searching = status.state is State.SEARCHING
        pace.see(now, evaluated + done, tree.cost_microusd, searching=searching)
        left = pace.left(bounds.evaluations + total, status.money.cap)
        return [
            *([] if searching else [(status.state.value, status.why or "-")]),
            ("evaluations", f"{evaluated}/{bounds.evaluations}"),
            ("expansions", f"{tree.expansions_started}/{bounds.expansions}"),
            ("agents", str(len(tree))),
            ("best", _best(tree)),
            ("running", _running(status)),
            *([("rounds", told_rounds(bounds.evaluations, status.width))] if status.width else []),
            *([("pace", f"{pace.per_hour:.3g} evaluations an hour")] if pace.per_hour else []),
            (
                "cost",
                f"${tree.cost_microusd / 1e6:.2f}{_of(status.money.cap)}{_per_hour(pace)}{self._made_up}",
            ),
            *self._failures(),
            *((NAMES[stage.split], f"{stage.done}/{stage.total}") for stage in stages if stage.done),
            ("elapsed", duration(now - self._began)),
            ("left", left if searching or left == "-" else f"{left}, once it goes on"),
        ]

    def _failures(self) -> list[tuple[str, str]]:
        """Outcomes that one should know of; of void ones, which nobody wants, the share of all."""
        told = [f"{name} {self._seen[name]}" for name in FAILURES if self._seen[name]]
        if self._seen[Outcome.VOID]:
            told[0] += f" ({self._seen[Outcome.VOID] / self._seen.total():.1%} of all)"
        return [("failures", ", ".join(told))] if told else []

    def _apart(self, now: float) -> float:
        if self._live is not None:
            return REFRESH_S
        return STATUS_S if now - self._began < SOON_S else LATER_S

    def _say(self, line: str) -> None:
        self._console.print(safe_line(line), highlight=False, markup=False, soft_wrap=True)


def _panel(facts: Sequence[tuple[str, str]]) -> Panel:
    table = Table.grid(padding=(0, 2))
    for name, value in facts:
        table.add_row(Text(name, style="bold"), Text(safe_line(value)))
    return Panel(table, title="dgm run", title_align="left", expand=False)


def _running(status: Status) -> str:
    of = f" of {status.width}" if status.width else ""
    return f"{status.running}{of}{f', {status.waiting} to be tried again' if status.waiting else ''}"


def _per_hour(pace: Pace) -> str:
    return f", ${pace.usd_per_hour:.2f} an hour" if pace.usd_per_hour else ""


def _of(cap_microusd: int | None) -> str:
    return "" if cap_microusd is None else f" of ${cap_microusd / 1e6:.2f}"


def _best(tree: Tree) -> str:
    if not len(tree):
        return "-"
    agent = tree.best()
    counts = tree.counts(agent)
    low, high = posterior(counts).interval()
    return f"{agent[:10]} {counts.resolved}/{counts.total} [{low:.2f}, {high:.2f}]"
