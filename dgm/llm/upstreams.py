"""Which models answer, as settings that travel: the backend itself is made on the node that uses it.

A backend may hold a key and open connections, so it never leaves its process; an upstream holds neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dgm.llm.backends import Backend, OpenAIBackend, Recorded, RehearsalBackend, ReplayBackend
from dgm.llm.backends.openai import INPUT_BYTES
from dgm.llm.backends.probe import trouble_at
from dgm.llm.errors import UnknownRoleError
from dgm.llm.lanes import LaneLimits
from dgm.llm.models import BESIDE, NOTHING_LEARNED, Learned, Shares, known_roles, learned, shares_of
from dgm.llm.prices import PriceTable
from dgm.llm.recordings import recorded_calls
from dgm.llm.values import OUTPUT_TOKENS


class Upstream(Protocol):
    """`real` says that model-written code that was not rehearsed may come of it: only the strongest sandbox will do."""

    @property
    def name(self) -> str: ...

    @property
    def real(self) -> bool: ...

    def backend(self, environ: Mapping[str, str]) -> Backend:
        """The backend, on this node. Raises GatewayConfigError, MissingKeyError or an ArchiveError."""

    def models_of(self, role: str) -> Shares:
        """The names under which calls of a role may be priced, with their weights. Raises UnknownRoleError."""

    def beside(self) -> tuple[str, ...]:
        """The roles with models of their own that an `improve` may ask besides its own. Raises an ArchiveError."""

    def learned(self) -> Learned:
        """The roles whose models are learned as the run goes on. Raises GatewayConfigError."""

    def prices(self) -> PriceTable: ...

    def answers(self) -> Path | None:
        """The directory where this provider's answers are kept from one run for the next."""

    def lanes(self) -> Mapping[str, LaneLimits]:
        """What each model may be asked on one node. Raises GatewayConfigError."""

    def longest(self) -> int:
        """The output limit of a call that sets none, and the highest that one may set; in tokens."""

    def trouble(self, environ: Mapping[str, str]) -> str | None:
        """What is wrong with the provider now; None if it answers. Costs nothing."""


REHEARSAL, REPLAY = "rehearsal", "replay"
"""Names by which every reader of a run knows that no model answered; nothing else may have them."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The deterministic stand-in; `latency_s` delays each answer by so many seconds."""

    name: str = REHEARSAL
    latency_s: float = 0.0

    def __post_init__(self) -> None:
        _is_named(self.name, REHEARSAL)
        if self.latency_s < 0:
            raise ValueError(f"llm.latency_s must not be negative, got {self.latency_s}")

    @property
    def real(self) -> bool:
        return False

    def backend(self, environ: Mapping[str, str]) -> Backend:
        from dgm.llm.backends.rehearsal import reply  # here, because it reads all the katas

        return RehearsalBackend(reply, latency_s=self.latency_s)

    def models_of(self, role: str) -> Shares:
        return {RehearsalBackend.name: 1.0}

    def beside(self) -> tuple[str, ...]:
        return ()

    def learned(self) -> Learned:
        return NOTHING_LEARNED

    def prices(self) -> PriceTable:
        return PriceTable.packaged()

    def answers(self) -> Path | None:
        return None

    def lanes(self) -> Mapping[str, LaneLimits]:
        return {}

    def longest(self) -> int:
        return OUTPUT_TOKENS

    def trouble(self, environ: Mapping[str, str]) -> str | None:
        return None


