"""What operators ask of a search while it goes on: stop, pause, resume, another budget or other slots.

Each is an entry of `changes`, written by the driver before anything follows from it: replay and the next driver go by
those rows alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from archive import Archive, Change, Row, RunReader
from dgm.control import Answer, Request, Verb
from dgm.errors import ConfigError

PAUSE, RESUME, STOP, CHANGE = "pause", "resume", "stop", "change"
"""Kinds of `changes` rows that an operator's request makes. `change` stands in one entry with what it changed."""

Bounds = TypeVar("Bounds")


class Control(Protocol):
    """Where requests come from; see `dgm.control.Mailbox`."""

    def take(self) -> Sequence[Request]: ...

    def answer(self, request: Request, answer: Answer) -> None: ...


class Uncontrolled:
    """Nobody asks."""

    def take(self) -> Sequence[Request]:
        return ()

    def answer(self, request: Request, answer: Answer) -> None:
        return None


@dataclass(frozen=True, kw_only=True)
class Changed(Generic[Bounds]):
    """What a change comes to: the settings and slots from now on, `kinds` what was in force before and is after by kind
    of row, and `lines` for people, one for each key. No lines: all of it is so already.
    """

    settings: Bounds
    slots: int
    kinds: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]
    lines: Sequence[str]


class Changes(Protocol[Bounds]):
    """The configuration in force, as far as it may change while a search goes on."""

    def changed(self, values: Mapping[str, str]) -> Changed[Bounds]:
        """What these values would come to. Raises ConfigError."""
        ...

    def accept(self, changed: Changed[Bounds]) -> None:
        """From now on this is in force."""


class Steering(Generic[Bounds]):
    """Takes requests up. The search asks it what it may do; `append` records an entry and folds it in."""

    def __init__(
        self,
        control: Control,
        changes: Changes[Bounds] | None,
        archive: Archive,
        append: Callable[[Sequence[Row]], None],
        apply: Callable[[Changed[Bounds]], None],
        tell: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._control = control
        self._changes = changes
        self._archive = archive
        self._append = append
        self._apply = apply
        self._tell = tell
        self._now = now
        self._paused: Change | None = None
        self.stops = 0
        """How often operators asked to stop, as with Ctrl-C: twice means now."""

    @property
    def paused(self) -> bool:
        return self._paused is not None

    @property
    def why(self) -> str:
        """Who paused the search and since when; empty if nobody did."""
        if self._paused is None:
            return ""
        return f"by {_by(self._paused)} since {self._paused.at:%Y-%m-%d %H:%M:%S} UTC"

    def recall(self, run: RunReader) -> None:
        """Take over what all rows of `run` say, before any other row."""
        data = run.columns("changes", "seq", "kind", "before", "after", "at")
        for row in data.to_pylist():
            self.observe(Change(**row))

    def observe(self, row: Row) -> None:
        """Fold one row in."""
        if isinstance(row, Change) and row.kind == PAUSE:
            self._paused = row
        elif isinstance(row, Change) and row.kind == RESUME:
            self._paused = None

    def heed(self, running: int) -> None:
        """Do what was asked since the last time; `running` jobs are in flight."""
        for request in self._control.take():
            answer = self._answer(request, running)
            self._control.answer(request, answer)
            self._tell(f"{request.by} asked to {request.verb}: {answer.text}")

    def _answer(self, request: Request, running: int) -> Answer:
        match request.verb:
            case Verb.STOP:
                return self._stop(request, running)
            case Verb.PAUSE:
                return self._pause(request, running)
            case Verb.RESUME:
                return self._resume(request)
            case Verb.CHANGE:
                return self._change(request)

    def _stop(self, request: Request, running: int) -> Answer:
        wanted = 2 if request.now else 1
        if self.stops >= wanted:
            return Answer(
                done=True, text="it is stopping already; `dgm stop --now` does not wait for running jobs"
            )
        self._note(request, STOP, {"now": request.now})
        self.stops = wanted
        if request.now:
            return Answer(
                done=True, text=f"stops now; {running} running jobs are begun again by the same command"
            )
        return Answer(
            done=True, text=f"stops: nothing new is begun, and {running} running jobs get time to end"
        )

    def _pause(self, request: Request, running: int) -> Answer:
        if self.paused:
            return Answer(done=True, text=f"it is paused already, {self.why}")
        self._note(request, PAUSE)
        return Answer(
            done=True, text=f"paused: nothing new is begun, {running} running jobs end; `dgm resume` goes on"
        )

    def _resume(self, request: Request) -> Answer:
        if not self.paused:
            return Answer(done=True, text="nobody paused it, so there is nothing to resume")
        self._note(request, RESUME)
        return Answer(done=True, text="goes on")

    def _change(self, request: Request) -> Answer:
        if self._changes is None:
            return Answer(done=False, text="this search has no configuration that could change")
        try:
            changed = self._changes.changed(request.values)
        except ConfigError as error:
            return Answer(done=False, text=str(error))
        if not changed.lines:
            return Answer(done=True, text="that is so already")
        rows = [self._row(kind, before, after) for kind, (before, after) in changed.kinds.items()]
        self._append([*rows, self._row(CHANGE, {}, {"by": request.by, "values": dict(request.values)})])
        self._changes.accept(changed)
        self._apply(changed)
        return Answer(done=True, text="; ".join(changed.lines))

    def _note(self, request: Request, kind: str, more: Mapping[str, object] | None = None) -> None:
        self._append([self._row(kind, {}, {"by": request.by, **(more or {})})])

    def _row(self, kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
        texts = [json.dumps(value, sort_keys=True) if value else "" for value in (before, after)]
        return Change(seq=self._archive.next_seq, kind=kind, before=texts[0], after=texts[1], at=self._now())


def _by(row: Change) -> str:
    try:
        return str(json.loads(row.after)["by"])
    except (ValueError, KeyError, TypeError):
        return "somebody"
