"""What tells runs apart: names for groups of runs whose configurations differ in nothing but the seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dgm.schemas import leaves

Json = Mapping[str, Any]

NO_DIFFERENCE = frozenset(
    {
        *("name", "seed", "runs_dir", "display", "grace_s", "benchmark.path", "llm.cache"),
        *("policy.like", "operator.run", "llm.run"),  # another run for each seed
        *("workers._target_", "workers._partial_", "workers.address"),
    }
)
"""Dotted keys by which a run is no other one: where it runs and how it is shown."""

FOLLOWS = object()
"""Stands for a value that follows from others, so that it tells nothing apart."""


def group_names(configs: Sequence[Json]) -> list[str]:
    """Of each run what its configuration has that others' do not, as `key=value`; of runs that are all alike their
    policy. Runs with the same name make a group.

    A choice of a group goes by its name: `policy=darwin`; its own keys are only told where runs of the same choice
    differ in them.
    """
    known = [dict(_telling(config)) for config in configs]
    chosen = [_choices(config) for config in configs]
    names = []
    for mine, choices in zip(known, chosen, strict=True):
        parts = [f"{key}={value}" for key, value in choices.items() if _differs(key, choices, chosen)]
        for key in dict.fromkeys(key for one in known for key in one):
            kin = [
                other
                for other, theirs in zip(known, chosen, strict=True)
                if theirs.get(_top(key)) == choices.get(_top(key))
            ]
            if mine.get(key) is not FOLLOWS and _differs(key, mine, kin):
                parts.append(f"{key}={mine.get(key)}")
        names.append(", ".join(parts) or f"policy={choices.get('policy', '?')}")
    return names


def _differs(key: str, mine: Json, others: Sequence[Json]) -> bool:
    values = (other.get(key) for other in (mine, *others))
    return len({repr(value) for value in values if value is not FOLLOWS}) > 1


def _choices(config: Json) -> dict[str, str]:
    """Config group -> name of what was chosen there."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and f"{key}._target_" not in NO_DIFFERENCE:
            name = value.get("name") or str(value.get("_target_", "")).rpartition(".")[2]
            found |= {key: str(name)} if name else {}
    return found


def _telling(config: Json) -> Iterator[tuple[str, object]]:
    """Dotted keys that tell runs apart and are no names of choices, with their values."""
    matched = config.get("policy", {}).get("like") is not None  # as many attempts as that run could pay for
    for key, value in leaves(config):
        names_choice = key.count(".") == 1 and key.endswith((".name", "._target_"))
        if key not in NO_DIFFERENCE and not names_choice:
            yield key, FOLLOWS if matched and key == "budget.test_repeats" else value


def _top(key: str) -> str:
    return key.partition(".")[0]
