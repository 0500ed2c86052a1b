"""One open rollout: what its requests cost, what they were answered, and why it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from dgm.llm.apis import DIALECTS, Dialect
from dgm.llm.backends.base import Backend, Place
from dgm.llm.budget import FRAME_OVERHEAD, Hold, Ledger, read_usage
from dgm.llm.cache import Cache
from dgm.llm.calls import Call, CallLog
from dgm.llm.errors import (
    AllowanceSpentError,
    JournalError,
    RateLimitedError,
    RequestRejectedError,
    UpstreamFailedError,
    UpstreamTimedOutError,
    UpstreamUnavailableError,
)
from dgm.llm.journal import Answered, Journal
from dgm.llm.lanes import Lanes
from dgm.llm.retries import Retries
from dgm.llm.values import RolloutRecord, RolloutSpec, Spent, Tokens
from dgm.llm.voices import Voice
from dgm.llm.wire import Api, Body, ModelRequest, error_body
from dgm.stillness import STILL_S

log = logging.getLogger(__name__)

_OUTAGES = (UpstreamUnavailableError, UpstreamTimedOutError, RateLimitedError)

GONE = 499
"""Status of a call that was paid, but whose rollout had ended before the answer."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all rollouts of a gateway share."""

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    lanes: Lanes
    parallel: int
    retries: Retries
    output_tokens: int
    asked: Callable[[str], None]
    cache: Cache | None = None


