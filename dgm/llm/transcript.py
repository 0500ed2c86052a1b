"""What a rollout said to the model and heard from it: as the archive keeps it, and as a conversation."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dgm.llm.apis import spoken
from dgm.llm.values import Exchange

Message = dict[str, object]


def packed(exchanges: Sequence[Exchange]) -> bytes:
    """Every exchange as a line `{"n": ..., "status": ..., "request": "<text>", "response": "<text>"}`.

    The bodies are kept as texts, so that they come back byte for byte whatever they are.
    """
    lines = (
        json.dumps(
            {
                "n": exchange.n,
                "status": exchange.status,
                "request": exchange.request.decode("utf-8", "surrogateescape"),
                "response": exchange.response.decode("utf-8", "surrogateescape"),
            }
        )
        for exchange in exchanges
    )
    return "".join(line + "\n" for line in lines).encode()


def unpacked(data: bytes) -> tuple[Exchange, ...]:
    """The exchanges that `packed` packed."""
    return tuple(
        Exchange(
            n=line["n"],
            status=line["status"],
            request=line["request"].encode("utf-8", "surrogateescape"),
            response=line["response"].encode("utf-8", "surrogateescape"),
        )
        for line in map(json.loads, data.splitlines())
    )


def transcript(exchanges: Sequence[Exchange]) -> list[Message]:
    """The longest conversation of a rollout as the model saw it, its last answer included.

    A request carries the whole conversation, so that is the one with the most messages;
    among equals the last. An answer that was an error adds no message.
    """
    longest: list[Message] = []
    for exchange in exchanges:
        messages = _messages(exchange)
        if len(messages) >= len(longest):
            longest = messages
    return longest


def _messages(exchange: Exchange) -> list[Message]:
    request = json.loads(exchange.request)
    return spoken(request).conversation(request, json.loads(exchange.response))
