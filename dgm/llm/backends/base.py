"""What a backend owes the gateway: answers in the shape of the API that it was asked in, or a typed failure."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from dgm.llm.wire import Api, Body


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a call stands in the run. `role` is also the model's alias, `n` counts the rollout's calls from
    0. `model` is the one that the rollout was given.
    """

    decision: int
    rollout: str
    role: str
    sample: bytes
    n: int
    model: str = ""


class Backend(Protocol):
    """Where answers come from.

    A request holds `messages` (chat completions) or `input` (responses) and the other forwarded fields, and always
    the output limit under that API's own name; no model and no stream fields. It is only asked in its `apis`.
    Failures are `RequestRejectedError` (the request's own fault) or `UpstreamFailedError`; the gateway repeats what
    is worth repeating. Only `open`, `close`, `complete` and `stream` run in its event loop.
    """

    @property
    def apis(self) -> frozenset[Api]: ...

    def model(self, role: str, sample: bytes = b"") -> str:
        """The name under which the calls of a role's rollout are priced and recorded. Raises `UnknownRoleError`."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def complete(self, request: Body, place: Place) -> Body:
        """One whole answer."""

    def stream(self, request: Body, place: Place) -> AsyncGenerator[Body, None]:
        """One answer in chunks, the figures in the last; it ends only when whole."""
