"""Whose answers a run holds, a model's or the stand-in's. A run that replays another one is followed back to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import archive
from archive import ArchiveError, Json

FARTHEST = 10
"""Replays of replays that are followed; runs that replay each other would never end."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """`replayed` are the runs whose answers were taken, the nearest first. `rehearsed` says that the stand-in, not a
    model, answered the last of them (without any: this one); None when that cannot be read."""

    replayed: tuple[str, ...] = ()
    rehearsed: bool | None


def origin(config: Json) -> Origin:
    """Where the answers come from in a run with this configuration."""
    replayed: list[str] = []
    while len(replayed) < FARTHEST:
        llm = config.get("llm")
        name = llm.get("name") if isinstance(llm, Mapping) else None
        if not isinstance(llm, Mapping) or name != "replay":
            return Origin(replayed=tuple(replayed), rehearsed=name == "rehearsal")
        replayed.append(str(llm.get("run")))
        try:
            with archive.open(Path(replayed[-1])) as recorded:
                config = recorded.info.config
        except ArchiveError:
            break
    return Origin(replayed=tuple(replayed), rehearsed=None)