@dataclass(frozen=True, kw_only=True)
class OpenAI:
    """A provider at `base_url`; `key_env` names the variable that holds the key.

    `api` is what it speaks: chat, responses or both; None is both at the official address and chat elsewhere.
    `models` maps the roles `solve` and `improve`, and `diagnose` and `judge` where an `improve` shall have others to
    ask, to the provider's model names, or to several with weights, of which each rollout gets one: by the weights, or
    with `choice` bandit (for all roles, or per role) by what the run has learned of each, success divided by cost to
    the power of `frugality`. `price` maps a model's name to dollars per million tokens (`input`, `cached`, `output`),
    `limits` to what it may be asked on one node (`concurrency`, `per_minute`). A request with more than `input_bytes`
    of text is turned down before the provider sees it; no answer may have more than `output_tokens`. `cache` is a
    directory of answers that runs share.
    """

    name: str = "openai"
    base_url: str
    key_env: str = "OPENAI_API_KEY"
    models: Mapping[str, str | Shares]
    api: str | None = None
    limit_field: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    price: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    timeout_s: float = 600.0
    input_bytes: int = INPUT_BYTES
    output_tokens: int = OUTPUT_TOKENS
    cache: str | None = None
    choice: str | Mapping[str, str] | None = None
    frugality: float | None = None

    def __post_init__(self) -> None:
        if self.cache is not None and not Path(self.cache).is_absolute():
            raise ValueError(
                f"llm.cache must be an absolute path, the same on every node, got {self.cache!r}"
            )
        known_roles(self.models)
        if self.name in (REHEARSAL, REPLAY):
            raise ValueError(
                f"llm.name of a provider must not be {self.name}, which says that no model answers"
            )

    @property
    def real(self) -> bool:
        return True

    def backend(self, environ: Mapping[str, str]) -> Backend:
        return OpenAIBackend(
            models=self.models,
            environ=environ,
            base_url=self.base_url,
            key_variable=self.key_env,
            api=self.api,
            limit_field=self.limit_field,
            parameters=self.parameters,
            timeout_s=self.timeout_s,
            input_bytes=self.input_bytes,
        )

    def models_of(self, role: str) -> Shares:
        if role not in self.models:
            raise UnknownRoleError(role, tuple(self.models))
        return shares_of(role, self.models[role])

    def beside(self) -> tuple[str, ...]:
        return tuple(role for role in BESIDE if role in self.models)

    def learned(self) -> Learned:
        return learned(self.models, self.choice, 1.0 if self.frugality is None else self.frugality)

    def prices(self) -> PriceTable:
        return PriceTable.packaged(self.price)

    def answers(self) -> Path | None:
        if self.cache is None:
            return None
        asked: list[object] = [self.base_url, self.limit_field, dict(self.parameters)]
        if self.output_tokens != OUTPUT_TOKENS:
            asked.append(self.output_tokens)
        said = json.dumps(asked, sort_keys=True, default=str)
        return Path(self.cache) / hashlib.sha256(said.encode()).hexdigest()[:16]

    def lanes(self) -> Mapping[str, LaneLimits]:
        return {model: LaneLimits.of(model, entry) for model, entry in self.limits.items()}

    def longest(self) -> int:
        return self.output_tokens

    def trouble(self, environ: Mapping[str, str]) -> str | None:
        return trouble_at(self.base_url, environ.get(self.key_env, "").strip())


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The recorded answers of the run in the directory `run`."""

    name: str = REPLAY
    run: str

    def __post_init__(self) -> None:
        _is_named(self.name, REPLAY)

    @property
    def real(self) -> bool:
        return recorded_calls(Path(self.run)).real

    def backend(self, environ: Mapping[str, str]) -> Backend:
        calls: Mapping[tuple[int, int], Recorded] = recorded_calls(Path(self.run))
        return ReplayBackend(calls)

    def models_of(self, role: str) -> Shares:
        return {ReplayBackend.name: 1.0}

    def beside(self) -> tuple[str, ...]:
        asked = recorded_calls(Path(self.run)).roles
        return tuple(role for role in BESIDE if role in asked)

    def learned(self) -> Learned:
        return NOTHING_LEARNED

    def prices(self) -> PriceTable:
        return PriceTable.packaged()

    def answers(self) -> Path | None:
        return None

    def lanes(self) -> Mapping[str, LaneLimits]:
        return {}

    def longest(self) -> int:
        return OUTPUT_TOKENS

    def trouble(self, environ: Mapping[str, str]) -> str | None:
        return None


def _is_named(given: str, name: str) -> None:
    if given != name:
        raise ValueError(f"llm.name must be {name} here, since it says that no model answers; got {given!r}")
