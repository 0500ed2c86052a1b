"""The calls of one rollout: each on its way, and what is kept of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from dgm.llm.apis import DIALECTS, Dialect
from dgm.llm.budget import Hold
from dgm.llm.journal import Answered
from dgm.llm.values import CallRecord, Exchange, Tokens
from dgm.llm.voices import Voice
from dgm.llm.wire import ModelRequest, dump


@dataclass
class Call:
    """One call on its way.

    `key` names it in the cache, if there is one. `lowered`: its output limit is below what was asked for. `heard` is
    when the provider was asked, or last sent a part of the answer. `lost` and `lost_microusd` are what tries without an
    answer may have cost.
    """

    n: int
    request: ModelRequest
    voice: Voice
    started: float
    key: str = ""
    hold: Hold | None = None
    lowered: bool = False
    asked: bool = False
    heard: float = 0.0
    delivered: bool = False
    failing: str | None = None
    answered: Answered | None = None
    lost: Tokens = field(default_factory=Tokens)
    lost_microusd: int = 0

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.request.api]

    def lose(self, hold: Hold) -> None:
        """Add what a try may have cost that brought no answer."""
        self.lost += hold.tokens
        self.lost_microusd += hold.microusd


class CallLog:
    """What is kept of the calls of the rollout `rollout`, whose agent plays `role`."""

    def __init__(self, rollout: str, role: str) -> None:
        self._rollout = rollout
        self._role = role
        self._calls: list[CallRecord] = []
        self._exchanges: list[Exchange] = []
        self.kept_bytes = 0

    def add(self, call: Call, answered: Answered, latency_s: float, *, journal: bool) -> None:
        """A call that was answered."""
        exchange = Exchange(
            n=call.n, request=call.request.raw, response=dump(answered.body), status=answered.status
        )
        self._exchanges.append(exchange)
        self._calls.append(self._record(call.n, answered, latency_s, journal=journal, of=exchange))
        self.kept_bytes += len(exchange.response)

    def add_unused(self, n: int, answered: Answered) -> None:
        """A call that an earlier life of this rollout paid and this one did not ask for."""
        self._calls.append(self._record(n, answered, 0.0, journal=True))

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        return tuple(sorted(self._calls, key=lambda call: call.n))

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        return tuple(sorted(self._exchanges, key=lambda exchange: exchange.n))

    def _record(
        self, n: int, answered: Answered, latency_s: float, *, journal: bool, of: Exchange | None = None
    ) -> CallRecord:
        paid_here = not journal or answered.rollout == self._rollout
        return CallRecord(
            n=n,
            model=answered.model,
            role=answered.role or self._role,
            status=answered.status,
            tokens=answered.tokens,
            cost_microusd=answered.paid_microusd if paid_here else 0,
            latency_s=latency_s,
            journal=journal,
            estimated=answered.estimated,
            cache=answered.cache,
            request=hashlib.sha256(of.request).hexdigest() if of else "",
            response=hashlib.sha256(of.response).hexdigest() if of else "",
        )
