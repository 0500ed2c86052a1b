"""Chat completions on the wire: what a request may say, and the shape of answers and errors.

Whatever would make the provider act on the agent's behalf, or bill in a way that is not metered, is refused,
never silently taken out. Labels without effect on the answer (`user`, `metadata`, ...) are dropped.
Everything else is forwarded as it came.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from dgm.llm.errors import RequestRefusedError

Body = dict[str, object]
"""A JSON object of the chat completions API: a request, an answer or one chunk of a stream."""

FORWARDED = frozenset(
    [
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "messages",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "verbosity",
    ]
)
"""Fields that go upstream as they came."""

DROPPED = frozenset(
    [
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "user",
    ]
)
"""Labels without effect on the answer."""

OURS = frozenset(
    ["max_completion_tokens", "max_tokens", "model", "n", "service_tier", "store", "stream", "stream_options"]
)
"""Fields that the gateway reads and answers for itself."""

ACTS = frozenset(
    [
        "background",
        "conversation",
        "file_ids",
        "mcp_servers",
        "plugins",
        "previous_response_id",
        "prompt",
        "web_search_options",
        "webhook",
    ]
)
"""Fields that let the provider act, or refer to what it keeps."""

MAX_DEPTH = 100
"""Levels of a body, far from where writing it again could meet the interpreter's recursion limit."""

MAX_BRACKETS = 200_000
MAX_MESSAGES = 10_000
"""Of one body. All rollouts of a node share one thread, which a body of many small parts would keep for seconds."""


@dataclass(frozen=True)
class ChatRequest:
    """A request that passed. `forward` holds what goes upstream, without model, limit and stream fields."""

    raw: bytes
    forward: Body
    stream: bool
    wants_usage: bool
    output_limit: int | None
    digest: str


def parse_chat(raw: bytes, *, alias: str) -> ChatRequest:
    """Check a request's body. Raises `RequestRefusedError`."""
    body = _object(raw)
    body = {key: value for key, value in body.items() if value is not None}
    if body.get("model") != alias:
        raise RequestRefusedError(
            f"The model {body.get('model')!r} does not exist; the only model here is {alias!r}.",
            code="model_not_found", param="model", status=404,
        )  # fmt: skip
    for key in body:
        if key in ACTS:
            raise _refused(key, "not_allowed_here", "is not available: the model only answers")
        if key not in FORWARDED | DROPPED | OURS:
            raise _refused(key, "unknown_parameter", "is not a known parameter")
    if body.get("n", 1) != 1:
        raise _refused("n", "not_allowed_here", "must be 1: each call gives one answer")
    if body.get("store", False) is not False:
        raise _refused("store", "not_allowed_here", "must be false: nothing is kept by the provider")
    if body.get("service_tier", "auto") not in ("auto", "default"):
        raise _refused("service_tier", "not_allowed_here", "must be 'auto' or 'default'")
    _check_messages(body.get("messages"))
    _check_tools(body.get("tools", []))
    stream = body.get("stream", False)
    if not isinstance(stream, bool):
        raise _refused("stream", "invalid_type", "must be true or false")
    options = body.get("stream_options", {})
    if not isinstance(options, dict):
        raise _refused("stream_options", "invalid_type", "must be an object")
    return ChatRequest(
        raw=raw,
        forward={key: value for key, value in body.items() if key in FORWARDED},
        stream=stream,
        wants_usage=options.get("include_usage") is True,
        output_limit=_output_limit(body),
        digest=digest(body),
    )


def canonical(request: Mapping[str, object]) -> Body:
    """The request without what may differ from one try to the next: labels and ids of tool calls.

    Ids are replaced by their order of appearance, so that which result answers which call stays told.
    """
    ids: dict[object, str] = {}

    def name(value: object) -> str:
        return ids.setdefault(value if isinstance(value, str) else repr(value), f"call_{len(ids)}")

    messages = []
    given = request.get("messages")
    for message in given if isinstance(given, list) else []:
        message = dict(message)
        if isinstance(message.get("tool_calls"), list):
            message["tool_calls"] = [{**call, "id": name(call.get("id"))} for call in message["tool_calls"]]
        if "tool_call_id" in message:
            message["tool_call_id"] = name(message["tool_call_id"])
        messages.append(message)
    kept = {k: v for k, v in request.items() if k not in DROPPED and k != "stream_options" and v is not None}
    return {**kept, "messages": messages}