class OpenRollout:
    """The state behind one socket. Lives in the gateway's event loop."""

    def __init__(
        self,
        spec: RolloutSpec,
        *,
        backend: Backend,
        voices: Mapping[str, Voice],
        journal: Journal | None,
        around: Surroundings,
    ) -> None:
        self.spec = spec
        self.fault: str | None = None
        self.left = False
        self._backend = backend
        self._voices = voices
        self._journal = journal
        self._around = around
        self._ledger = Ledger(spec.allowance, around.clock)
        self._settled = asyncio.Event()
        self._parallel = asyncio.Semaphore(around.parallel)
        self._log = CallLog(spec.id, spec.role)
        self._asked_bytes = 0
        self._next = 0
        self._outage = False
        self._spent: Spent | None = None
        self._refused = 0
        self._waited_s = 0.0

    @property
    def kept_bytes(self) -> int:
        """What was asked and answered so far, all of which is held in memory."""
        return self._asked_bytes + self._log.kept_bytes

    def refuse(self) -> None:
        """Count a request that was turned down."""
        self._refused += 1

    def begin(self, request: ModelRequest) -> Call:
        """Give a request its number, in order of arrival. Raises `AllowanceSpentError`."""
        try:
            self._ledger.begin()
        except AllowanceSpentError as error:
            self._spent = self._spent or error.spent
            raise
        call = Call(self._next, request, self._voices[request.alias], self._around.clock())
        if self._around.cache is not None:
            call.key = call.voice.keys.of(request)
        if not self._next:
            self._around.asked(self.spec.id)
        self._asked_bytes += len(request.raw)
        self._next += 1
        return call

    async def recorded(self, call: Call) -> Answered | None:
        """The answer from the journal or the cache, if it stands there; it is then charged and on record.

        One from the cache is journalled before it is handed on: a later try goes by it, whatever became of the cache.
        Raises `JournalError`, with `fault` set.
        """
        found = self._journal.find(call.n, call.request.digest) if self._journal else None
        journal = found is not None
        found = found or self._cached(call)
        if found is None:
            return None
        self._ledger.charge(found.tokens, found.cost_microusd)
        if self._ledger.capped and found.status == 200 and not found.estimated:
            call.voice.bounds.learn(call.request.forward, found.tokens.input)
        self._record(call, found, journal=journal)
        if not journal:
            try:
                await self._write_down(found)
            except JournalError as error:
                self.blame(f"{type(error).__name__}: {error}")
                raise
        return found

    def _cached(self, call: Call) -> Answered | None:
        kept = None if self._around.cache is None else self._around.cache.find(call.key)
        if kept is None:
            return None
        return replace(kept, n=call.n, rollout=self.spec.id, request=call.request.digest, cache=True)

    async def buy(self, call: Call, deliver: Callable[[Body], Awaitable[None]] | None) -> Answered:
        """Ask the backend, again if it is worth it; journal, charge and record the answer.

        With `deliver` the answer is streamed and each chunk handed to it as it comes. Raises
        `AllowanceSpentError` or, with `fault` set, `UpstreamFailedError` or `JournalError`.
        """
        try:
            call.answered = await self._ask(call, deliver)
            await self._write_down(call.answered)
        except AllowanceSpentError as error:
            if error.spent is Spent.SECONDS and call.failing is not None:
                self.blame(f"the provider was failing when the time was up: {call.failing}", outage=True)
            self._spent = self._spent or error.spent
            self._write_off(call, 403)
            raise
        except (UpstreamFailedError, JournalError) as error:
            self.blame(f"{type(error).__name__}: {error}", outage=isinstance(error, _OUTAGES))
            self._write_off(call, 502)
            raise
        except asyncio.CancelledError:
            silent_s = self._around.clock() - call.heard
            if call.failing is not None:
                self.blame(f"the provider was failing when the rollout ended: {call.failing}", outage=True)
            elif call.asked and not self.left and silent_s >= self._around.retries.stalled_s:
                why = f"the provider had not answered for {silent_s:.0f} s when the rollout ended"
                self.blame(why, outage=True)
            self._write_off(call, GONE)
            raise
        except BaseException as error:
            self.blame(f"the gateway failed: {type(error).__name__}: {error}")
            log.exception("rollout %s call %d: a mistake of the gateway or its backend", self.spec.id, call.n)
            self._write_off(call, 500)
            raise
        self._record(call, call.answered, journal=False)
        await self._keep(call, call.answered)
        return call.answered

    def close(self) -> RolloutRecord:
        """The record, once no call is on its way any more."""
        for answered in self._journal.unused(self.spec.id) if self._journal else ():
            self._log.add_unused(self._next, answered)
            self._next += 1
        if self._journal is not None:
            self._journal.close()
        return RolloutRecord(
            id=self.spec.id,
            calls=self._log.calls,
            exchanges=self._log.exchanges,
            spent=self._spent,
            fault=self.fault,
            outage=self._outage,
            refused=self._refused,
            waited_s=self._waited_s,
        )

    async def _write_down(self, answered: Answered) -> None:
        """Journal an answer. A write that has begun is waited for even when the rollout is being closed.

        The agent's clock runs meanwhile: nothing is learnt from a rollout that waited for long.
        """
        if self._journal is None:
            return
        began = self._around.clock()
        writing = asyncio.get_running_loop().run_in_executor(None, self._journal.append, answered)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            raise
        finally:
            took_s = self._around.clock() - began
            if took_s > STILL_S:
                self.blame(f"writing its journal took {took_s:.0f} s")

    async def _keep(self, call: Call, answered: Answered) -> None:
        """Put a whole answer into the cache; a cache that cannot be written costs money, not results."""
        cache = self._around.cache
        if cache is None or answered.status != 200 or answered.estimated or call.lowered:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(None, cache.keep, call.key, answered)
        except OSError as error:
            log.warning("rollout %s call %d: the answer was not cached: %s", self.spec.id, call.n, error)

    async def _ask(self, call: Call, deliver: Callable[[Body], Awaitable[None]] | None) -> Answered:
        tries = 0
        while True:
            await self._hold(call)
            assert call.hold is not None
            tries += 1
            try:
                body, chunks = await self._try(call, call.hold, deliver)
                return self._answered(call, call.hold, body, chunks)
            except RequestRejectedError as error:
                self._lose(call, charged=error.charged)
                return self._told(call, error.status, error.body)
            except UpstreamFailedError as error:
                self._lose(call, charged=error.charged)
                await self._back_off(call, error, tries)

    async def _hold(self, call: Call) -> None:
        """Put the call's maximum aside; wait for calls in flight if it fits only once they have settled."""
        request, ledger = call.request, self._ledger
        size = (
            call.voice.bounds.bound(request.forward) if ledger.capped else len(request.raw) + FRAME_OVERHEAD
        )
        wanted = min(request.output_limit or self._around.output_tokens, self._around.output_tokens)
        while True:
            call.hold = ledger.hold(input_tokens=size, output_tokens=wanted, price=call.voice.price)
            if call.hold is not None:
                call.lowered = call.hold.tokens.output < wanted
                return
            self._settled.clear()
            await self._settled.wait()

    async def _try(
        self, call: Call, hold: Hold, deliver: Callable[[Body], Awaitable[None]] | None
    ) -> tuple[Body, list[Body] | None]:
        dialect = call.dialect
        if dialect.api not in self._backend.apis:
            raise _not_spoken(dialect, self._backend.apis)
        request = {**call.request.forward, dialect.limit_field: hold.tokens.output}
        spec = self.spec
        place = Place(
            decision=spec.decision,
            rollout=spec.id,
            role=call.voice.role,
            sample=spec.sample,
            n=call.n,
            model=call.voice.model,
        )
        queued = self._around.clock()
        try:
            async with (
                asyncio.timeout(self._ledger.seconds_left()),
                self._parallel,
                self._around.lanes.turn(call.voice.model),
            ):
                self._waited_s += self._around.clock() - queued
                call.asked, call.heard = True, self._around.clock()
                if deliver is None:
                    body = await self._backend.complete(request, place)
                    return dialect.checked(body), None
                chunks: list[Body] = []
                async with aclosing(self._backend.stream(request, place)) as stream:
                    async for chunk in stream:
                        chunks.append(chunk)
                        call.delivered, call.heard = True, self._around.clock()
                        await deliver(chunk)
                return dialect.checked(dialect.assemble(chunks)), chunks
        except TimeoutError as error:
            raise AllowanceSpentError(Spent.SECONDS) from error

    async def _back_off(self, call: Call, error: UpstreamFailedError, tries: int) -> None:
        """Wait before the next try, or raise the error if there must be none."""
        call.asked = False
        if call.delivered:
            raise error
        seed, left_s = f"{self.spec.id} {call.n}", self._ledger.seconds_left()
        wait_s = self._around.retries.pause_s(error, tries, seed=seed, left_s=left_s)
        call.failing = f"{type(error).__name__}: {printable(str(error))}"
        log.warning(
            "rollout %s call %d try %d failed, next in %.1f s: %s",
            self.spec.id, call.n, tries, wait_s, call.failing,
        )  # fmt: skip
        self._waited_s += wait_s
        await self._around.sleep(wait_s)

    def _answered(self, call: Call, hold: Hold, body: Body, chunks: list[Body] | None) -> Answered:
        dialect = call.dialect
        tokens, believed = read_usage(body.get("usage"), hold.tokens, dialect)
        cost = call.voice.price.cost_microusd(tokens)
        self._settle(call, tokens, cost)
        if believed and self._ledger.capped:
            call.voice.bounds.learn(call.request.forward, tokens.input)
        alias = call.voice.role
        chunks = [dialect.named(chunk, alias) for chunk in chunks] if chunks is not None else None
        told = self._told(call, 200, dialect.named(body, alias))
        return replace(
            told,
            chunks=chunks,
            tokens=tokens + call.lost,
            cost_microusd=cost + call.lost_microusd,
            estimated=not believed or call.lost.total > 0,
        )

    def _told(self, call: Call, status: int, body: Body) -> Answered:
        """What the agent was told, at the cost of what was lost on the way."""
        return Answered(
            n=call.n,
            rollout=self.spec.id,
            request=call.request.digest,
            status=status,
            body=body,
            model=call.voice.model,
            role=call.voice.role,
            tokens=call.lost,
            cost_microusd=call.lost_microusd,
            estimated=call.lost_microusd > 0,
        )

    def _lose(self, call: Call, *, charged: bool) -> None:
        """Settle a try that brought no answer; it counts as the most that it can have cost if it may have been paid."""
        assert call.hold is not None
        hold = call.hold if charged else Hold(tokens=Tokens(), microusd=0)
        call.lose(hold)
        self._settle(call, hold.tokens, hold.microusd)

    def _settle(self, call: Call, tokens: Tokens, microusd: int) -> None:
        assert call.hold is not None
        self._ledger.settle(call.hold, tokens, microusd)
        call.hold = None
        self._settled.set()

    def _write_off(self, call: Call, status: int) -> None:
        """Settle a call that has no answer: at its maximum if it had been asked, and on record if it cost."""
        if call.hold is not None:
            hold = call.hold if call.asked else Hold(tokens=Tokens(), microusd=0)
            self._settle(call, hold.tokens, hold.microusd)
            call.lose(hold)
        if call.answered is not None:
            self._record(call, replace(call.answered, status=status), journal=False)
        elif call.lost.total:
            self._record(call, replace(self._told(call, status, {}), estimated=True), journal=False)

    def blame(self, why: str, *, outage: bool = False) -> None:
        """The machine failed this rollout: its result is void. The first reason counts."""
        why = printable(why)
        if self.fault is None:
            self.fault, self._outage = why, outage
        log.error("rollout %s failed by the machine: %s", self.spec.id, why)

    def _record(self, call: Call, answered: Answered, *, journal: bool) -> None:
        self._log.add(call, answered, self._around.clock() - call.started, journal=journal)


def _not_spoken(dialect: Dialect, apis: frozenset[Api]) -> RequestRejectedError:
    ways = " or ".join(DIALECTS[api].path for api in sorted(apis))
    message = f"The model is not available through {dialect.path}; use {ways}."
    error = error_body(message, kind="invalid_request_error", code="unsupported_api")
    return RequestRejectedError(404, error)


def printable(text: str) -> str:
    """`text` on one line, what could steer a terminal as escapes: providers repeat what agents sent them."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
