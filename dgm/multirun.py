"""Which searches of a multirun go side by side, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from dgm.beside import Planned, Tell, side_by_side
from dgm.config import Plain
from dgm.errors import ConfigError
from dgm.interrupts import Stops
from dgm.prepare import slots_of
from dgm.width import ALL, Share, asked_width, width_of

RAY = "dgm.workers.ray_pool.start"


def run_together(
    configs: Sequence[Plain], say: Tell, complain: Tell, at_once: int | None = None
) -> int | None:
    """Run these searches side by side. None if they are to be run one after another: no two fit the slots together, two
    are one run, or they do not name the same workers.

    `at_once` says how many go side by side, each with an even part of the slots; -1: all of them.
    """
    if len({(config["runs_dir"], config["name"]) for config in configs}) < max(2, len(configs)):
        return None
    if any(_place(config) != _place(configs[0]) for config in configs):
        return None
    workers = configs[0]["workers"]
    address = workers.get("address")
    slots = slots_of(configs[0])
    with ExitStack() as stack:
        if slots is None:
            from dgm.workers import ray_cluster  # here, since only a cluster needs Ray

            slots = ray_cluster.slots_at(str(address), workers.get("labels"))
            if not slots:
                return None  # each waits by itself
        shares = shares_of(configs, slots, at_once)
        if sum(sorted(shares)[:2]) > slots:
            return None
        stops = stack.enter_context(Stops())
        if workers.get("_target_") == RAY and address is None:
            from dgm.workers import ray_cluster

            address = stack.enter_context(ray_cluster.shared_cluster(slots))
        stops.count()
        planned = [
            Planned(
                name=str(config["name"]),
                config={**config, "display": "plain"},
                share=Share(slots=share, address=address),
            )
            for config, share in zip(configs, shares, strict=True)
        ]
        return side_by_side(planned, slots, say=say, complain=complain, stops=stops)


def _place(config: Plain) -> Plain:
    """Where a configuration wants its jobs to run."""
    return {key: value for key, value in config["workers"].items() if key != "width"}


def shares_of(configs: Sequence[Plain], slots: int, at_once: int | None = None) -> list[int]:
    """How many of the slots each search gets: its width, or with `at_once` (-1: all of them) an even part of them."""
    if at_once is None:
        return [_width(config, slots) for config in configs]
    searches = len(configs) if at_once == -1 else at_once
    part = slots // min(searches, len(configs), slots)
    asked = [config["workers"].get("width", ALL) for config in configs]
    return [
        max(part, _width(config, slots)) if isinstance(width, int) else part
        for config, width in zip(configs, asked, strict=True)
    ]


def _width(config: Plain, slots: int) -> int:
    """The slots of a search; for one that is refused as soon as it begins, all."""
    try:
        asked = asked_width(config["workers"].get("width", ALL))
        return width_of(asked, slots, int(config["budget"]["evaluations"]))
    except ConfigError:
        return slots
