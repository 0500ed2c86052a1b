"""The HTTP side of one rollout: routes, limits on abuse, answers and errors in the provider's shape."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from dgm.llm.apis import DIALECTS, Dialect
from dgm.llm.errors import (
    AllowanceSpentError,
    JournalError,
    RequestRefusedError,
    UpstreamFailedError,
)
from dgm.llm.event_stream import FINAL, EventStream
from dgm.llm.journal import Answered
from dgm.llm.rollout import OpenRollout
from dgm.llm.wire import Body, ModelRequest, dump, error_body

_ROUTES = {f"POST {dialect.path}": dialect for dialect in DIALECTS.values()}

_REST = 9
"""Times as long as a rollout's body took to look at, until its next one: a tenth of the thread at most."""


@dataclass(frozen=True, kw_only=True)
class DoorLimits:
    """What one client may take. `idle_s` also bounds the time for a request's head.

    `bodies` are read and looked at, at once; more would fill the memory and hold up the other rollouts. Who has
    asked and been told `kept_bytes` may ask no more: all of that is held in memory, and archived.
    """

    body_bytes: int = 8 << 20
    bodies: int = 8
    kept_bytes: int = 32 << 20
    header_fields: int = 64
    header_bytes: int = 4096
    connections: int = 64
    body_s: float = 30.0
    idle_s: float = 75.0
    write_s: float = 30.0


class Door:
    """Serves one rollout on one Unix socket."""

    def __init__(self, rollout: OpenRollout, limits: DoorLimits) -> None:
        self._rollout = rollout
        self._limits = limits
        self._server = web.Server(
            self._handle,
            request_factory=self._request,
            access_log=None,
            logger=_quiet(),
            max_line_size=limits.header_bytes,
            max_field_size=limits.header_bytes,
            max_headers=limits.header_fields,
            keepalive_timeout=limits.idle_s,
            lingering_time=0.5,
            tcp_keepalive=False,
            auto_decompress=False,
        )
        self._listener: asyncio.AbstractServer | None = None
        self._calls: set[asyncio.Task[object]] = set()
        self._bodies = asyncio.Semaphore(limits.bodies)
        self._turn = asyncio.Lock()
        self._resting_until = 0.0
        self._closing = False

    async def open(self, path: Path) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_unix_server(
            self._protocol, str(path), backlog=self._limits.connections
        )

    async def close(self) -> None:
        """Stop listening, cut off the calls on their way, drop the connections."""
        self._closing = True
        if self._listener is not None:
            self._listener.close()
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait(self._calls)
        self._server.pre_shutdown()  # ends idle connections at once; the next line alone would wait for them
        await self._server.shutdown(0.05)

    def _protocol(self) -> asyncio.BaseProtocol:
        return _Entrance(self._server, self._limits.connections)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, asyncio.get_running_loop(),
            client_max_size=self._limits.body_bytes,
        )  # fmt: skip

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            route = f"{request.method} {request.path}"
            if route == "GET /v1/models":
                return _json(self._models())
            if route not in _ROUTES:
                known = ", ".join(_ROUTES)
                message = f"Unknown request: {route}. Here are {known} and GET /v1/models."
                raise RequestRefusedError(message, code="unknown_url", status=404)
            return await self._ask(request, _ROUTES[route])
        except RequestRefusedError as error:
            self._rollout.refuse()
            kind = "invalid_request_error"
            body = error_body(error.message, kind=kind, code=error.code, param=error.param)
            return _json(body, status=error.status)
        except AllowanceSpentError as error:
            self._rollout.refuse()
            return _json(error_body(str(error), kind="allowance_spent", code="allowance_spent"), status=403)
        except (UpstreamFailedError, JournalError):
            return _failed()

    async def _ask(self, request: web.BaseRequest, dialect: Dialect) -> web.StreamResponse:
        async with self._bodies:
            asked = await self._checked(await self._body(request), dialect)
        if self._closing or self._rollout.fault is not None:
            return _failed()
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            return await self._answer(request, asked, dialect)
        finally:
            self._calls.discard(task)

    async def _answer(
        self, request: web.BaseRequest, asked: ModelRequest, dialect: Dialect
    ) -> web.StreamResponse:
        if self._rollout.kept_bytes >= self._limits.kept_bytes:
            message = (
                f"This rollout has asked and been told {self._limits.kept_bytes} bytes, and may not ask more."
            )
            raise RequestRefusedError(message, code="conversation_too_large", status=413)
        call = self._rollout.begin(asked)
        found = await self._rollout.recorded(call)
        if not asked.stream:
            return _told(found or await self._rollout.buy(call, None))
        stream = EventStream(
            request,
            dialect,
            asked.alias,
            wants_usage=asked.wants_usage,
            write_s=self._limits.write_s,
        )
        if found is None:
            try:
                found = await self._rollout.buy(call, stream.send)
            except (UpstreamFailedError, JournalError, AllowanceSpentError):
                if not stream.begun:
                    raise
                return stream.break_off()
        elif found.status == 200:
            for chunk in found.chunks if found.chunks is not None else dialect.cut_up(found.body):
                await stream.send(chunk)
        if found.status != 200:
            return stream.break_off() if stream.begun else _told(found)
        return await stream.finish()

    async def _checked(self, body: bytes, dialect: Dialect) -> ModelRequest:
        """One after the other, with rests: requests that are refused cost nothing, and all rollouts share a thread."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            await asyncio.sleep(self._resting_until - loop.time())
            began = time.thread_time()  # not by the clock: a busy machine's other work is no reason to rest
            try:
                return dialect.parse(body, self._rollout.spec.aliases)
            finally:
                self._resting_until = loop.time() + _REST * (time.thread_time() - began)

    async def _body(self, request: web.BaseRequest) -> bytes:
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise RequestRefusedError(
                "The body must not be compressed.", code="unsupported_encoding", status=415
            )
        try:
            async with asyncio.timeout(self._limits.body_s):
                return await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            message = f"The body is larger than {self._limits.body_bytes} bytes."
            raise RequestRefusedError(message, code="request_too_large", status=413) from error
        except TimeoutError as error:
            message = f"The body did not arrive within {self._limits.body_s:g} s."
            raise RequestRefusedError(message, code="request_too_slow", status=400) from error

    def _models(self) -> Body:
        same = {"object": "model", "created": 946_684_800, "owned_by": "dgm"}
        return {"object": "list", "data": [{"id": alias, **same} for alias in self._rollout.spec.aliases]}


class _Entrance(asyncio.Protocol):
    """Hands a new connection to the server, or hangs up: the client already has as many as it may.

    Asked when the connection is made, one at a time: a burst is accepted before the server counts any of it.
    """

    def __init__(self, server: web.Server, most: int) -> None:
        self._server = server
        self._most = most

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._server.connections) >= self._most:
            transport.close()
            return
        handler = self._server()
        assert isinstance(transport, asyncio.Transport)
        transport.set_protocol(handler)
        handler.connection_made(transport)


def _quiet() -> logging.Logger:
    """For the server's own messages: what a client does wrong must not fill our logs."""
    logger = logging.Logger("dgm.llm.door.http")
    logger.disabled = True
    return logger


def _told(answered: Answered) -> web.Response:
    return _json(answered.body, status=answered.status)


def _failed() -> web.Response:
    message = "The provider failed; this is not your fault and asking again does not help."
    return _json(error_body(message, kind="server_error", code="upstream_failed"), status=502)


def _json(body: Body, *, status: int = 200) -> web.Response:
    headers = FINAL if status != 200 else None
    return web.Response(body=dump(body), status=status, content_type="application/json", headers=headers)
