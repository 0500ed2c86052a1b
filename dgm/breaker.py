"""Pausing a run while the models' provider is down: nothing starts that could only fail, and nobody's score is touched.

A result that says that the provider was down opens the breaker. Then the provider is asked whether it is there, with
growing pauses and at no cost; once it is, one job at a time runs until a result counts.
"""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str], None]


class Breaker:
    """Whether jobs may start now.

    `trouble` asks the provider: None if it answers, else what is wrong. `tell` shows a line to the operator. After
    `most` pauses without any result that counts in between, `hopeless` says so.
    """

    def __init__(
        self,
        trouble: Callable[[], str | None],
        tell: Tell,
        clock: Callable[[], float],
        *,
        first_s: float = 5.0,
        longest_s: float = 60.0,
        most: int = 5,
    ) -> None:
        self._trouble = trouble
        self._tell = tell
        self._clock = clock
        self._first_s = first_s
        self._longest_s = longest_s
        self._most = most
        self._pauses = 0
        self._asked = 0
        self._until: float | None = None
        self._careful = False
        self.why = ""
        """What was last wrong with the provider."""

    @property
    def paused(self) -> bool:
        return self._until is not None

    @property
    def hopeless(self) -> bool:
        """Whether the provider answers when it is asked, and fails every job all the same."""
        return self._pauses > self._most

    def observe(self, *, down: bool, counted: bool, why: str = "") -> None:
        """Take note of a new result."""
        if counted and not self.paused:
            self._pauses, self._careful = 0, False
        if down and not self.paused:
            self._pauses += 1
            self.why = why
            self._asked = self._pauses - 1
            self._wait()
            self._tell(
                f"paused: the provider is down ({why}); the run goes on by itself when it answers, and nobody's score "
                "is touched"
            )

    def allows(self, running: int) -> bool:
        """Whether one more job may start beside those that run."""
        if self._until is not None and self._clock() >= self._until:
            trouble = self._trouble()
            if trouble is None:
                self._until, self._careful = None, True
                self._tell("the provider answers again: going on with one job at a time until one succeeds")
            else:
                self._wait()
                self.why = trouble
                self._tell(f"still paused: {trouble}")
        return self._until is None and (not self._careful or running == 0)

    def _wait(self) -> None:
        self._until = self._clock() + min(self._longest_s, self._first_s * 2.0**self._asked)
        self._asked += 1
