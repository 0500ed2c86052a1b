"""Answers of the responses API: whole, and as the events of a stream, whose last one holds the whole answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dgm.llm.apis.events import Failure, objects, pieces, read_failure
from dgm.llm.apis.responses import CALLS, RESULTS, messages
from dgm.llm.errors import MalformedAnswerError
from dgm.llm.wire import Body

WHOLE = ("response.completed", "response.incomplete")
FAILED = ("response.failed", "error")

_DELTAS = {
    "function_call": "response.function_call_arguments",
    "custom_tool_call": "response.custom_tool_call_input",
}


def checked(answer: Body) -> Body:
    """The answer, or `MalformedAnswerError`."""
    output = answer.get("output")
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        raise MalformedAnswerError("the answer has no list of objects as its output")
    if answer.get("status", "completed") not in ("completed", "incomplete"):
        raise MalformedAnswerError(f"the answer has the status {answer['status']!r:.50}")
    return answer


def named(told: Body, alias: str) -> Body:
    """An answer or an event that names the model as the agent knows it."""
    response = told.get("response")
    if isinstance(response, dict):
        return told | {"response": response | {"model": alias}}
    return told | {"model": alias} if "model" in told else told


def shown(chunk: Body, *, wants_usage: bool) -> Body | None:
    """The event as it came: its figures are part of the answer."""
    return chunk


def failure(told: Body) -> Failure | None:
    """What an answer or an event says went wrong at the provider."""
    response = told.get("response")
    if told.get("type") == "error":
        return read_failure(told.get("error") or told)
    answer = response if isinstance(response, dict) else told
    if told.get("type") == "response.failed" or answer.get("status") == "failed" or told.get("error"):
        return read_failure(answer.get("error") or {})
    return None


def is_last(chunk: Body) -> bool:
    """Whether an event ends the stream."""
    return chunk.get("type") in WHOLE + FAILED


def assemble(chunks: Sequence[Body]) -> Body:
    """The answer that a stream told. Raises `MalformedAnswerError`."""
    last = chunks[-1].get("response") if chunks and chunks[-1].get("type") in WHOLE else None
    if not isinstance(last, dict):
        raise MalformedAnswerError("the stream does not end with the whole answer")
    return last


def cut_up(answer: Body) -> Iterator[Body]:
    """A whole answer as the events of a stream."""
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    incomplete = answer.get("status") == "incomplete"
    events: list[Body] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *(event for index, item in enumerate(objects(answer.get("output"))) for event in _item(index, item)),
        {"type": WHOLE[incomplete], "response": answer},
    ]
    return ({**event, "sequence_number": number} for number, event in enumerate(events))


def _item(index: int, item: Body) -> Iterator[Body]:
    at: Body = {"output_index": index, "item_id": item.get("id")}
    text = CALLS.get(str(item.get("type")))
    empty: Body = {"content": []} if item.get("type") == "message" else {text: ""} if text else {}
    begun = {**item, **empty, "status": "in_progress"} if empty else item
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    if text is not None:
        kind, whole = _DELTAS[str(item["type"])], str(item.get(text) or "")
        yield from ({"type": f"{kind}.delta", **at, "delta": piece} for piece in pieces(whole))
        yield {"type": f"{kind}.done", **at, text: whole, "name": item.get("name")}
    if item.get("type") == "message":
        for place, part in enumerate(objects(item.get("content"))):
            yield from _part({**at, "content_index": place}, part)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _part(at: Body, part: Body) -> Iterator[Body]:
    field = "refusal" if part.get("type") == "refusal" else "text"
    kind = "response.refusal" if field == "refusal" else "response.output_text"
    more: Body = {} if field == "refusal" else {"logprobs": []}
    whole = str(part.get(field) or "")
    yield {"type": "response.content_part.added", **at, "part": {**part, field: ""}}
    yield from ({"type": f"{kind}.delta", **at, "delta": piece, **more} for piece in pieces(whole))
    yield {"type": f"{kind}.done", **at, field: whole, **more}
    yield {"type": "response.content_part.done", **at, "part": part}


def conversation(request: Mapping[str, object], answer: Body) -> list[Body]:
    """What was said, the answer included, as chat messages; what the model thought is left out."""
    said: list[Body] = []
    if request.get("instructions"):
        said.append({"role": "system", "content": request["instructions"]})
    for item in objects([*messages(request), *objects(answer.get("output"))]):
        kind = str(item.get("type", "message"))
        if kind == "message":
            said.append({"role": item.get("role"), "content": _text(item.get("content"))})
        elif kind in CALLS:
            told = {"name": item.get("name"), "arguments": item.get(CALLS[kind])}
            call = {"id": item.get("call_id"), "type": "function", "function": told}
            said.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif kind in RESULTS:
            output = _text(item.get("output"))
            said.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": output})
    return said


def _text(content: object) -> object:
    """The text of a list of parts, if it is nothing but text."""
    parts = objects(content)
    if isinstance(content, str) or not parts or any("image_url" in part for part in parts):
        return content
    return "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)
