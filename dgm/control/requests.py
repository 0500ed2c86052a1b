"""What may be asked of a driver, and its answer, as they stand in files. Neither side believes what it reads."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

MOST_BYTES = 16 << 10
"""A larger file is no request of ours."""

MOST_TEXT = 200
"""Characters of a name or value that are looked at."""


class Verb(StrEnum):
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    CHANGE = "change"


class BadRequestError(ValueError):
    """A file that is no request or answer."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """`driver` is the one that it is for: another one drops it. `by` says who asks, in words of their own. `now` is
    for stop: running jobs get no time to end. `values` is for change: dotted key -> what was typed.
    """

    id: str
    verb: Verb
    driver: str
    by: str
    now: bool = False
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether the driver did what was asked, and what it says to that."""

    done: bool
    text: str


def encoded(value: Request | Answer) -> bytes:
    return json.dumps(asdict(value)).encode()


def request_of(id: str, content: bytes) -> Request:
    """The request in a file of that name. Raises BadRequestError."""
    found = _object(content)
    values = found.get("values")
    if not isinstance(values, dict):
        raise BadRequestError("`values` is no object")
    try:
        verb = Verb(_text(found, "verb"))
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    return Request(
        id=id,
        verb=verb,
        driver=_text(found, "driver"),
        by=_text(found, "by"),
        now=found.get("now") is True,
        values={_short(key): _text(values, key) for key in values},
    )


def answer_of(content: bytes) -> Answer:
    """The answer in a file. Raises BadRequestError."""
    found = _object(content)
    text = found.get("text")
    if not isinstance(text, str):
        raise BadRequestError("`text` is no text")
    return Answer(done=found.get("done") is True, text=text)


def read_plain(path: Path) -> bytes:
    """The content of a small plain file; nothing else is opened for long: no link, no pipe, no device.

    Raises BadRequestError for what is no such file, OSError.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise BadRequestError("it is no plain file")
        content = os.read(fd, MOST_BYTES + 1)
    finally:
        os.close(fd)
    if len(content) > MOST_BYTES:
        raise BadRequestError(f"it has more than {MOST_BYTES} bytes")
    return content


def _object(content: bytes) -> dict[str, object]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadRequestError("it is no JSON") from error
    if not isinstance(found, dict):
        raise BadRequestError("it is no JSON object")
    return found


def _text(found: Mapping[str, object], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise BadRequestError(f"`{_short(key)}` is no text")
    return _short(value)


def _short(text: str) -> str:
    return text[:MOST_TEXT]
