"""What crosses the wall between a job and the gateway: what a rollout may use, and what it did.

Money is integer micro-dollars, tokens are counts, times are float seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path

from archive.records import Usage

OUTPUT_TOKENS = 16_384
"""The output limit of a call that sets none, and the highest that one may set, unless a config says otherwise."""


class Spent(StrEnum):
    """Which part of an allowance ran out first."""

    CALLS = "calls"
    TOKENS = "tokens"
    MONEY = "microusd"
    SECONDS = "seconds"


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What one rollout may use; None is no limit. `tokens` counts input and output, `seconds` from its
    opening.
    """

    calls: int | None = None
    tokens: int | None = None
    microusd: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            if value is not None and value < 0:
                raise ValueError(f"an allowance must not be negative, got {part.name}={value}")


@dataclass(frozen=True, kw_only=True)
class RolloutSpec:
    """One rollout that is about to run.

    `id` is the job's, `decision` the number of the decision that asked for it, `attempt` counts from 1.
    `role` is both what the rollout does and the model name that the agent uses; `beside` are other roles that it may
    ask too, out of the same allowance. `sample` seeds the model's sampling where the backend can be seeded. `journal`
    is the decision's journal: the same path for each of its tries, and no two rollouts at once.
    `model` is the one that was drawn for `role`, and the values of `beside` those for the others; None where the
    weights of the role's models say.
    """

    id: str
    decision: int
    attempt: int = 1
    role: str
    sample: bytes
    allowance: Allowance = Allowance()
    journal: Path | None = None
    model: str | None = None
    beside: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The model names that the agent may use, its own first."""
        return self.role, *self.beside

    def __post_init__(self) -> None:
        if len(self.sample) != 16:
            raise ValueError(f"a rollout's sample must be 16 bytes, got {len(self.sample)}")


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What one call used. `cached` is part of `input`, `reasoning` part of `output`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            input=self.input + other.input,
            cached=self.cached + other.cached,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
        )


@dataclass(frozen=True, kw_only=True)
class CallRecord:
    """One call that was answered, `n` counting from 0 in the order of arrival.

    `model` is the one that was paid, never the alias. `status` is the HTTP status that the agent saw; 499
    when it was gone before the answer. `journal`: answered from the journal; its cost is then counted here
    only if it was paid under this rollout's own id, that is, before the machine was killed, so that costs
    summed over rows are what was paid. `estimated`: charged at the most that it can have cost, for want of
    believable figures. `cache`: the answer is one that another rollout had bought, and cost nothing. `request` and
    `response` are SHA-256 digests of the bytes in the exchange with the same `n`; both are empty for a call that an
    earlier life of this rollout paid and this one did not ask for again.
    """

    n: int
    model: str
    role: str
    status: int
    tokens: Tokens
    cost_microusd: int
    latency_s: float
    journal: bool
    estimated: bool
    request: str
    response: str
    cache: bool = False


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """The JSON of one call as it came from and went to the agent; a stream put together as one answer."""

    n: int
    request: bytes
    response: bytes
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class RolloutRecord:
    """What a rollout did with its door.

    `spent`: the first part of the allowance that a request did not fit in. `fault`: the machine failed it
    (the provider, the journal), so that its result is void; `outage`: by a provider that was not there, too busy or
    silent, which may pass by itself. `refused` counts requests that the door turned
    down, those after the allowance was spent included. `waited_s` is time in which calls stood in our queue
    or backed off.
    """

    id: str
    calls: tuple[CallRecord, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    spent: Spent | None = None
    fault: str | None = None
    outage: bool = False
    refused: int = 0
    waited_s: float = 0.0

    @property
    def usage(self) -> Usage:
        """The sum over the calls."""
        return Usage(
            calls=len(self.calls),
            input_tokens=sum(call.tokens.input for call in self.calls),
            cached_tokens=sum(call.tokens.cached for call in self.calls),
            output_tokens=sum(call.tokens.output for call in self.calls),
            reasoning_tokens=sum(call.tokens.reasoning for call in self.calls),
            cost_microusd=sum(call.cost_microusd for call in self.calls),
        )
