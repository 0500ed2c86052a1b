"""A search as numbers for who watches machines: the pool publishes them, if it has somewhere to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from archive import Decision, Row, is_result
from dgm.watching import State, Status
from dgm.workers import Figure

EVERY_S = 5.0


class Publisher(Protocol):
    def publish(self, run: str, figures: Sequence[Figure]) -> None: ...


def figures(status: Status, decisions: int, results: Mapping[str, int]) -> list[Figure]:
    """All that is published of a search; `decisions` and `results`, by outcome, are what this driver recorded."""
    tree = status.tree
    plain = (
        ("dgm_decisions", "decisions that this driver recorded", decisions),
        ("dgm_evaluations", "search evaluations that count", tree.resolved.sum() + tree.unresolved.sum()),
        ("dgm_evaluations_budget", "search evaluations that the budget allows", status.bounds.evaluations),
        ("dgm_expansions", "expansions begun", tree.expansions_started),
        ("dgm_agents", "agents in the archive", len(tree)),
        ("dgm_jobs_running", "jobs in flight", status.running),
        ("dgm_jobs_waiting", "jobs that are to be tried again", status.waiting),
        ("dgm_jobs_width", "jobs that may be in flight", status.width),
        (
            "dgm_void_results",
            "results of this driver that the machine or the provider failed",
            results.get("void", 0),
        ),
        ("dgm_spent_usd", "dollars spent on model calls", tree.cost_microusd / 1e6),
        ("dgm_cap_usd", "dollars that may be spent, -1 for no limit", _dollars(status.money.cap)),
    )
    return [
        *(Figure(name=name, meaning=meaning, value=float(value)) for name, meaning, value in plain),
        *(
            Figure(name="dgm_results", meaning="results of this driver", value=n, labels={"outcome": outcome})
            for outcome, n in sorted(results.items())
        ),
        *(
            Figure(
                name="dgm_state",
                meaning="1 for what the search does now",
                value=float(state is status.state),
                labels={"state": state.value},
            )
            for state in State
        ),
    ]


class Published:
    """Hands a search's figures to a publisher now and then; see `dgm.watching.Display`."""

    def __init__(self, publisher: Publisher, run: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._publisher = publisher
        self._run = run
        self._clock = clock
        self._at = float("-inf")
        self._decisions = 0
        self._results: Counter[str] = Counter()

    def show(self, status: Status) -> None:
        if self._clock() - self._at >= EVERY_S:
            self._at = self._clock()
            self._publisher.publish(self._run, figures(status, self._decisions, self._results))

    def note(self, row: Row) -> None:
        self._decisions += isinstance(row, Decision)
        if is_result(row):
            self._results[row.outcome.value] += 1

    def tell(self, line: str) -> None:
        return None


def _dollars(microusd: int | None) -> float:
    return -1.0 if microusd is None else microusd / 1e6
