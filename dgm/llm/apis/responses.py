"""Responses: what a request may say, and what it asks."""

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
            "include",
            "input",
            "instructions",
            "parallel_tool_calls",
            "reasoning",
            "temperature",
            "text",
            "tool_choice",
            "tools",
            "top_logprobs",
            "top_p",
            "truncation",
        ]
    ),
    ours=frozenset(["max_output_tokens", "model", "service_tier", "store", "stream", "stream_options"]),
    acts=frozenset(
        [
            "background",
            "background_options",
            "context_management",
            "conversation",
            "image",
            "max_tool_calls",
            "mcp_servers",
            "moderation",
            "previous_response_id",
            "prompt",
        ]
    ),
)

INCLUDES = ("reasoning.encrypted_content", "message.output_text.logprobs")
"""What an answer may be asked to hold besides; all else that there is belongs to tools that the provider runs."""

CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
RESULTS = ("function_call_output", "custom_tool_call_output")
TEXTS = ("input_text", "output_text", "refusal", "summary_text", "reasoning_text")


def parse(raw: bytes, aliases: Collection[str]) -> ModelRequest:
    """Check a request's body, which may ask one of the roles `aliases`. Raises `RequestRefusedError`."""
    body = read_fields(raw, FIELDS, aliases)
    _check_input(body.get("input"))
    _check_tools(body.get("tools", []))
    _check_choice(body.get("tool_choice", "auto"))
    includes = body.get("include", [])
    if not isinstance(includes, list) or any(one not in INCLUDES for one in includes):
        raise refused("include", "not_allowed_here", f"must be a list of {' and '.join(INCLUDES)}")
    if not isinstance(body.get("instructions", ""), str):
        raise refused("instructions", "invalid_type", "must be text")
    forward = {key: value for key, value in body.items() if key in FIELDS.forwarded}
    return ModelRequest(
        raw=raw,
        alias=str(body["model"]),
        api=Api.RESPONSES,
        forward={**forward, "store": False},  # which a provider takes to be true when it is not told
        stream=body.get("stream") is True,
        wants_usage=True,
        output_limit=output_limit(body, "max_output_tokens"),
        digest=digest(canonical(body)),
    )


def canonical(request: Mapping[str, object]) -> Body:
    """The request without what may differ from one try to the next: labels and ids of items and tool calls."""
    name = Names()
    items: list[object] = []
    for item in messages(request):
        if isinstance(item, dict):
            item = {key: value for key, value in item.items() if key != "id"}
            if "call_id" in item:
                item["call_id"] = name(item["call_id"])
        items.append(item)
    return {**asks(request), "input": items}


def frame(request: Mapping[str, object]) -> list[object]:
    """What stands around the items and counts as input."""
    return [request.get(key) for key in ("tools", "instructions", "text", "tool_choice")]


def messages(request: Mapping[str, object]) -> list[object]:
    """The items of the input; a text alone is the user's only message."""
    given = request.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return given if isinstance(given, list) else []


def _check_input(given: object) -> None:
    if isinstance(given, str):
        return
    if not isinstance(given, list) or not given:
        raise refused("input", "invalid_type", "must be text or a list with at least one item")
    if len(given) > MAX_MESSAGES:
        raise refused("input", "request_too_large", f"must not be more than {MAX_MESSAGES}")
    for i, item in enumerate(given):
        _check_item(item, f"input[{i}]")


def _check_item(item: object, where: str) -> None:
    if not isinstance(item, dict):
        raise refused(where, "invalid_type", "must be an object")
    kind = item.get("type", "message")
    if not isinstance(kind, str):
        raise refused(f"{where}.type", "invalid_type", "must be text")
    no_more_than_text(item, where)
    if kind == "message":
        if not isinstance(item.get("role"), str):
            raise refused(where, "invalid_type", "must have a role")
        _check_content(item.get("content"), f"{where}.content")
    elif kind in RESULTS:
        if not isinstance(item.get("call_id"), str):
            raise refused(f"{where}.call_id", "invalid_type", "must be text")
        _check_content(item.get("output"), f"{where}.output")
    elif kind in CALLS:
        for key in ("call_id", "name", CALLS[kind]):
            if not isinstance(item.get(key), str):
                raise refused(f"{where}.{key}", "invalid_type", "must be text")
    elif kind == "reasoning":
        for key in ("summary", "content"):
            if item.get(key) is not None:
                _check_content(item[key], f"{where}.{key}")
    else:
        raise refused(
            where,
            "not_allowed_here",
            f"has type {kind!r}: only messages, reasoning and calls of one's own tools",
        )


def _check_content(content: object, where: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise refused(where, "invalid_type", "must be text or a list of parts")
    for j, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        at = f"{where}[{j}]"
        if not isinstance(part, dict) or kind not in ("input_image", *TEXTS):
            raise refused(at, "not_allowed_here", "must be text or an inline image: no files, no audio")
        no_more_than_text(part, at)
        if kind == "input_image":
            if not is_inline_image(part.get("image_url")):
                raise refused(
                    f"{at}.image_url", "not_allowed_here", "must be inline (data:image/...;base64,...)"
                )
        elif not isinstance(part.get("refusal" if kind == "refusal" else "text"), str):
            raise refused(at, "invalid_type", "must have a text")
        elif part.get("image_url") is not None:
            raise refused(f"{at}.image_url", "not_allowed_here", "is for parts of type input_image only")


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
        if not isinstance(tool.get("name"), str):
            raise refused(f"tools[{i}].name", "invalid_type", "must be text")
        if kind == "function" and tool.get("parameters") is not None and not is_schema(tool["parameters"]):
            raise refused(f"tools[{i}].parameters", "invalid_type", "must be the schema of an object")


def _check_choice(choice: object) -> None:
    """A word, one of the caller's own tools, or a choice among these."""
    if isinstance(choice, str):
        return
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in ("function", "custom", "allowed_tools"):
        raise refused("tool_choice", "not_allowed_here", "must be a word or one of the caller's own tools")
    among = choice.get("tools", []) if isinstance(choice, dict) else []
    if not isinstance(among, list):
        raise refused("tool_choice.tools", "invalid_type", "must be a list")
    for one in among:
        if not isinstance(one, dict) or one.get("type") not in ("function", "custom"):
            raise refused("tool_choice.tools", "not_allowed_here", "must be the caller's own tools")
