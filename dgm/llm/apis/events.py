"""Server-sent events of streamed answers, and what the answers of both APIs have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from dgm.llm.errors import MalformedAnswerError
from dgm.llm.wire import Body

_PIECE = 64
"""Characters of text in one chunk of an answer that was whole and is sent as a stream."""


class EventSplitter:
    """Turns bytes, however they were cut, into the data of events."""

    def __init__(self, *, cap_bytes: int = 16 << 20) -> None:
        self._buffer = b""
        self._cap_bytes = cap_bytes

    def feed(self, data: bytes) -> list[bytes]:
        """The events that `data` completes, oldest first."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > self._cap_bytes:
            raise MalformedAnswerError(f"an event of the stream is longer than {self._cap_bytes} bytes")
        # A data field may span lines, but no provider of this API does that: one line is one event.
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]


def event(chunk: Body, *, named: bool = False) -> bytes:
    """One chunk as an event; `named`: its `type` is the event's name too."""
    text = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    name = f"event: {chunk.get('type')}\n" if named else ""
    return f"{name}data: {text}\n\n".encode("utf-8", "replace")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What a provider said went wrong while it answered."""

    code: str | None
    message: str


def read_failure(told: object) -> Failure:
    """From the `error` of an answer, of whatever shape."""
    if not isinstance(told, dict):
        return Failure(code=None, message=str(told)[:2000])
    code = told.get("code")
    return Failure(code=None if code is None else str(code), message=str(told.get("message"))[:2000])


def pieces(text: str) -> Iterable[str]:
    """A text as it is sent bit by bit."""
    return (text[i : i + _PIECE] for i in range(0, len(text), _PIECE))


def objects(values: object) -> list[Body]:
    """The objects of a list, or none."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
