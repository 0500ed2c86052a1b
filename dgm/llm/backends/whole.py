"""Backends whose answers are there at once: a stream is the whole answer, cut up."""

from __future__ import annotations

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from dgm.llm.apis import CHAT, spoken
from dgm.llm.backends.base import Place
from dgm.llm.errors import RequestRejectedError
from dgm.llm.wire import Api, Body, error_body

if TYPE_CHECKING:  # importing the stand-in reads all of its data, which a run with a provider has no use for
    from dgm.llm.backends.rehearsal.reply import Reply

EPOCH = 946_684_800
"""2000-01-01, the time at which made-up answers say that they were made: the same in every run."""


class WholeAnswers(ABC):
    """Base of backends that hold no connection. `name` is the model's name for each role."""

    name: str
    apis = frozenset({Api.CHAT})

    def model(self, role: str, sample: bytes = b"") -> str:
        return self.name

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    @abstractmethod
    async def complete(self, request: Body, place: Place) -> Body: ...

    async def stream(self, request: Body, place: Place) -> AsyncGenerator[Body, None]:
        for chunk in spoken(request).cut_up(await self.complete(request, place)):
            yield chunk


class RehearsalBackend(WholeAnswers):
    """The stand-in for a model: a pure function of the conversation and the rollout's sample.

    `latency_s` delays each answer, so that deadlines and parallelism are exercised.
    """

    name = "rehearsal"

    def __init__(
        self,
        reply: Callable[[Mapping[str, object], bytes], Reply],
        *,
        latency_s: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._reply = reply
        self._latency_s = latency_s
        self._sleep = sleep

    async def complete(self, request: Body, place: Place) -> Body:
        if self._latency_s > 0:
            await self._sleep(self._latency_s)
        if _has_custom_tools(request):
            why = "The stand-in knows only tools of type 'function'."
            raise RequestRejectedError(
                400, error_body(why, kind="invalid_request_error", code="unsupported_tool")
            )
        reply = self._reply({**CHAT.canonical(request), "model": place.role}, place.sample)
        return as_completion(reply, place)


class ScriptedBackend(WholeAnswers):
    """Plays the given messages, one per call in order; an agent that asks for more gets a 400."""

    name = "scripted"

    def __init__(self, messages: Sequence[Mapping[str, object]]) -> None:
        self._messages = tuple(messages)

    async def complete(self, request: Body, place: Place) -> Body:
        if place.n >= len(self._messages):
            over = f"The script has only {len(self._messages)} messages."
            raise RequestRejectedError(
                400, error_body(over, kind="invalid_request_error", code="script_over")
            )
        message = self._messages[place.n]
        return completion(place, message, "tool_calls" if message.get("tool_calls") else "stop", 1, 1)


def _has_custom_tools(request: Body) -> bool:
    messages, tools = request.get("messages"), request.get("tools")
    told = list(tools) if isinstance(tools, list) else []
    for message in messages if isinstance(messages, list) else []:
        told += message.get("tool_calls") or []
    return any(one.get("type") == "custom" for one in told)


def as_completion(reply: Reply, place: Place) -> Body:
    """A reply in the provider's shape; at least one token of input, as at any provider."""
    tokens = max(1, reply.input_tokens), reply.output_tokens
    return completion(place, reply.message, reply.finish_reason, *tokens)


def completion(
    place: Place, message: Mapping[str, object], finish_reason: str, input_tokens: int, output_tokens: int
) -> Body:
    # the id follows from the place alone, so that a run repeats byte for byte
    name = hashlib.sha256(f"{place.sample.hex()} {place.n}".encode()).hexdigest()[:24]
    return {
        "id": f"chatcmpl-{name}",
        "object": "chat.completion",
        "created": EPOCH,
        "model": place.role,
        "choices": [{"index": 0, "message": dict(message), "finish_reason": finish_reason}],
        "usage": {
            "prompt_tokens": input_tokens,
            "completion_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
        },
    }
