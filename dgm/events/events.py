"""What happens in a run, as JSON lines; `schema.json` says what each holds, docs/running.md what it means."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from archive import Row, is_result
from dgm.events.rows import Event, row_event
from dgm.watching import Status

VERSION = 1
"""Of the schema: raised when a field goes or changes its meaning. New events and fields may come at any time."""

STATUS_S = 5.0
"""The least time in seconds between two statuses that say the same of what the search does."""

SHORTEST_SECRET = 8
"""A shorter value is too likely to be part of something else."""

Sink = Callable[[str], None]
"""Takes one line, without its end."""


class Events:
    """Watches one run and tells every sink; see `dgm.watching.Display`.

    `secrets` never come out, wherever in a text they stand.
    """

    def __init__(
        self,
        run: str,
        sinks: Iterable[Sink] = (),
        secrets: Iterable[str] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._run = run
        self._sinks = list(sinks)
        self._secrets = [json.dumps(secret)[1:-1] for secret in secrets if len(secret) >= SHORTEST_SECRET]
        self._clock = clock
        self._now = now
        self._results: Counter[str] = Counter()
        self._state: tuple[str, str] | None = None
        self._told = float("-inf")
        self._last: Event = {}

    def add(self, sink: Sink) -> None:
        """Tell this one too from now on."""
        self._sinks.append(sink)

    def recall(self, outcomes: Mapping[str, int]) -> None:
        """Take over what earlier drivers of this run recorded: results by outcome."""
        self._results.update(outcomes)

    def event(self, name: str, /, **fields: object) -> None:
        self._tell({"event": name, **fields})

    def tell(self, line: str) -> None:
        self.event("note", text=line)

    def note(self, row: Row) -> None:
        found = row_event(row)
        if is_result(row):
            self._results[row.outcome.value] += 1
        if found is not None:
            self._tell(found)

    def show(self, status: Status) -> None:
        state, now = (status.state.value, status.why), self._clock()
        if state == self._state and now - self._told < STATUS_S:
            return
        self._state, self._told = state, now
        found = status_event(status, self._results)
        if found != self._last:
            self._last = found
            self._tell(found)

    def _tell(self, event: Event) -> None:
        line = json.dumps({"v": VERSION, "time": self._now().isoformat(), "run": self._run, **event})
        for secret in self._secrets:
            line = line.replace(secret, "[secret]")
        deaf = []
        for sink in self._sinks:
            try:
                sink(line)
            except BrokenPipeError:
                deaf.append(sink)
        if deaf:  # who read these lines has gone; the others are still told how the run ends
            self._sinks = [sink for sink in self._sinks if sink not in deaf]
            raise BrokenPipeError("nobody reads the lines of this run any more")


def status_event(status: Status, results: Mapping[str, int]) -> Event:
    """Where the search stands; `results` are counted by outcome."""
    tree, bounds = status.tree, status.bounds
    best = tree.best() if len(tree) else None
    counts = None if best is None else tree.counts(best)
    return {
        "event": "status",
        "state": status.state.value,
        "why": status.why,
        "evaluations": int(tree.resolved.sum() + tree.unresolved.sum()),
        "evaluations_budget": bounds.evaluations,
        "expansions": tree.expansions_started,
        "expansions_budget": bounds.expansions,
        "agents": len(tree),
        "best": best,
        "best_resolved": None if counts is None else counts.resolved,
        "best_evaluations": None if counts is None else counts.total,
        "running": status.running,
        "waiting": status.waiting,
        "width": status.width,
        "cost_microusd": tree.cost_microusd,
        "cap_microusd": status.money.cap,
        "results": dict(sorted(results.items())),
    }
