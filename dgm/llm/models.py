"""Which of a role's models answers a rollout."""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from dgm.llm.errors import GatewayConfigError

Shares = Mapping[str, float]
"""A role's models with their weights."""

BESIDE = ("diagnose", "judge")
"""Roles that an `improve` may ask besides its own, where a run gives them to models: what to change, and what to say to
what was changed.
"""

ROLES = ("solve", "improve", *BESIDE)


def known_roles(models: Mapping[str, object]) -> None:
    """Raise GatewayConfigError for a role that nobody plays."""
    for role in models:
        if role not in ROLES:
            raise GatewayConfigError(
                f"llm.models.{role}: no job asks for that role, only for {', '.join(ROLES)}"
            )


def shares_of(role: str, given: object) -> Shares:
    """From a model's name, or a mapping of names to weights. Raises GatewayConfigError."""
    if isinstance(given, str):
        return {given: 1.0}
    if not isinstance(given, Mapping) or not given:
        raise GatewayConfigError(
            f"llm.models.{role} must be a model's name, or names with their weights, got {given!r}"
        )
    for model, weight in given.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < 1e9:
            raise GatewayConfigError(f"llm.models.{role}.{model} must be a weight above 0, got {weight!r}")
    return {str(model): float(weight) for model, weight in given.items()}


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The roles whose models are not drawn by their weights alone but by what the run has learned of them.

    What a model achieves is divided by what it costs to the power of `frugality`.
    """

    shares: Mapping[str, Shares] = field(default_factory=dict)
    frugality: float = 1.0


NOTHING_LEARNED = Learned()

WAYS = ("weights", "bandit")
"""How a rollout's model is chosen; the first unless a config says otherwise."""


def learned(models: Mapping[str, object], choice: object, frugality: float) -> Learned:
    """From `llm.models`, `llm.choice` (a way, or a way per role) and `llm.frugality`. Raises GatewayConfigError."""
    ways = choice if isinstance(choice, Mapping) else dict.fromkeys(models, choice)
    for role, way in ways.items():
        if role not in models:
            raise GatewayConfigError(f"llm.choice.{role} is of a role that llm.models does not have")
        if way not in (None, *WAYS):
            raise GatewayConfigError(f"llm.choice must be {' or '.join(WAYS)}, for each role, got {way!r}")
    if not 0 <= frugality < 100:
        raise GatewayConfigError(f"llm.frugality must be at least 0 and below 100, got {frugality!r}")
    several = {role: shares_of(role, models[role]) for role, way in ways.items() if way == "bandit"}
    return Learned(
        shares={role: shares for role, shares in several.items() if len(shares) > 1}, frugality=frugality
    )


def chosen(shares: Shares, role: str, sample: bytes) -> str:
    """The model of a rollout with this sample: the same whenever and wherever it runs."""
    drawn = int.from_bytes(hashlib.sha256(sample + role.encode()).digest()[:8]) / 2**64
    models = sorted(shares)
    reached = list(accumulate(shares[model] for model in models))
    return models[min(bisect(reached, drawn * reached[-1]), len(models) - 1)]
