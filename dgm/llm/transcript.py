"""What a rollout said to the model and heard from it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dgm.llm.values import Exchange

Message = dict[str, object]


def transcript(exchanges: Sequence[Exchange]) -> list[Message]:
    """The longest conversation of a rollout as the model saw it, its last answer included.

    A request of chat completions carries the whole conversation, so that is the one with the most messages;
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
    response = json.loads(exchange.response)
    messages = [dict(message) for message in request["messages"]]
    messages.extend(choice["message"] for choice in response.get("choices", []) if "message" in choice)
    return messages
