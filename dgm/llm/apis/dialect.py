"""All that differs between the two APIs, in one value for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dgm.llm.apis import chat, chat_answers, responses, responses_answers
from dgm.llm.apis.events import Failure, event
from dgm.llm.wire import Api, Body, Fields, ModelRequest, digest


class Shown(Protocol):
    def __call__(self, chunk: Body, *, wants_usage: bool) -> Body | None: ...


@dataclass(frozen=True, kw_only=True)
class FigureNames:
    """What an answer calls the figures of its usage."""

    input: str
    cached: tuple[str, str]
    output: str
    reasoning: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One API. The functions are described where they are defined; `end` follows the last event of a stream."""

    api: Api
    path: str
    limit_field: str
    fields: Fields
    figures: FigureNames
    parse: Callable[[bytes, Collection[str]], ModelRequest]
    canonical: Callable[[Mapping[str, object]], Body]
    frame: Callable[[Mapping[str, object]], list[object]]
    messages: Callable[[Mapping[str, object]], list[object]]
    checked: Callable[[Body], Body]
    named: Callable[[Body, str], Body]
    shown: Shown
    failure: Callable[[Body], Failure | None]
    is_last: Callable[[Body], bool]
    assemble: Callable[[Sequence[Body]], Body]
    cut_up: Callable[[Body], Iterator[Body]]
    conversation: Callable[[Mapping[str, object], Body], list[Body]]
    named_events: bool
    end: bytes

    def event(self, chunk: Body) -> bytes:
        """One chunk as it is sent."""
        return event(chunk, named=self.named_events)


CHAT = Dialect(
    api=Api.CHAT,
    path="/v1/chat/completions",
    limit_field="max_completion_tokens",
    fields=chat.FIELDS,
    figures=FigureNames(
        input="prompt_tokens",
        cached=("prompt_tokens_details", "cached_tokens"),
        output="completion_tokens",
        reasoning=("completion_tokens_details", "reasoning_tokens"),
    ),
    parse=chat.parse,
    canonical=chat.canonical,
    frame=chat.frame,
    messages=chat.messages,
    checked=chat_answers.checked,
    named=chat_answers.named,
    shown=chat_answers.shown,
    failure=chat_answers.failure,
    is_last=chat_answers.is_last,
    assemble=chat_answers.assemble,
    cut_up=chat_answers.cut_up,
    conversation=chat_answers.conversation,
    named_events=False,
    end=b"data: [DONE]\n\n",
)

RESPONSES = Dialect(
    api=Api.RESPONSES,
    path="/v1/responses",
    limit_field="max_output_tokens",
    fields=responses.FIELDS,
    figures=FigureNames(
        input="input_tokens",
        cached=("input_tokens_details", "cached_tokens"),
        output="output_tokens",
        reasoning=("output_tokens_details", "reasoning_tokens"),
    ),
    parse=responses.parse,
    canonical=responses.canonical,
    frame=responses.frame,
    messages=responses.messages,
    checked=responses_answers.checked,
    named=responses_answers.named,
    shown=responses_answers.shown,
    failure=responses_answers.failure,
    is_last=responses_answers.is_last,
    assemble=responses_answers.assemble,
    cut_up=responses_answers.cut_up,
    conversation=responses_answers.conversation,
    named_events=True,
    end=b"",
)

DIALECTS: Mapping[Api, Dialect] = {dialect.api: dialect for dialect in (CHAT, RESPONSES)}


def spoken(request: Mapping[str, object]) -> Dialect:
    """The API that a request is written for."""
    return RESPONSES if "input" in request else CHAT


def asked(request: Mapping[str, object]) -> str:
    """A digest of what a request asks, whether it came from the agent or went upstream: its forwarded fields."""
    dialect = spoken(request)
    forwarded = {key: value for key, value in request.items() if key in dialect.fields.forwarded}
    return digest(dialect.canonical(forwarded))
