"""Who answers in a rollout: for each role that the agent may ask, one model with its price."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from dgm.llm.backends.base import Backend
from dgm.llm.budget import InputBounds
from dgm.llm.cache import Keys
from dgm.llm.prices import FREE, Price, PriceTable
from dgm.llm.values import RolloutSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One role in one rollout. `bounds` and `keys` learn from its calls: each model counts tokens in its own way."""

    role: str
    model: str
    price: Price
    keys: Keys
    bounds: InputBounds = field(default_factory=InputBounds)


def voices(spec: RolloutSpec, backend: Backend, prices: PriceTable) -> Mapping[str, Voice]:
    """By role. Raises `UnknownRoleError`, or `UnknownPriceError` where money is capped."""
    drawn = {spec.role: spec.model, **spec.beside}
    models = {role: model or backend.model(role, spec.sample) for role, model in drawn.items()}
    if spec.allowance.microusd is not None:
        prices.require(models.values())
    for model in set(models.values()):
        if prices.get(model) is None:
            log.warning("the price of model %r is unknown: its calls are recorded as costing nothing", model)
    return {
        role: Voice(role=role, model=model, price=prices.get(model) or FREE, keys=Keys(model, spec.sample))
        for role, model in models.items()
    }