def digest(request: Mapping[str, object]) -> str:
    """SHA-256 of the canonical request: equal for requests that ask the same."""
    text = json.dumps(canonical(request), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def dump(body: Mapping[str, object]) -> bytes:
    """JSON as it is handed on and kept: compact UTF-8; half a surrogate pair becomes `?`."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def error_body(message: str, *, kind: str, code: str | None, param: str | None = None) -> Body:
    """An error in the provider's shape."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _refused(param: str, code: str, why: str) -> RequestRefusedError:
    return RequestRefusedError(f"'{param}' {why}.", code=code, param=param)


def _object(raw: bytes) -> Body:
    """What is read here can be written again, however deep in the gateway: no half characters, no infinity."""

    def no_constant(name: str) -> object:
        raise ValueError(f"{name} is not JSON")

    def finite(digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            raise ValueError("a number is too large")
        return number

    if raw.count(b"{") + raw.count(b"[") > MAX_BRACKETS:
        raise RequestRefusedError(
            f"The body has more than {MAX_BRACKETS} brackets.", code="request_too_large"
        )
    try:
        text = (
            raw.decode()
        )  # the parser would take other encodings too, and halves of surrogate pairs in them
        body = json.loads(text, parse_constant=no_constant, parse_float=finite)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise RequestRefusedError(f"The body is not JSON: {error}", code="invalid_json") from error
    if _deeper_than(MAX_DEPTH, body):
        raise RequestRefusedError(f"The body is nested more than {MAX_DEPTH} deep.", code="invalid_json")
    if not isinstance(body, dict):
        raise RequestRefusedError("The body must be a JSON object.", code="invalid_json")
    return body


def _deeper_than(depth: int, value: object) -> bool:
    """Level by level, since deep values are what a recursion could not look at."""
    level = [value]
    for _ in range(depth + 1):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise _refused("messages", "invalid_type", "must be a list with at least one message")
    if len(messages) > MAX_MESSAGES:
        raise _refused("messages", "request_too_large", f"must not be more than {MAX_MESSAGES}")
    for i, message in enumerate(messages):
        where = f"messages[{i}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise _refused(where, "invalid_type", "must be an object with a role")
        if message.get("audio") is not None:
            raise _refused(f"{where}.audio", "not_allowed_here", "refers to what the provider keeps")
        calls = message.get("tool_calls")
        if calls is not None and not (isinstance(calls, list) and all(map(_is_call, calls))):
            raise _refused(
                f"{where}.tool_calls",
                "invalid_type",
                "must be a list of calls with the name and text of each",
            )
        content = message.get("content")
        if isinstance(content, list):
            for j, part in enumerate(content):
                _check_part(part, f"{where}.content[{j}]")
        elif content is not None and not isinstance(content, str):
            raise _refused(f"{where}.content", "invalid_type", "must be text or a list of parts")


def _check_part(part: object, where: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind not in ("text", "refusal", "image_url"):
        raise _refused(where, "not_allowed_here", "must be text or an inline image: no files, no audio")
    if kind != "image_url" and not isinstance(part.get(kind), str):
        raise _refused(f"{where}.{kind}", "invalid_type", "must be text")
    if kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else None
        if not isinstance(url, str) or not url.startswith("data:image/"):
            raise _refused(
                f"{where}.image_url", "not_allowed_here", "must be inline (data:image/...;base64,...)"
            )


def _check_tools(tools: object) -> None:
    if not isinstance(tools, list):
        raise _refused("tools", "invalid_type", "must be a list")
    for i, tool in enumerate(tools):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind not in ("function", "custom"):
            raise _refused(
                f"tools[{i}]",
                "not_allowed_here",
                f"has type {kind!r}: only functions that the caller runs itself",
            )
        told = tool[kind] if isinstance(tool.get(kind), dict) else {}
        if not isinstance(told.get("name"), str):
            raise _refused(f"tools[{i}].{kind}.name", "invalid_type", "must be text")
        if kind == "function" and not _is_schema(told.get("parameters", {})):
            raise _refused(
                f"tools[{i}].function.parameters", "invalid_type", "must be the schema of an object"
            )


def _is_call(call: object) -> bool:
    """Whether it tells the name and the text of one call, of a function or of a custom tool."""
    kind = call.get("type", "function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or kind not in ("function", "custom"):
        return False
    told, text = call.get(kind), "arguments" if kind == "function" else "input"
    return isinstance(told, dict) and isinstance(told.get("name"), str) and isinstance(told.get(text), str)


def _is_schema(schema: object) -> bool:
    """Whether it has the outer form of the JSON schema of an object: named properties, a list of needed names."""
    if not isinstance(schema, dict):
        return False
    needed = schema.get("required", [])
    return (
        isinstance(schema.get("properties", {}), dict)
        and isinstance(needed, list)
        and all(isinstance(name, str) for name in needed)
    )


def _output_limit(body: Body) -> int | None:
    limits = []
    for key in ("max_completion_tokens", "max_tokens"):
        value = body.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise _refused(key, "invalid_value", "must be a whole number of at least 1")
        limits.append(value)
    return min(limits, default=None)
