"""Chat completions: what a request may say, and what it asks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dgm.llm.wire import (
    MAX_MESSAGES,
    Api,
    Body,
    Fields,
    ModelRequest,
    Names,
    asks,
    digest,
    is_inline_image,
    is_schema,
    no_more_than_text,
    output_limit,
    read_fields,
    refused,
)

FIELDS = Fields(
    forwarded=frozenset(
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
    ),
    ours=frozenset(
        [
            "max_completion_tokens",
            "max_tokens",
            "model",
            "n",
            "service_tier",
            "store",
            "stream",
            "stream_options",
        ]
    ),
    acts=frozenset(
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
    ),
)


def parse(raw: bytes, aliases: Collection[str]) -> ModelRequest:
    """Check a request's body, which may ask one of the roles `aliases`. Raises `RequestRefusedError`."""
    body = read_fields(raw, FIELDS, aliases)
    if body.get("n", 1) != 1:
        raise refused("n", "not_allowed_here", "must be 1: each call gives one answer")
    _check_messages(body.get("messages"))
    _check_tools(body.get("tools", []))
    options = body.get("stream_options", {})
    return ModelRequest(
        raw=raw,
        alias=str(body["model"]),
        api=Api.CHAT,
        forward={key: value for key, value in body.items() if key in FIELDS.forwarded},
        stream=body.get("stream") is True,
        wants_usage=isinstance(options, dict) and options.get("include_usage") is True,
        output_limit=output_limit(body, "max_completion_tokens", "max_tokens"),
        digest=digest(canonical(body)),
    )


def canonical(request: Mapping[str, object]) -> Body:
    """The request without what may differ from one try to the next: labels and ids of tool calls."""
    name = Names()
    messages = []
    given = request.get("messages")
    for message in given if isinstance(given, list) else []:
        message = dict(message)
        if isinstance(message.get("tool_calls"), list):
            message["tool_calls"] = [{**call, "id": name(call.get("id"))} for call in message["tool_calls"]]
        if "tool_call_id" in message:
            message["tool_call_id"] = name(message["tool_call_id"])
        messages.append(message)
    return {**asks(request), "messages": messages}


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise refused("messages", "invalid_type", "must be a list with at least one message")
    if len(messages) > MAX_MESSAGES:
        raise refused("messages", "request_too_large", f"must not be more than {MAX_MESSAGES}")
    for i, message in enumerate(messages):
        where = f"messages[{i}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise refused(where, "invalid_type", "must be an object with a role")
        no_more_than_text(message, where)
        calls = message.get("tool_calls")
        if calls is not None and not (isinstance(calls, list) and all(map(_is_call, calls))):
            raise refused(
                f"{where}.tool_calls",
                "invalid_type",
                "must be a list of calls with the name and text of each",
            )
        content = message.get("content")
        if isinstance(content, list):
            for j, part in enumerate(content):
                _check_part(part, f"{where}.content[{j}]")
        elif content is not None and not isinstance(content, str):
            raise refused(f"{where}.content", "invalid_type", "must be text or a list of parts")


def _check_part(part: object, where: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind not in ("text", "refusal", "image_url"):
        raise refused(where, "not_allowed_here", "must be text or an inline image: no files, no audio")
    no_more_than_text(part, where)
    image = part.get("image_url")
    if kind == "image_url":
        if not isinstance(image, dict) or not is_inline_image(image.get("url")):
            raise refused(
                f"{where}.image_url", "not_allowed_here", "must be inline (data:image/...;base64,...)"
            )
        no_more_than_text(image, f"{where}.image_url")
    elif image is not None:
        raise refused(f"{where}.image_url", "not_allowed_here", "is for parts of type image_url only")
    elif not isinstance(part.get(kind), str):
        raise refused(f"{where}.{kind}", "invalid_type", "must be text")


def _check_tools(tools: object) -> None:
    if not isinstance(tools, list):
        raise refused("tools", "invalid_type", "must be a list")
    for i, tool in enumerate(tools):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(tool, dict) or kind not in ("function", "custom"):
            raise refused(
                f"tools[{i}]",
                "not_allowed_here",
                f"has type {kind!r}: only functions that the caller runs itself",
            )
        no_more_than_text(tool, f"tools[{i}]")
        told = tool[kind] if isinstance(tool.get(kind), dict) else {}
        if not isinstance(told.get("name"), str):
            raise refused(f"tools[{i}].{kind}.name", "invalid_type", "must be text")
        if kind == "function" and not is_schema(told.get("parameters", {})):
            raise refused(
                f"tools[{i}].function.parameters", "invalid_type", "must be the schema of an object"
            )


def _is_call(call: object) -> bool:
    """Whether it tells the name and the text of one call, of a function or of a custom tool."""
    kind = call.get("type", "function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or kind not in ("function", "custom"):
        return False
    told, text = call.get(kind), "arguments" if kind == "function" else "input"
    return isinstance(told, dict) and isinstance(told.get("name"), str) and isinstance(told.get(text), str)


def frame(request: Mapping[str, object]) -> list[object]:
    """What stands around the messages and counts as input."""
    return [request.get(key) for key in ("tools", "functions", "response_format", "tool_choice")]


def messages(request: Mapping[str, object]) -> list[object]:
    given = request.get("messages")
    return given if isinstance(given, list) else []
