"""What both APIs of a provider share on the wire: bodies, refusals, the shape of errors.

Whatever would make the provider act on the agent's behalf, or bill in a way that is not metered, is refused,
never silently taken out. Labels without effect on the answer (`user`, `metadata`, ...) are dropped.
Everything else is forwarded as it came.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dgm.llm.errors import RequestRefusedError

Body = dict[str, object]
"""A JSON object of a provider's API: a request, an answer or one chunk of a stream."""


class Api(StrEnum):
    """The two ways to ask a model."""

    CHAT = "chat"
    RESPONSES = "responses"


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

NOT_IN_IT = {
    **dict.fromkeys(["file", "file_id", "file_ids", "attachments"], "refers to what the provider keeps"),
    **dict.fromkeys(["audio", "input_audio"], "is not available: text and inline images only"),
    **dict.fromkeys(
        ["file_data", "file_url", "audio_url", "video_url"], "is not available: no files, no media"
    ),
    "cache_control": "is not available: what keeping it costs is not metered",
}
"""Keys that nothing in a conversation may have, with the reason; servers differ in what they read beside a `type`."""

MAX_DEPTH = 100
"""Levels of a body, far from where writing it again could meet the interpreter's recursion limit."""

MAX_BRACKETS = 200_000
MAX_MESSAGES = 10_000
"""Of one body. All rollouts of a node share one thread, which a body of many small parts would keep for seconds."""


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """A request that passed. `forward` holds what goes upstream, without model, limit and stream fields; `alias` is
    the role that it asks.
    """

    raw: bytes
    alias: str
    api: Api = Api.CHAT
    forward: Body
    stream: bool
    wants_usage: bool
    output_limit: int | None
    digest: str


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The fields of an API. `forwarded` go upstream as they came, `ours` the gateway reads and answers for itself,
    `acts` let the provider act, or refer to what it keeps.
    """

    forwarded: frozenset[str]
    ours: frozenset[str]
    acts: frozenset[str]


def read_fields(raw: bytes, fields: Fields, aliases: Collection[str]) -> Body:
    """The body without nulls, its fields allowed and the common ones looked at. Raises `RequestRefusedError`."""
    body = {key: value for key, value in _object(raw).items() if value is not None}
    model = body.get("model")
    if not isinstance(model, str) or model not in aliases:
        known = ", ".join(map(repr, aliases))
        here = f"the only model here is {known}" if len(aliases) == 1 else f"the models here are {known}"
        raise RequestRefusedError(
            f"The model {model!r} does not exist; {here}.",
            code="model_not_found", param="model", status=404,
        )  # fmt: skip
    for key in body:
        if key in fields.acts:
            raise refused(key, "not_allowed_here", "is not available: the model only answers")
        if key not in fields.forwarded | DROPPED | fields.ours:
            raise refused(key, "unknown_parameter", "is not a known parameter")
    if body.get("store", False) is not False:
        raise refused("store", "not_allowed_here", "must be false: nothing is kept by the provider")
    if body.get("service_tier", "auto") not in ("auto", "default"):
        raise refused("service_tier", "not_allowed_here", "must be 'auto' or 'default'")
    if not isinstance(body.get("stream", False), bool):
        raise refused("stream", "invalid_type", "must be true or false")
    if not isinstance(body.get("stream_options", {}), dict):
        raise refused("stream_options", "invalid_type", "must be an object")
    return body


def output_limit(body: Body, *keys: str) -> int | None:
    """The lowest of the limits under `keys`."""
    limits = []
    for key in keys:
        value = body.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise refused(key, "invalid_value", "must be a whole number of at least 1")
        limits.append(value)
    return min(limits, default=None)


def no_more_than_text(told: Mapping[str, object], where: str) -> None:
    """Refuse a message, an item or a part that has something of `NOT_IN_IT`."""
    for key, reason in NOT_IN_IT.items():
        if told.get(key) is not None:
            raise refused(f"{where}.{key}", "not_allowed_here", reason)


def is_inline_image(url: object) -> bool:
    return isinstance(url, str) and url.startswith("data:image/")


def is_schema(schema: object) -> bool:
    """Whether it has the outer form of the JSON schema of an object: named properties, a list of needed names."""
    if not isinstance(schema, dict):
        return False
    needed = schema.get("required", [])
    return (
        isinstance(schema.get("properties", {}), dict)
        and isinstance(needed, list)
        and all(isinstance(name, str) for name in needed)
    )


class Names:
    """Names for ids, by their order of appearance, so that which result answers which call stays told."""

    def __init__(self) -> None:
        self._names: dict[object, str] = {}

    def __call__(self, value: object) -> str:
        key = value if isinstance(value, str) else repr(value)
        return self._names.setdefault(key, f"call_{len(self._names)}")


def asks(request: Mapping[str, object]) -> Body:
    """The request without labels, unset fields and how its stream is to be cut."""
    return {k: v for k, v in request.items() if k not in DROPPED and k != "stream_options" and v is not None}


def digest(canonical: Mapping[str, object]) -> str:
    """SHA-256 of a canonical request: equal for requests that ask the same."""
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def dump(body: Mapping[str, object]) -> bytes:
    """JSON as it is handed on and kept: compact UTF-8; half a surrogate pair becomes `?`."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def error_body(message: str, *, kind: str, code: str | None, param: str | None = None) -> Body:
    """An error in the provider's shape."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def refused(param: str, code: str, why: str) -> RequestRefusedError:
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
