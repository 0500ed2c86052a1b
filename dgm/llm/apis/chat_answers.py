"""Answers of chat completions: whole, and as the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dgm.llm.apis.events import Failure, objects, pieces, read_failure
from dgm.llm.errors import MalformedAnswerError
from dgm.llm.wire import Body


def checked(answer: Body) -> Body:
    """The answer, or `MalformedAnswerError`."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
        raise MalformedAnswerError("the answer has no choices[0].message")
    return answer


def named(told: Body, alias: str) -> Body:
    """An answer or a chunk that names the model as the agent knows it."""
    return told | {"model": alias}


def shown(chunk: Body, *, wants_usage: bool) -> Body | None:
    """The chunk as the client asked for it; None if it did not ask for any of it."""
    if wants_usage or "usage" not in chunk:
        return chunk
    if not chunk.get("choices"):
        return None
    return {key: value for key, value in chunk.items() if key != "usage"}


def failure(told: Body) -> Failure | None:
    """What an answer or a chunk says went wrong at the provider; routers tell it with the choice too."""
    for one in (told, *objects(told.get("choices"))):
        if one.get("error"):
            return read_failure(one["error"])
        if one.get("finish_reason") == "error":
            return read_failure("no more than that it ended with an error")
    return None


def is_last(chunk: Body) -> bool:
    """Whether a chunk belongs to the end of the stream: a finish reason, or the figures after it.

    One with neither may stand at the beginning, where some providers tell what they filter.
    """
    choices = chunk.get("choices")
    if not choices:
        return bool(chunk.get("usage"))
    return any(choice.get("finish_reason") for choice in objects(choices))


def assemble(chunks: Sequence[Body]) -> Body:
    """The answer that a stream told, as if it had not been streamed. Raises `MalformedAnswerError`."""
    message: Body = {"role": "assistant", "content": None}
    calls: dict[int, Body] = {}
    finish: object = None
    usage: object = None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in objects(chunk.get("choices")):
            finish = choice.get("finish_reason") or finish
            delta = choice.get("delta")
            for key, value in delta.items() if isinstance(delta, dict) else ():
                if key == "tool_calls":
                    for piece in objects(value):
                        index = piece.get("index", 0)
                        if not isinstance(index, int):
                            raise MalformedAnswerError(f"a call in the stream has the index {index!r:.50}")
                        _grow_call(calls.setdefault(index, {}), piece)
                elif key != "role":
                    _grow(message, key, value)
    if calls:
        message["tool_calls"] = list(calls.values())
    if not finish and not any(value for key, value in message.items() if key != "role"):
        raise MalformedAnswerError("the stream tells neither an answer nor why it ended")
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
    for choice in objects(answer.get("choices")):
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
            for index, call in enumerate(objects(value)):
                function = call.get("function")
                if not isinstance(function, dict):
                    yield {"tool_calls": [{"index": index, **call}]}
                    continue
                named = {**function, "arguments": ""}
                yield {"tool_calls": [{"index": index, **call, "function": named}]}
                for piece in pieces(str(function.get("arguments") or "")):
                    yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
        elif isinstance(value, str) and key != "role":
            for piece in pieces(value):
                yield {key: piece}


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


def conversation(request: Mapping[str, object], answer: Body) -> list[Body]:
    """What was said, the answer included, as chat messages."""
    return [
        *(dict(message) for message in objects(request.get("messages"))),
        *(
            message
            for choice in objects(answer.get("choices"))
            for message in objects([choice.get("message")])
        ),
    ]
