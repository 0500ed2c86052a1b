"""Any provider that speaks chat completions or responses, called over plain HTTP.

The key is read once, from the environment variable that the config names, by the process that asks the
provider. It is in the headers of its requests and nowhere else: this object cannot be pickled, does not show
it, and takes it out of every text that it passes on.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import NoReturn
from urllib.parse import urlsplit

import aiohttp

from dgm.llm.apis import CHAT, Dialect, EventSplitter, spoken
from dgm.llm.backends.base import Place
from dgm.llm.backends.failures import failed_amid, failure_of, rejected
from dgm.llm.budget import text_bytes
from dgm.llm.errors import (
    GatewayConfigError,
    MalformedAnswerError,
    MissingKeyError,
    RequestRejectedError,
    StreamCutError,
    UnknownRoleError,
    UpstreamTimedOutError,
    UpstreamUnavailableError,
)
from dgm.llm.models import Shares, chosen, shares_of
from dgm.llm.wire import Api, Body

OFFICIAL = "https://api.openai.com/v1"

INPUT_BYTES = 512 << 10
"""Bytes; about the context of common models. Text has at most one token per byte, and usually one per four."""

ANSWER_BYTES = 16 << 20
"""Bytes; far more than the longest text. Only a request for more than text (likelihoods) has a longer answer."""

_NO_ANSWER = (aiohttp.ClientOSError, aiohttp.ConnectionTimeoutError, aiohttp.ServerDisconnectedError)
"""No connection, or one that went away before an answer: a kept-alive one does that, and nothing is billed.
"""


class OpenAIBackend:
    """A provider at `base_url`, which includes `/v1`.

    `api` is what it speaks: chat, responses or both; by default both at the official address and chat elsewhere.
    `models` maps each role to the provider's model name, or to names with weights.
    `parameters` are sent with every request that does not set them itself. `limit_field` is how the provider calls
    the output limit: by default
    `max_completion_tokens` for the official address and `max_tokens` for any other. `stall_s` is the longest
    silence within a stream. A request with more than `input_bytes` of text is never sent: what a provider does with one
    that is too large for it must not look like an outage. Nor must an answer of more than `answer_bytes`.
    """

    def __init__(
        self,
        *,
        models: Mapping[str, str | Shares],
        environ: Mapping[str, str],
        base_url: str = OFFICIAL,
        key_variable: str = "OPENAI_API_KEY",
        api: str | None = None,
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
        if api not in (None, "both", *Api):
            raise GatewayConfigError(f"llm.api must be chat, responses or both, got {api!r}")
        self._key = environ.get(key_variable, "").strip()
        if not self._key and address.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise MissingKeyError(key_variable, base_url)
        self._models = {role: shares_of(role, given) for role, given in models.items()}
        self._base_url = base_url.rstrip("/")
        official = self._base_url == OFFICIAL
        both = api == "both" or (api is None and official)
        self.apis = frozenset(Api) if both else frozenset({Api(api or Api.CHAT)})
        self._limit_field = limit_field or ("max_completion_tokens" if official else "max_tokens")
        self._parameters = dict(parameters or {})
        self._timeout_s = timeout_s
        self._stall_s = stall_s
        self._input_bytes = input_bytes
        self._answer_bytes = answer_bytes
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"OpenAIBackend({self._base_url!r}, models={self._models!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an OpenAIBackend holds a key and does not travel; build it on the node that uses it")

    def model(self, role: str, sample: bytes = b"") -> str:
        if role not in self._models:
            raise UnknownRoleError(role, tuple(self._models))
        return chosen(self._models[role], role, sample)

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
        dialect = spoken(request)
        url = self._url(dialect)
        timeout = aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=10.0)
        try:
            async with self._post(url, self._payload(request, place, dialect), timeout) as response:
                data = await _read(response, self._answer_bytes)
                if response.status != 200:
                    raise self._failure(request, response, data, url)
        except _NO_ANSWER as error:
            raise UpstreamUnavailableError(self._clean(f"no answer from {url}: {error}")) from error
        except TimeoutError as error:
            raise UpstreamTimedOutError(f"no answer within {self._timeout_s:g} s") from error
        except aiohttp.ClientError as error:
            raise MalformedAnswerError(self._clean(f"the connection broke: {error!r}")) from error
        return self._sound(_parse(data), dialect)

    async def stream(self, request: Body, place: Place) -> AsyncGenerator[Body, None]:
        dialect = spoken(request)
        url = self._url(dialect)
        payload = self._payload(request, place, dialect) | {"stream": True}
        if dialect is CHAT:
            payload["stream_options"] = {"include_usage": True}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=self._stall_s)
        begun, finished, size = False, False, 0
        try:
            async with self._post(url, payload, timeout) as response:
                if response.status != 200:
                    data = await _read(response, self._answer_bytes)
                    raise self._failure(request, response, data, url)
                splitter = EventSplitter(cap_bytes=self._answer_bytes)
                async for data in response.content.iter_any():
                    size += len(data)
                    if size > self._answer_bytes:
                        raise _too_long(self._answer_bytes)
                    for event in splitter.feed(data):
                        if event == b"[DONE]":
                            return
                        chunk = self._sound(_parse(event), dialect)
                        begun, finished = True, finished or dialect.is_last(chunk)
                        yield chunk
        except _NO_ANSWER as error:
            failure = StreamCutError if begun else UpstreamUnavailableError
            raise failure(self._clean(f"no answer from {url}: {error}")) from error
        except TimeoutError as error:
            raise UpstreamTimedOutError(f"the stream was silent for {self._stall_s:g} s") from error
        except aiohttp.ClientError as error:
            raise StreamCutError(self._clean(f"the stream broke: {error!r}")) from error
        if not finished:  # some servers leave [DONE] out
            raise StreamCutError("the stream ended before its end")

    def _url(self, dialect: Dialect) -> str:
        return self._base_url + dialect.path.removeprefix("/v1")

    def _post(
        self, url: str, payload: Body, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.client._RequestContextManager:
        assert self._session is not None, "open() was not called"
        return self._session.post(url, json=payload, timeout=timeout, allow_redirects=False)

    def _payload(self, request: Body, place: Place, dialect: Dialect) -> Body:
        size = text_bytes(request)
        if size > self._input_bytes:
            message = f"This request has {size} bytes of text, at most {self._input_bytes} are passed on."
            raise rejected(message, code="context_length_exceeded", param="messages")
        known = self._parameters
        if dialect is not CHAT:  # the config's parameters are written for chat completions
            known = {key: value for key, value in known.items() if key in dialect.fields.forwarded}
        payload = {**known, **request, "model": place.model or self.model(place.role, place.sample)}
        if dialect is CHAT:
            payload[self._limit_field] = payload.pop(dialect.limit_field)
        return payload

    def _sound(self, told: Body, dialect: Dialect) -> Body:
        """What was told, unless it says that it failed."""
        failure = dialect.failure(told)
        if failure is not None:
            raise failed_amid(replace(failure, message=self._clean(failure.message)))
        return told

    def _failure(self, request: Body, response: aiohttp.ClientResponse, data: bytes, url: str) -> Exception:
        ours = frozenset(self._parameters.keys() - request.keys())  # what a request sets itself is its own
        return failure_of(response.status, response.headers, data, url=url, set_by_us=ours, clean=self._clean)

    def _clean(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def _too_long(most: int) -> RequestRejectedError:
    message = (
        f"The answer to this request is longer than {most} bytes. Ask for less: no logprobs, or fewer tokens."
    )
    return rejected(message, code="answer_too_large", charged=True)


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
