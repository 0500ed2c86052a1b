"""Which of a role's models answers a rollout."""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Mapping
from itertools import accumulate

from dgm.llm.errors import GatewayConfigError

Shares = Mapping[str, float]
"""A role's models with their weights."""


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


def chosen(shares: Shares, role: str, sample: bytes) -> str:
    """The model of a rollout with this sample: the same whenever and wherever it runs."""
    drawn = int.from_bytes(hashlib.sha256(sample + role.encode()).digest()[:8]) / 2**64
    models = sorted(shares)
    reached = list(accumulate(shares[model] for model in models))
    return models[min(bisect(reached, drawn * reached[-1]), len(models) - 1)]
