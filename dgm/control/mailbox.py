"""The driver's side: a directory that it looks into, and where it leaves its answers.

    control/<id>.request    left by a command, under a temporary name first
    control/<id>.taken      the same, renamed by the driver: only one of both can have it, the driver or a command that
                            takes it back
    control/<id>.answer     left by the driver, removed by the command

Files and not a socket, since driver and command may be on two nodes that share nothing but a file system. Who may
write in the directory may ask; it is made for the driver's user alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from archive import WriteFailedError
from archive.disk import write_durably
from dgm.control.requests import Answer, BadRequestError, Request, encoded, read_plain, request_of

CONTROL = "control"
"""The directory in a run."""

LOOK_S = 0.5
"""Seconds between two looks."""

MOST_AT_ONCE = 64
"""Requests that one look takes up; the others wait for the next."""

Tell = Callable[[str], None]


class Mailbox:
    """Requests for `driver` in the run at `run`. Nothing here raises: a run never ends because nobody can ask it.

    `tell` shows a line to the operator.
    """

    def __init__(
        self, run: Path, driver: str, tell: Tell, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = run / CONTROL
        self._driver = driver
        self._tell = tell
        self._clock = clock
        self._looked = float("-inf")
        self._trouble = ""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._clean()
        except OSError as error:
            self._cannot(error)

    def take(self) -> Sequence[Request]:
        """The requests for this driver that came since the last look, oldest first. Looks only now and then."""
        if self._clock() - self._looked < LOOK_S:
            return ()
        self._looked = self._clock()
        return self._take()

    def answer(self, request: Request, answer: Answer) -> None:
        self._leave(request.id, answer)

    def close(self, text: str) -> None:
        """Answer all that is still asked with `text`: nobody will do it."""
        for request in self._take():
            self._leave(request.id, Answer(done=False, text=text))

    def _take(self) -> list[Request]:
        found = []
        for id in self._waiting():
            taken = self._directory / f"{id}.taken"
            try:
                (self._directory / f"{id}.request").rename(taken)
            except OSError:  # taken back by who left it
                continue
            try:
                request = request_of(id, read_plain(taken))
            except (BadRequestError, OSError) as error:
                self._drop(id, f"a request that cannot be read was dropped: {error}")
                continue
            finally:
                with suppress(OSError):
                    taken.unlink()
            if request.driver != self._driver:
                self._drop(
                    id,
                    f"dropped a {request.verb} of {request.by}: it was left for an earlier driver of this run",
                )
                continue
            found.append(request)
        return found

    def _waiting(self) -> list[str]:
        try:
            names = sorted(path.name for path in self._directory.iterdir())
        except OSError as error:
            self._cannot(error)
            return []
        found = [name for name in names if name.endswith(".request") and not name.startswith(".")]
        return [name.removesuffix(".request") for name in found[:MOST_AT_ONCE]]

    def _drop(self, id: str, text: str) -> None:
        self._tell(text)
        self._leave(id, Answer(done=False, text=text))

    def _leave(self, id: str, answer: Answer) -> None:
        try:
            write_durably(self._directory / f"{id}.answer", encoded(answer))
        except (OSError, WriteFailedError) as error:
            self._cannot(error)

    def _clean(self) -> None:
        """Remove what earlier drivers and commands that nobody waits for left. Their requests are dropped in turn."""
        for path in self._directory.iterdir():
            if path.suffix in (".answer", ".taken", ".tmp"):
                with suppress(OSError):
                    path.unlink()

    def _cannot(self, error: OSError | WriteFailedError) -> None:
        """Say once why no other terminal can ask."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            self._tell(f"other terminals cannot stop, pause or change this run: {error}")
