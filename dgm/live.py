"""What of a configuration may change while its search goes on: by the rules of a run that goes on after a stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dgm.config import differences, with_value
from dgm.errors import ConfigError
from dgm.llm.upstreams import Replay
from dgm.prepare import Prepared, check_values, follows_cluster, money_of, settings
from dgm.resume import NOTED, refuse_shrinkage
from dgm.schemas import fixed
from dgm.search import Settings
from dgm.steering import Changed
from dgm.width import ALL, asked_width, most_of, width_of

LIVE = (
    "budget.evaluations",
    "budget.expansions",
    "budget.confirm",
    "budget.finalists",
    "budget.test_repeats",
    "budget.usd",
    "workers.slots",
    "workers.width",
)
"""Keys that a running driver can change; the others of `budget` and `workers` are given to its next start."""


class LiveConfig:
    """The configuration of a running driver, whose pool has so many `slots`; see `dgm.steering.Changes`.

    On a cluster whose slots come and go the pool is told only the most, as `workers.slots` says it.
    """

    def __init__(self, prepared: Prepared, slots: int) -> None:
        self._prepared = prepared
        self._slots = slots
        self._follows = prepared.share is None and follows_cluster(prepared.config)
        self._noted: dict[str, Mapping[str, Any]] = {key: prepared.config[key] for key in NOTED}

    def changed(self, values: Mapping[str, str]) -> Changed[Settings]:
        config = {**self._prepared.config, **self._noted}
        for key, text in values.items():
            self._refuse(key, text)
            config = dict(with_value(config, key, text))
        check_values(config)
        refuse_shrinkage(self._noted["budget"], config["budget"])
        money = money_of(config["budget"], self._prepared.upstream)
        kinds = {key: (self._noted[key], config[key]) for key in NOTED if self._noted[key] != config[key]}
        share = self._prepared.share  # beside other searches its slots are not for it to change
        bounds = settings(config, config["budget"])
        asked, slots = asked_width(config["workers"].get("width", ALL)), int(config["workers"]["slots"])
        width: int | None
        if self._follows:
            width = most_of(asked, bounds.evaluations)
        else:
            slots = share.slots if share else slots or self._slots
            width = width_of(asked, slots, bounds.evaluations)
        return Changed(
            settings=replace(bounds, money=money, width=width),
            slots=slots,
            kinds=kinds,
            lines=[
                line for kind, (before, after) in kinds.items() for line in differences(before, after, kind)
            ],
        )

    def accept(self, changed: Changed[Settings]) -> None:
        self._slots = changed.slots
        self._noted.update({kind: after for kind, (_, after) in changed.kinds.items()})

    def _refuse(self, key: str, text: str) -> None:
        if key not in LIVE:
            otherwise = fixed(key) or f"stop it, and give {key}={text} to its command"
            raise ConfigError(
                f"{key} cannot change while a search goes on, only {', '.join(LIVE)}: {otherwise}"
            )
        if key.startswith("workers.") and isinstance(self._prepared.upstream, Replay):
            raise ConfigError(f"{key}: a search that is done again goes by what was recorded")
        if key == "workers.slots" and self._prepared.share:
            own = self._prepared.share.slots
            raise ConfigError(
                f"workers.slots: this search goes on beside others and has {own} of the slots; workers.width"
                f" can change, at most to {own}"
            )
        if key == "workers.slots" and text.strip() == "0" and not self._follows:
            raise ConfigError("workers.slots must be at least 1 to change while a search goes on, got 0")
