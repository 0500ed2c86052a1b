"""What a backend owes the gateway: answers in the shape of chat completions, or a typed failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from dgm.llm.wire import Body


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a call stands in the run. `role` is also the model's alias, `n` counts the rollout's calls from
    0.
    """

    decision: int
    rollout: str
    role: str
    sample: bytes
    n: int


class Backend(Protocol):
    """Where answers come from.

    A request holds `messages` and the other forwarded fields, and always `max_completion_tokens`; no model
    and no stream fields. Failures are `RequestRejectedError` (the request's own fault) or
    `UpstreamFailedError`; the gateway repeats what is worth repeating. Only `open`, `close`, `complete` and
    `stream` run in its event loop.
    """

    def model(self, role: str) -> str:
        """The name under which a role's calls are priced and recorded. Raises `UnknownRoleError`."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def complete(self, request: Body, place: Place) -> Body:
        """One answer: a `chat.completion`."""

    def stream(self, request: Body, place: Place) -> AsyncGenerator[Body, None]:
        """One answer as `chat.completion.chunk`s, the figures in the last; it ends only when whole."""
