"""The ways to the provider: how many calls may be on each at once, and how many may begin in a minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from dgm.llm.errors import GatewayConfigError


@dataclass(frozen=True, kw_only=True)
class LaneLimits:
    """Of one model on one node; None is no limit of its own."""

    concurrency: int | None = None
    per_minute: float | None = None

    @classmethod
    def of(cls, model: str, entry: Mapping[str, object]) -> Self:
        """From `{concurrency, per_minute}`. Raises GatewayConfigError."""
        unknown = set(entry) - {"concurrency", "per_minute"}
        if unknown:
            raise GatewayConfigError(f"llm.limits.{model} has unknown keys {sorted(unknown)}")
        concurrency, per_minute = entry.get("concurrency"), entry.get("per_minute")
        if concurrency is not None and (not isinstance(concurrency, int | float) or concurrency < 1):
            raise GatewayConfigError(
                f"llm.limits.{model}.concurrency must be at least 1, got {concurrency!r}"
            )
        if per_minute is not None and (not isinstance(per_minute, int | float) or per_minute <= 0):
            raise GatewayConfigError(f"llm.limits.{model}.per_minute must be above 0, got {per_minute!r}")
        return cls(concurrency=None if concurrency is None else int(concurrency), per_minute=per_minute)


class Lane:
    """One model's way."""

    def __init__(
        self,
        limits: LaneLimits,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._slots = None if limits.concurrency is None else asyncio.Semaphore(limits.concurrency)
        self._apart_s = 0.0 if limits.per_minute is None else 60.0 / limits.per_minute
        self._clock = clock
        self._sleep = sleep
        self._next = float("-inf")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, and then for the time at which the next call may begin."""
        if self._slots is None:
            await self._pace()
            yield
            return
        async with self._slots:
            await self._pace()
            yield

    async def _pace(self) -> None:
        if not self._apart_s:
            return
        now = self._clock()
        begins = max(now, self._next)
        self._next = begins + self._apart_s
        if begins > now:
            await self._sleep(begins - now)


class Lanes:
    """The ways of a gateway: all models together, and each one for itself."""

    def __init__(
        self,
        limits: Mapping[str, LaneLimits],
        *,
        concurrency: int,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._all = asyncio.Semaphore(concurrency)
        self._open = Lane(LaneLimits(), clock, sleep)
        self._lanes = {model: Lane(limit, clock, sleep) for model, limit in limits.items()}

    @asynccontextmanager
    async def turn(self, model: str) -> AsyncIterator[None]:
        """Hold a call's place on its way; who waits for its model keeps nobody else's place."""
        async with self._lanes.get(model, self._open).turn(), self._all:
            yield
