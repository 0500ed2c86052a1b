"""What a provider means by an answer that is none, and whose fault it is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from dgm.llm.apis.events import Failure
from dgm.llm.errors import (
    RateLimitedError,
    RequestRejectedError,
    StreamCutError,
    UpstreamDeniedError,
    UpstreamError,
    UpstreamUnavailableError,
)
from dgm.llm.wire import Body, error_body

_TOO_LARGE = "Request too large"
"""How the official provider begins a 429 about a request that alone is above the limit per minute, and never passes."""

_NO_KEY = ("API key not valid", "Incorrect API key provided")
"""How providers begin that answer 400 to a key that is none, in place of 401."""

_CANNOT = "No endpoints found that support"
"""How a router begins that knows the model, but nobody who runs it with what the request has (images, tools)."""

_TOO_LOW = "integer_below_min_value"
"""The code for a limit below the least there is: only a request that asks for less has one, see `SHORTEST_ANSWER`."""

_OUR_FIELDS = frozenset(
    {"max_completion_tokens", "max_output_tokens", "max_tokens", "model", "store", "stream", "stream_options"}
)

_EARNED = frozenset(
    {
        "bio_policy",
        "context_length_exceeded",
        "empty_image_file",
        "image_content_policy_violation",
        "image_file_too_large",
        "image_parse_error",
        "image_too_large",
        "image_too_small",
        "invalid_base64_image",
        "invalid_image",
        "invalid_image_format",
        "invalid_image_mode",
        "invalid_prompt",
        "misalignment_policy_violation",
        "unsupported_image_media_type",
    }
)
"""Codes of failures that are told in an answer with status 200 and that the request is to blame for."""


def failed_amid(failure: Failure) -> UpstreamError:
    """An answer or a stream said that it failed. It may have been paid for."""
    if failure.code in _EARNED:
        return rejected(failure.message, code=failure.code, charged=True)
    return StreamCutError(f"the answer told an error: {failure.code or 'no code'}: {failure.message}")


def rejected(
    message: str, *, code: str | None, param: str | None = None, charged: bool = False
) -> RequestRejectedError:
    """The request is to blame."""
    error = error_body(message, kind="invalid_request_error", code=code, param=param)
    return RequestRejectedError(400, error, charged=charged)


def failure_of(
    status: int,
    headers: Mapping[str, str],
    data: bytes,
    *,
    url: str,
    set_by_us: frozenset[str],
    clean: Callable[[str], str],
) -> UpstreamError:
    """What an answer with a status other than 200 means.

    `set_by_us` are fields that the config added; `clean` takes out of a text what must not be passed on.
    """
    body = _error(data)
    message = clean(_message(body))
    told = f"{url} answered {status}: {message}"
    retry_after_s = retry_after(headers, datetime.now(UTC))
    if status == 429:
        if _detail(body, "code") == "insufficient_quota":
            return UpstreamDeniedError(told)
        if message.startswith(_TOO_LARGE):
            return rejected(message, code="context_length_exceeded", param="messages")
        return RateLimitedError(told, retry_after_s=retry_after_s)
    if status >= 500 or status in (408, 409, 425):
        return UpstreamUnavailableError(told, retry_after_s=retry_after_s)
    if _is_the_requests_own(status, body, _OUR_FIELDS | set_by_us) and not message.startswith(_NO_KEY):
        error = error_body(
            message,
            kind=clean(str(_detail(body, "type") or "invalid_request_error")),
            code=_text(_detail(body, "code"), clean),
            param=_text(_detail(body, "param"), clean),
        )
        return RequestRejectedError(status, error)
    # 401, 403, 404 (no such model), a redirect, a field that we set: not the agent's fault
    return UpstreamDeniedError(told)


def _is_the_requests_own(status: int, body: Body, not_its_fields: frozenset[str]) -> bool:
    if status == 403:
        return _flagged(body)
    param = _detail(body, "param")
    if status == 404:  # an item that the provider does not keep, or a request that fits no way to the model
        return str(param).startswith("input") or _message(body).startswith(_CANNOT)
    own = param not in not_its_fields or _detail(body, "code") == _TOO_LOW
    return status in (400, 413, 422) and own


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds or a date)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, (date.astimezone(UTC) - now).total_seconds())


def _error(data: bytes) -> Body:
    try:
        body = json.loads(data)
    except ValueError:
        return {"error": {"message": data[:500].decode("utf-8", "replace")}}
    if isinstance(body, list) and len(body) == 1:  # as Gemini tells it
        [body] = body
    return body if isinstance(body, dict) else {}


def _detail(body: Body, key: str) -> object:
    error = body.get("error")
    return error.get(key) if isinstance(error, dict) else None


def _flagged(body: Body) -> bool:
    """Whether a router says that its moderation turned the text of the request down: no matter of permissions."""
    told = _detail(body, "metadata")
    return isinstance(told, dict) and "flagged_input" in told


def _message(body: Body) -> str:
    return str(_detail(body, "message") or body.get("message") or body.get("error") or "no message")[:2000]


def _text(value: object, clean: Callable[[str], str]) -> str | None:
    return None if value is None else clean(str(value))
