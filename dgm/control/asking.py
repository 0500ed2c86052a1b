"""The command's side: leave a request, wait until the driver has answered, take it back if it does not."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from archive import Holder, holder_of
from archive.disk import write_durably
from dgm.control.mailbox import CONTROL
from dgm.control.requests import Answer, BadRequestError, Request, Verb, answer_of, encoded, read_plain
from dgm.errors import UserError

LOOK_S = 0.1
"""Seconds between two looks for the answer."""

GRACE_S = 10.0
"""What a driver that took a request gets to answer it, after the patience of the command has ended."""


class NoDriverError(UserError):
    """Nobody did what was asked; `there` says that somebody holds the run all the same."""

    def __init__(self, message: str, *, there: bool = False) -> None:
        super().__init__(message)
        self.there = there


def ask(
    run: Path,
    verb: Verb,
    *,
    now: bool = False,
    values: Mapping[str, str] | None = None,
    wait_s: float,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Answer:
    """Ask the driver of the run at `run`, and give its answer.

    Raises NoDriverError if there is none, or none that answers in `wait_s` seconds: then the request was taken back.
    """
    holder = holder_of(run)
    if holder is None or holder.gone:
        raise NoDriverError(f"no driver is running {run}")
    until = clock() + wait_s
    while not (run / CONTROL).is_dir():  # a driver makes it when its search begins
        if clock() >= until:
            raise NoDriverError(
                f"process {holder.pid} on {holder.host} has {run}, but takes no requests: it is still starting, or no "
                "search",
                there=True,
            )
        pause(LOOK_S)
    id = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    request = Request(id=id, verb=verb, driver=holder.token, by=_who(), now=now, values=dict(values or {}))
    path = run / CONTROL / f"{id}.request"
    write_durably(path, encoded(request))
    try:
        return _answer(run, id, holder, until, clock, pause)
    finally:
        for left in (path, path.with_suffix(".answer")):
            with suppress(OSError):
                left.unlink()


def _answer(
    run: Path,
    id: str,
    holder: Holder,
    until: float,
    clock: Callable[[], float],
    pause: Callable[[float], None],
) -> Answer:
    control = run / CONTROL
    while True:
        found = holder_of(run)  # before the look: a driver may answer and end
        ended = found is None or found.gone or found.token != holder.token
        answer = _look(control, id)
        if answer is not None:
            return answer
        if ended:
            raise NoDriverError(f"the driver of {run} ended before it took this up")
        if clock() >= until and not _taken(control, id):
            raise NoDriverError(
                f"the driver of {run} (process {holder.pid} on {holder.host}) did not take this up in time, so it was "
                "taken back; the driver may still be starting, stand still, or be on a node that cannot be reached",
                there=True,
            )
        if clock() >= until + GRACE_S:
            raise NoDriverError(
                f"the driver of {run} took this up, but did not say what came of it; its screen and `changes` do",
                there=True,
            )
        pause(LOOK_S)


def _look(control: Path, id: str) -> Answer | None:
    # listed, since a shared file system may remember for a while that a file was not there
    path = control / f"{id}.answer"
    if path not in control.iterdir():
        return None
    try:
        return answer_of(read_plain(path))
    except BadRequestError as error:
        raise NoDriverError(f"the driver's answer cannot be read: {error}") from error


def _taken(control: Path, id: str) -> bool:
    """Take the request back; true if the driver was faster."""
    try:
        (control / f"{id}.request").unlink()
    except FileNotFoundError:
        return True
    return False


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
