"""A streamed answer on its way to the client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiohttp import web

from dgm.llm.apis import Dialect
from dgm.llm.wire import Body

FINAL = {"x-should-retry": "false"}
"""Tells the stock client not to ask again: the gateway has already done what is worth doing."""


class EventStream:
    """A streamed answer to one client. Its last chunks are held back until `finish`: by then it is
    journalled.

    A client that is gone or does not read is no reason to lose an answer that is being paid for: what follows
    is then dropped, and the call goes on.
    """

    def __init__(
        self,
        request: web.BaseRequest,
        dialect: Dialect,
        alias: str,
        *,
        wants_usage: bool,
        write_s: float,
    ) -> None:
        self._request = request
        self._dialect = dialect
        self._alias = alias
        self._wants_usage = wants_usage
        self._write_s = write_s
        self._response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache",
                **FINAL,
            }
        )
        self._held: list[bytes] = []
        self._gone = False
        self.begun = False

    async def send(self, chunk: Body) -> None:
        shown = self._dialect.shown(chunk, wants_usage=self._wants_usage)
        if shown is None:
            return
        data = self._dialect.event(self._dialect.named(shown, self._alias))
        if self._dialect.is_last(chunk) or self._held:
            self._held.append(data)
        else:
            await self._write([data])

    async def finish(self) -> web.StreamResponse:
        await self._write([*self._held, self._dialect.end])
        return self._response

    def break_off(self) -> web.StreamResponse:
        """End without an end: the client sees that the answer is not whole."""
        if self._request.transport is not None:
            self._request.transport.abort()
        return self._response

    async def _write(self, events: Iterable[bytes]) -> None:
        if self._gone:
            return
        try:
            async with asyncio.timeout(self._write_s):
                if not self.begun:
                    self.begun = True
                    await self._response.prepare(self._request)
                await self._response.write(b"".join(events))
        except (ConnectionError, TimeoutError):
            self._gone = True
            self.break_off()
