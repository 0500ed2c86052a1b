"""One open rollout: what its requests cost, what they were answered, and why it ended."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from dgm.llm.backends.base import Backend, Place
from dgm.llm.budget import FRAME_OVERHEAD, Hold, InputBounds, Ledger, read_usage
from dgm.llm.errors import (
    AllowanceSpentError,
    JournalError,
    MalformedAnswerError,
    RateLimitedError,
    RequestRejectedError,
    UpstreamFailedError,
    UpstreamUnavailableError,
)
from dgm.llm.journal import Answered, Journal
from dgm.llm.prices import FREE, Price
from dgm.llm.stream import assemble
from dgm.llm.values import CallRecord, Exchange, RolloutRecord, RolloutSpec, Spent, Tokens
from dgm.llm.wire import Body, ChatRequest, dump

log = logging.getLogger(__name__)

GONE = 499
"""Status of a call that was paid, but whose rollout had ended before the answer."""


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often and how long a failing provider is asked again, and when its silence counts as failing.

    A `retry-after` longer than `longest_s` gives up. A rollout that waits to its end while the provider, asked, has
    said nothing for `stalled_s` was failed by it; one that leaves by itself was not.
    """

    tries: int = 6
    first_s: float = 1.0
    factor: float = 2.0
    longest_s: float = 60.0
    stalled_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all rollouts of a gateway share."""

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    slots: asyncio.Semaphore
    parallel: int
    retries: Retries
    output_tokens: int


@dataclass
class Call:
    """One call on its way. `heard` is when the provider was asked, or last sent a part of the answer."""

    n: int
    chat: ChatRequest
    started: float
    hold: Hold | None = None
    asked: bool = False
    heard: float = 0.0
    delivered: bool = False
    failing: str | None = None
    answered: Answered | None = None
    lost: Tokens = field(default_factory=Tokens)
    lost_microusd: int = 0


class OpenRollout:
    """The state behind one socket. Lives in the gateway's event loop."""

    def __init__(
        self,
        spec: RolloutSpec,
        *,
        backend: Backend,
        price: Price | None,
        journal: Journal | None,
        around: Surroundings,
    ) -> None:
        self.spec = spec
        self.fault: str | None = None
        self.left = False
        self._model = backend.model(spec.role)
        self._backend = backend
        self._price = price or FREE
        self._journal = journal
        self._around = around
        self._ledger = Ledger(spec.allowance, around.clock)
        self._bounds = InputBounds()
        self._settled = asyncio.Event()
        self._parallel = asyncio.Semaphore(around.parallel)
        self._calls: list[CallRecord] = []
        self._exchanges: list[Exchange] = []
        self.kept_bytes = 0
        self._next = 0
        self._spent: Spent | None = None
        self._refused = 0
        self._waited_s = 0.0

    def refuse(self) -> None:
        """Count a request that was turned down."""
        self._refused += 1

    def begin(self, chat: ChatRequest) -> Call:
        """Give a request its number, in order of arrival. Raises `AllowanceSpentError`."""
        try:
            self._ledger.begin()
        except AllowanceSpentError as error:
            self._spent = self._spent or error.spent
            raise
        call = Call(self._next, chat, self._around.clock())
        self.kept_bytes += len(chat.raw)
        self._next += 1
        return call

    def recorded(self, call: Call) -> Answered | None:
        """The answer from the journal, if it stands there; it is then charged and on record."""
        found = self._journal.find(call.n, call.chat.digest) if self._journal else None
        if found is not None:
            self._ledger.charge(found.tokens, found.cost_microusd)
            if self._ledger.capped and found.status == 200 and not found.estimated:
                self._bounds.learn(call.chat.forward, found.tokens.input)
            self._record(call, found, journal=True)
        return found

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
                self._blame(f"the provider was failing when the time was up: {call.failing}")
            self._spent = self._spent or error.spent
            self._write_off(call, 403)
            raise
        except (UpstreamFailedError, JournalError) as error:
            self._blame(f"{type(error).__name__}: {error}")
            self._write_off(call, 502)
            raise
        except asyncio.CancelledError:
            silent_s = self._around.clock() - call.heard
            if call.failing is not None:
                self._blame(f"the provider was failing when the rollout ended: {call.failing}")
            elif call.asked and not self.left and silent_s >= self._around.retries.stalled_s:
                self._blame(f"the provider had not answered for {silent_s:.0f} s when the rollout ended")
            self._write_off(call, GONE)
            raise
        except BaseException as error:
            self._blame(f"the gateway failed: {type(error).__name__}: {error}")
            log.exception("rollout %s call %d: a mistake of the gateway or its backend", self.spec.id, call.n)
            self._write_off(call, 500)
            raise
        self._record(call, call.answered, journal=False)
        return call.answered

    def close(self) -> RolloutRecord:
        """The record, once no call is on its way any more."""
        for answered in self._journal.unused(self.spec.id) if self._journal else ():
            self._calls.append(self._call_record(self._next, answered, 0.0, journal=True))
            self._next += 1
        if self._journal is not None:
            self._journal.close()
        return RolloutRecord(
            id=self.spec.id,
            calls=tuple(sorted(self._calls, key=lambda call: call.n)),
            exchanges=tuple(sorted(self._exchanges, key=lambda exchange: exchange.n)),
            spent=self._spent,
            fault=self.fault,
            refused=self._refused,
            waited_s=self._waited_s,
        )

    async def _write_down(self, answered: Answered) -> None:
        """Journal an answer. A write that has begun is waited for even when the rollout is being closed."""
        if self._journal is None:
            return
        writing = asyncio.get_running_loop().run_in_executor(None, self._journal.append, answered)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            raise

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
                return self._told(
                    call,
                    error.status,
                    error.body,
                    None,
                    call.lost,
                    call.lost_microusd,
                    call.lost_microusd > 0,
                )
            except UpstreamFailedError as error:
                self._lose(call, charged=error.charged)
                await self._back_off(call, error, tries)

    async def _hold(self, call: Call) -> None:
        """Put the call's maximum aside; wait for calls in flight if it fits only once they have settled."""
        chat, ledger = call.chat, self._ledger
        size = self._bounds.bound(chat.forward) if ledger.capped else len(chat.raw) + FRAME_OVERHEAD
        wanted = min(chat.output_limit or self._around.output_tokens, self._around.output_tokens)
        while True:
            call.hold = ledger.hold(input_tokens=size, output_tokens=wanted, price=self._price)
            if call.hold is not None:
                return
            self._settled.clear()
            await self._settled.wait()

    async def _try(
        self, call: Call, hold: Hold, deliver: Callable[[Body], Awaitable[None]] | None
    ) -> tuple[Body, list[Body] | None]:
        request = {**call.chat.forward, "max_completion_tokens": hold.tokens.output}
        spec = self.spec
        place = Place(decision=spec.decision, rollout=spec.id, role=spec.role, sample=spec.sample, n=call.n)
        queued = self._around.clock()
        try:
            async with asyncio.timeout(self._ledger.seconds_left()), self._parallel, self._around.slots:
                self._waited_s += self._around.clock() - queued
                call.asked, call.heard = True, self._around.clock()
                if deliver is None:
                    body = await self._backend.complete(request, place)
                    return _checked(body), None
                chunks: list[Body] = []
                async with aclosing(self._backend.stream(request, place)) as stream:
                    async for chunk in stream:
                        chunks.append(chunk)
                        call.delivered, call.heard = True, self._around.clock()
                        await deliver(chunk)
                return _checked(assemble(chunks)), chunks
        except TimeoutError as error:
            raise AllowanceSpentError(Spent.SECONDS) from error

    async def _back_off(self, call: Call, error: UpstreamFailedError, tries: int) -> None:
        """Wait before the next try, or raise the error if there must be none."""
        retries = self._around.retries
        call.asked = False
        if not error.retryable or call.delivered or tries >= retries.tries:
            raise error
        wait_s = min(retries.longest_s, retries.first_s * retries.factor ** (tries - 1)) * self._jitter(
            call, tries
        )
        if isinstance(error, RateLimitedError | UpstreamUnavailableError) and error.retry_after_s is not None:
            wait_s = max(error.retry_after_s, 0.0)
            if wait_s > retries.longest_s:
                raise error
        left = self._ledger.seconds_left()
        if left is not None and wait_s >= left:
            raise error  # the provider's failure, not the rollout's slowness, has used up its time
        call.failing = f"{type(error).__name__}: {printable(str(error))}"
        log.warning(
            "rollout %s call %d try %d failed, next in %.1f s: %s",
            self.spec.id, call.n, tries, wait_s, call.failing,
        )  # fmt: skip
        self._waited_s += wait_s
        await self._around.sleep(wait_s)

    def _jitter(self, call: Call, tries: int) -> float:
        """Between 0.75 and 1.25, so that rollouts that failed together do not come back together."""
        seed = f"{self.spec.id} {call.n} {tries}".encode()
        return 0.75 + hashlib.sha256(seed).digest()[0] / 512

    def _answered(self, call: Call, hold: Hold, body: Body, chunks: list[Body] | None) -> Answered:
        tokens, believed = read_usage(body.get("usage"), hold.tokens)
        cost = self._price.cost_microusd(tokens)
        self._settle(call, tokens, cost)
        if believed and self._ledger.capped:
            self._bounds.learn(call.chat.forward, tokens.input)
        estimated = not believed or call.lost.total > 0
        alias = {"model": self.spec.role}
        chunks = [chunk | alias for chunk in chunks] if chunks is not None else None
        return self._told(
            call, 200, body | alias, chunks, tokens + call.lost, cost + call.lost_microusd, estimated
        )  # fmt: skip

    def _told(
        self,
        call: Call,
        status: int,
        body: Body,
        chunks: list[Body] | None,
        tokens: Tokens,
        cost: int,
        estimated: bool,
    ) -> Answered:
        return Answered(
            n=call.n,
            rollout=self.spec.id,
            request=call.chat.digest,
            status=status,
            body=body,
            chunks=chunks,
            model=self._model,
            tokens=tokens,
            cost_microusd=cost,
            estimated=estimated,
        )

    def _lose(self, call: Call, *, charged: bool) -> None:
        """Settle a try that brought no answer; it counts as the most that it can have cost if it may have been paid."""
        assert call.hold is not None
        hold = call.hold if charged else Hold(tokens=Tokens(), microusd=0)
        call.lost += hold.tokens
        call.lost_microusd += hold.microusd
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
            call.lost += hold.tokens
            call.lost_microusd += hold.microusd
        if call.answered is not None:
            self._record(call, replace(call.answered, status=status), journal=False)
        elif call.lost.total:
            answered = self._told(call, status, {}, None, call.lost, call.lost_microusd, True)
            self._record(call, answered, journal=False)

    def _blame(self, why: str) -> None:
        why = printable(why)
        self.fault = self.fault or why
        log.error("rollout %s failed by the machine: %s", self.spec.id, why)

    def _record(self, call: Call, answered: Answered, *, journal: bool) -> None:
        exchange = Exchange(
            n=call.n, request=call.chat.raw, response=dump(answered.body), status=answered.status
        )
        record = self._call_record(
            call.n, answered, self._around.clock() - call.started, journal=journal, of=exchange
        )
        self._calls.append(record)
        self._exchanges.append(exchange)
        self.kept_bytes += len(exchange.response)

    def _call_record(
        self, n: int, answered: Answered, latency_s: float, *, journal: bool, of: Exchange | None = None
    ) -> CallRecord:
        paid_here = not journal or answered.rollout == self.spec.id
        return CallRecord(
            n=n,
            model=answered.model,
            role=self.spec.role,
            status=answered.status,
            tokens=answered.tokens,
            cost_microusd=answered.cost_microusd if paid_here else 0,
            latency_s=latency_s,
            journal=journal,
            estimated=answered.estimated,
            request=hashlib.sha256(of.request).hexdigest() if of else "",
            response=hashlib.sha256(of.response).hexdigest() if of else "",
        )


def printable(text: str) -> str:
    """`text` on one line, what could steer a terminal as escapes: providers repeat what agents sent them."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _checked(body: Body) -> Body:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
        raise MalformedAnswerError("the answer has no choices[0].message")
    return body
