"""What tokens cost.

The packaged table carries its date; a config overrides or adds models. The stand-in `rehearsal` has a small,
made-up price, marked as such, so that a search without any provider exercises every money column and cap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Self

from dgm.llm.errors import GatewayConfigError, UnknownPriceError
from dgm.llm.values import Tokens


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one model costs, in nano-dollars per token (a dollar per million tokens is 1,000)."""

    input: int
    cached: int
    output: int
    made_up: bool = False

    @classmethod
    def of(cls, model: str, entry: Mapping[str, object]) -> Self:
        """From `{input, cached, output}` in dollars per million tokens; `cached` is as `input` if absent."""
        unknown = set(entry) - {"input", "cached", "output", "made_up"}
        if unknown:
            raise GatewayConfigError(f"llm.price.{model} has unknown keys {sorted(unknown)}")
        dollars = {key: entry.get(key, entry.get("input")) for key in ("input", "cached", "output")}
        if "output" not in entry:
            raise GatewayConfigError(f"llm.price.{model}.output must be set, in dollars per million tokens")
        nano = {}
        for key, value in dollars.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
                raise GatewayConfigError(
                    f"llm.price.{model}.{key} must be dollars per million tokens, at least 0, got {value!r}"
                )
            nano[key] = round(value * 1000)
        if nano["cached"] > nano["input"]:
            raise GatewayConfigError(f"llm.price.{model}.cached must not be above llm.price.{model}.input")
        return cls(**nano, made_up=entry.get("made_up") is True)

    def cost_microusd(self, tokens: Tokens) -> int:
        """Micro-dollars of one call, rounded up."""
        fresh = tokens.input - tokens.cached
        nano = fresh * self.input + tokens.cached * self.cached + tokens.output * self.output
        return -(-nano // 1000)

    def most_microusd(self, tokens: int) -> int:
        """Micro-dollars that so many tokens can cost, input and output taken together."""
        return -(-tokens * max(self.input, self.output) // 1000)


FREE = Price(input=0, cached=0, output=0)


@dataclass(frozen=True)
class PriceTable:
    """Prices by model name, as of `date`."""

    date: str
    prices: Mapping[str, Price]

    @classmethod
    def packaged(cls, overrides: Mapping[str, Mapping[str, object]] | None = None) -> Self:
        """The table in the package, with the entries of the config over it."""
        table = json.loads(resources.files("dgm.llm").joinpath("prices.json").read_text("utf-8"))
        entries = {**table["models"], **(overrides or {})}
        return cls(table["date"], {model: Price.of(model, entry) for model, entry in entries.items()})

    def get(self, model: str) -> Price | None:
        return self.prices.get(model)

    def require(self, models: Iterable[str]) -> None:
        """Raise `UnknownPriceError` for the first model without a price: money cannot be capped with it."""
        for model in models:
            if model not in self.prices:
                raise UnknownPriceError(model)
