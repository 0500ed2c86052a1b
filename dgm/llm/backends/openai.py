"""Any provider that speaks the chat completions API, called over plain HTTP.

The key is read once, from the environment variable that the config names, by the process that asks the
provider. It is in the headers of its requests and nowhere else: this object cannot be pickled, does not show
it, and takes it out of every text that it passes on.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn
from urllib.parse import urlsplit

import aiohttp

from dgm.llm.backends.base import Place
from dgm.llm.budget import text_bytes
from dgm.llm.errors import (
    GatewayConfigError,
    MalformedAnswerError,
    MissingKeyError,
    RateLimitedError,
    RequestRejectedError,
    StreamCutError,
    UnknownRoleError,
    UpstreamDeniedError,
    UpstreamTimedOutError,
    UpstreamUnavailableError,
)
from dgm.llm.stream import EventSplitter, is_last
from dgm.llm.wire import Body, error_body

OFFICIAL = "https://api.openai.com/v1"

INPUT_BYTES = 512 << 10
"""Bytes; about the context of common models. Text has at most one token per byte, and usually one per four."""

ANSWER_BYTES = 16 << 20
"""Bytes; far more than the longest text. Only a request for more than text (likelihoods) has a longer answer."""

_TOO_LARGE = "Request too large"
"""How the official provider begins a 429 about a request that alone is above the limit per minute, and never passes."""

_NO_ANSWER = (aiohttp.ClientOSError, aiohttp.ConnectionTimeoutError, aiohttp.ServerDisconnectedError)
"""No connection, or one that went away before an answer: a kept-alive one does that, and nothing is billed.
"""

_OUR_FIELDS = frozenset({"max_completion_tokens", "max_tokens", "model", "stream", "stream_options"})


class OpenAIBackend:
    """A provider at `base_url`, which includes `/v1`.

    `models` maps each role to the provider's model name. `parameters` are sent with every request that does
    not set them itself. `limit_field` is how the provider calls the output limit: by default
    `max_completion_tokens` for the official address and `max_tokens` for any other. `stall_s` is the longest
    silence within a stream. A request with more than `input_bytes` of text is never sent: what a provider does with one
    that is too large for it must not look like an outage. Nor must an answer of more than `answer_bytes`.
    """

    def __init__(
        self,
        *,
        models: Mapping[str, str],
        environ: Mapping[str, str],
        base_url: str = OFFICIAL,
        key_variable: str = "OPENAI_API_KEY",
        limit_field: str | None = None,
        parameters: Mapping[str, object] | None = None,
        timeout_s: float = 600.0,
        stall_s: float = 120.0,
        input_bytes: int = INPUT_BYTES,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname or address.username is not None:
            raise GatewayConfigError(
                f"llm.base_url must look like https://host/v1, without user or key, got {base_url!r}"
            )
        if limit_field not in (None, "max_completion_tokens", "max_tokens"):
            raise GatewayConfigError(
                f"llm.limit_field must be max_completion_tokens or max_tokens, got {limit_field!r}"
            )
        self._key = environ.get(key_variable, "").strip()
        if not self._key and address.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise MissingKeyError(key_variable, base_url)
        self._models = dict(models)
        self._url = base_url.rstrip("/") + "/chat/completions"
        official = base_url.rstrip("/") == OFFICIAL
        self._limit_field = limit_field or ("max_completion_tokens" if official else "max_tokens")
        self._parameters = dict(parameters or {})
        self._timeout_s = timeout_s
        self._stall_s = stall_s
        self._input_bytes = input_bytes
        self._answer_bytes = answer_bytes
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"OpenAIBackend({self._url!r}, models={self._models!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an OpenAIBackend holds a key and does not travel; build it on the node that uses it")

    def model(self, role: str) -> str:
        if role not in self._models:
            raise UnknownRoleError(role, tuple(self._models))
        return self._models[role]

    async def open(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0),  # the gateway bounds the calls in flight
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def complete(self, request: Body, place: Place) -> Body:
        timeout = aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=10.0)
        try:
            async with self._post(self._payload(request, place), timeout) as response:
                data = await _read(response, self._answer_bytes)
                if response.status != 200:
                    raise self._failure(response, data, request)
        except _NO_ANSWER as error:
            raise UpstreamUnavailableError(self._clean(f"no answer from {self._url}: {error}")) from error
        except TimeoutError as error:
            raise UpstreamTimedOutError(f"no answer within {self._timeout_s:g} s") from error
        except aiohttp.ClientError as error:
            raise MalformedAnswerError(self._clean(f"the connection broke: {error!r}")) from error
        return _parse(data)

    async def stream(self, request: Body, place: Place) -> AsyncGenerator[Body, None]:
        payload = self._payload(request, place)
        payload |= {"stream": True, "stream_options": {"include_usage": True}}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=self._stall_s)
        begun, finished, size = False, False, 0
        try:
            async with self._post(payload, timeout) as response:
                if response.status != 200:
                    raise self._failure(response, await _read(response, self._answer_bytes), request)
                splitter = EventSplitter(cap_bytes=self._answer_bytes)
                async for data in response.content.iter_any():
                    size += len(data)
                    if size > self._answer_bytes:
                        raise _too_long(self._answer_bytes)
                    for event in splitter.feed(data):
                        if event == b"[DONE]":
                            return
                        chunk = _parse(event)
                        if "error" in chunk:
                            raise StreamCutError(self._clean(f"the stream told an error: {_message(chunk)}"))
                        begun, finished = True, finished or is_last(chunk)
                        yield chunk
        except _NO_ANSWER as error:
            failure = StreamCutError if begun else UpstreamUnavailableError
            raise failure(self._clean(f"no answer from {self._url}: {error}")) from error
        except TimeoutError as error:
            raise UpstreamTimedOutError(f"the stream was silent for {self._stall_s:g} s") from error
        except aiohttp.ClientError as error:
            raise StreamCutError(self._clean(f"the stream broke: {error!r}")) from error
        if not finished:  # some servers leave [DONE] out
            raise StreamCutError("the stream ended before its end")

    def _post(self, payload: Body, timeout: aiohttp.ClientTimeout) -> aiohttp.client._RequestContextManager:
        assert self._session is not None, "open() was not called"
        return self._session.post(self._url, json=payload, timeout=timeout, allow_redirects=False)

    def _payload(self, request: Body, place: Place) -> Body:
        size = text_bytes(request)
        if size > self._input_bytes:
            message = f"This request has {size} bytes of text, at most {self._input_bytes} are passed on."
            kind = "invalid_request_error"
            error = error_body(message, kind=kind, code="context_length_exceeded", param="messages")
            raise RequestRejectedError(400, error)
        payload = {**self._parameters, **request, "model": self.model(place.role)}
        payload[self._limit_field] = payload.pop("max_completion_tokens")
        return payload

    def _failure(self, response: aiohttp.ClientResponse, data: bytes, request: Body) -> Exception:
        """What an answer with a status other than 200 means, and whose fault it is."""
        status = response.status
        body = _error(data)
        told = self._clean(f"{self._url} answered {status}: {_message(body)}")
        retry_after_s = retry_after(response.headers, datetime.now(UTC))
        if status == 429:
            if _detail(body, "code") == "insufficient_quota":
                return UpstreamDeniedError(told)
            if _message(body).startswith(_TOO_LARGE):
                message, kind = self._clean(_message(body)), "invalid_request_error"
                error = error_body(message, kind=kind, code="context_length_exceeded", param="messages")
                return RequestRejectedError(400, error)
            return RateLimitedError(told, retry_after_s=retry_after_s)
        if status >= 500 or status in (408, 409, 425):
            return UpstreamUnavailableError(told, retry_after_s=retry_after_s)
        if (status == 403 and _flagged(body)) or (
            status in (400, 413, 422) and _detail(body, "param") not in _OUR_FIELDS | set(self._parameters)
        ):
            error = error_body(
                self._clean(_message(body)),
                kind=str(_detail(body, "type") or "invalid_request_error"),
                code=_text(_detail(body, "code")),
                param=_text(_detail(body, "param")),
            )
            return RequestRejectedError(status, error)
        # 401, 403, 404 (no such model), a redirect, a field that we set: not the agent's fault
        return UpstreamDeniedError(told)

    def _clean(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


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


def _too_long(most: int) -> RequestRejectedError:
    message = (
        f"The answer to this request is longer than {most} bytes. Ask for less: no logprobs, or fewer tokens."
    )
    error = error_body(message, kind="invalid_request_error", code="answer_too_large")
    return RequestRejectedError(400, error, charged=True)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > most:
            if response.status == 200:
                raise _too_long(most)
            raise MalformedAnswerError(f"the provider's error is longer than {most} bytes")
    return b"".join(pieces)


def _parse(data: bytes) -> Body:
    try:
        body = json.loads(data)
    except ValueError as error:
        raise MalformedAnswerError(f"the answer is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise MalformedAnswerError("the answer is not a JSON object")
    return body


def _error(data: bytes) -> Body:
    try:
        body = json.loads(data)
    except ValueError:
        return {"error": {"message": data[:500].decode("utf-8", "replace")}}
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


def _text(value: object) -> str | None:
    return None if value is None else str(value)
