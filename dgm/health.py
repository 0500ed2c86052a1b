"""Whether a run's machine is failing, told from its last results, and not one task or one parent of it alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from archive import Evaluation, Expansion
from dgm.jobs import PROVIDER_DOWN

RECENT = 10
"""How many last results are looked at to see that the machine, not the agents, is failing."""

MEMORY = 100
"""How many last results are looked at to see what ever worked."""

FEW = 2
"""So many tasks or parents that always fail may be broken themselves; more are the machine's doing."""

CHANCE = 2
"""So many later tries may fail by chance; more say that what made the first ones fail goes on."""


class Health:
    """The last results. Those that a provider failed, which is waited for, say nothing of the machine."""

    def __init__(self) -> None:
        self._results: deque[tuple[str, bool, bool]] = deque(maxlen=MEMORY)

    def observe(self, row: Evaluation | Expansion) -> None:
        if PROVIDER_DOWN not in row.flags:
            self._results.append((_thing(row), row.outcome.counted, row.attempt > 1))

    def recall(self, rows: Iterable[Evaluation | Expansion]) -> None:
        for row in rows:
            self.observe(row)

    @property
    def void(self) -> int:
        """How many of the last ten results are void."""
        return sum(not counted for _, counted, _ in self._last())

    @property
    def failing(self) -> bool:
        """Whether more than half of the last ten results are void, and not only those of a few tasks or parents.

        With nothing else that works, even one that always fails is a failing machine. First tries alone are not: a
        node takes all that it had with it, and they work elsewhere.
        """
        last = self._last()
        if len(last) < RECENT or self.void <= RECENT / 2:
            return False
        if sum(again and not counted for _, counted, again in last) <= CHANCE:
            return False
        fine = {thing for thing, counted, _ in last if counted}
        broken = {thing for thing, _, _ in last} - fine
        works = {thing for thing, counted, _ in self._results if counted} - broken
        return not works or (len(broken) > FEW and len(broken) > len(fine))

    def _last(self) -> list[tuple[str, bool, bool]]:
        return list(self._results)[-RECENT:]


def _thing(row: Evaluation | Expansion) -> str:
    """What may be broken by itself."""
    return f"expansions of {row.parent}" if isinstance(row, Expansion) else row.task


def set_aside(row: Evaluation | Expansion) -> str:
    """What to tell of a decision whose last try this was."""
    if isinstance(row, Expansion):
        return f"set aside: this expansion of {row.parent[:10]} after {row.attempt} tries that the machine failed"
    return (
        f"set aside: {row.task} for agent {row.agent[:10]} after {row.attempt} tries that the machine failed"
    )
