"""Server-sent events of a streamed answer: taking them apart, putting an answer together, cutting one up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from dgm.llm.errors import MalformedAnswerError
from dgm.llm.wire import Body

DONE = b"data: [DONE]\n\n"

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


def event(chunk: Body) -> bytes:
    """One chunk as an event."""
    text = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + text.encode("utf-8", "replace") + b"\n\n"


def is_last(chunk: Body) -> bool:
    """Whether a chunk belongs to the end of the stream: a finish reason, or the figures after it."""
    choices = chunk.get("choices")
    return not choices or any(choice.get("finish_reason") for choice in _objects(choices))


def assemble(chunks: Sequence[Body]) -> Body:
    """The answer that a stream told, as if it had not been streamed. Raises `MalformedAnswerError`."""
    message: Body = {"role": "assistant", "content": None}
    calls: dict[int, Body] = {}
    finish: object = None
    usage: object = None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in _objects(chunk.get("choices")):
            finish = choice.get("finish_reason") or finish
            delta = choice.get("delta")
            for key, value in delta.items() if isinstance(delta, dict) else ():
                if key == "tool_calls":
                    for piece in _objects(value):
                        index = piece.get("index", 0)
                        if not isinstance(index, int):
                            raise MalformedAnswerError(f"a call in the stream has the index {index!r:.50}")
                        _grow_call(calls.setdefault(index, {}), piece)
                elif key != "role":
                    _grow(message, key, value)
    if calls:
        message["tool_calls"] = list(calls.values())
    head = chunks[0] if chunks else {}
    answer: Body = {key: head[key] for key in ("id", "created", "model", "system_fingerprint") if key in head}
    answer["object"] = "chat.completion"
    answer["choices"] = [{"index": 0, "message": message, "finish_reason": finish}]
    if usage is not None:
        answer["usage"] = usage
    return answer


def cut_up(answer: Body) -> Iterator[Body]:
    """A whole answer as the chunks of a stream, its figures in a last one of their own."""
    head: Body = {key: answer[key] for key in ("id", "created", "model") if key in answer}
    head["object"] = "chat.completion.chunk"
    for choice in _objects(answer.get("choices")):
        message = choice.get("message")
        message = message if isinstance(message, dict) else {}
        opening: Body = {"role": "assistant", "content": None if message.get("content") is None else ""}
        for delta in [opening, *_deltas(message)]:
            yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice.get("finish_reason")}]}
    yield {**head, "choices": [], "usage": answer.get("usage")}


def _deltas(message: Body) -> Iterator[Body]:
    for key, value in message.items():
        if key == "tool_calls":
            for index, call in enumerate(_objects(value)):
                function = call.get("function")
                if not isinstance(function, dict):
                    yield {"tool_calls": [{"index": index, **call}]}
                    continue
                named = {**function, "arguments": ""}
                yield {"tool_calls": [{"index": index, **call, "function": named}]}
                for piece in _pieces(str(function.get("arguments") or "")):
                    yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
        elif isinstance(value, str) and key != "role":
            for piece in _pieces(value):
                yield {key: piece}


def _pieces(text: str) -> Iterable[str]:
    return (text[i : i + _PIECE] for i in range(0, len(text), _PIECE))


def _objects(values: object) -> list[Body]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _grow_call(call: Body, piece: Body) -> None:
    for key, value in piece.items():
        if isinstance(value, dict):
            part = call.setdefault(key, {})
            if not isinstance(part, dict):
                raise MalformedAnswerError(f"a call in the stream has {key!r:.50} in two forms")
            for name, text in value.items():
                _grow(part, name, text) if name in ("arguments", "input") else part.update({name: text})
        elif key != "index" and value is not None:
            call[key] = value


def _grow(whole: Body, key: str, value: object) -> None:
    before = whole.get(key)
    if isinstance(before, str) and isinstance(value, str):
        whole[key] = before + value
    elif value is not None:
        whole[key] = value
