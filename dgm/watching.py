"""What a search tells those who watch it: a screen, lines for machines, logs, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from archive import Row
from dgm.deciding import Bounds
from dgm.ending import Ending
from dgm.purse import Money
from dgm.tree import Tree


class State(StrEnum):
    """What a search does now."""

    SEARCHING = "searching"
    PAUSED = "paused"
    OUTAGE = "outage"
    WAITING = "waiting"
    STOPPING = "stopping"


@dataclass(frozen=True, kw_only=True)
class Status:
    """A search at one moment. `tree` and `ending` are its own: to be looked at now, not to be kept.

    `running` jobs of at most `width` are in flight, `waiting` ones are to be tried again. `why` says more of a pause or
    an outage. A search that stops gives running jobs `grace_s` seconds.
    """

    tree: Tree
    ending: Ending
    bounds: Bounds
    money: Money
    running: int
    width: int
    waiting: int = 0
    state: State = State.SEARCHING
    why: str = ""
    grace_s: float = 0.0


class Display(Protocol):
    """Watches a search. Nothing that it does may end one."""

    def show(self, status: Status) -> None:
        """Called very often."""

    def note(self, row: Row) -> None:
        """A row that is on disk by now."""

    def tell(self, line: str) -> None:
        """Something that the operator should know."""


class Several:
    """Shows the same to several displays."""

    def __init__(self, displays: Sequence[Display]) -> None:
        self._displays = displays

    def show(self, status: Status) -> None:
        for display in self._displays:
            display.show(status)

    def note(self, row: Row) -> None:
        for display in self._displays:
            display.note(row)

    def tell(self, line: str) -> None:
        for display in self._displays:
            display.tell(line)
