"""Schemas of the choices that are dataclasses of ours, policies and worlds: the keys are the fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, make_dataclass
from functools import partial
from types import GenericAlias
from typing import Any, get_args, get_origin, get_type_hints

from dgm.policies import Attempts, Darwin, Greedy, Huxley, Hyper, Pedigree, Sica, Uniform
from dgm.schemas import MISSING
from dgm.simulate import Inherited, Plateaus, Rasch, Setting, Skills, Sparse

CHOICES: dict[str, tuple[str, tuple[type, ...]]] = {
    "policy": ("dgm.policies", (Huxley, Uniform, Darwin, Hyper, Sica, Greedy, Pedigree, Attempts)),
    "world": ("dgm.simulate", (Rasch, Inherited, Sparse, Plateaus, Skills)),
}
"""Group -> where its classes are found, and which they are."""

NOT_SET = ("version",)
"""Fields that are no keys: a policy's version is the program's to tell."""


def schemas() -> Iterator[tuple[str, str, type]]:
    """Group, name and schema of each choice."""
    for group, (package, choices) in CHOICES.items():
        for made in choices:
            yield group, f"{made.__name__.lower()}_schema", schema(made, package)


def schema(made: Any, package: str) -> type:
    """The keys of `made`, a dataclass whose fields all have defaults: its target, its name if it has one, the others.

    A tuple is a list in a configuration.
    """
    types = get_type_hints(made)
    keys = [one for one in fields(made) if one.name not in NOT_SET]
    keys.sort(key=lambda one: one.name != "name")
    target = f"{package}.{made.__name__}"
    return make_dataclass(
        f"{made.__name__}Config",
        [
            ("_target_", str, field(default=target)),
            *((one.name, *_as_configured(types[one.name], one.default)) for one in keys),
        ],
    )


def _as_configured(kind: Any, default: Any) -> tuple[Any, Any]:
    """Type and default of a key."""
    if get_origin(kind) is tuple:
        return GenericAlias(list, get_args(kind)[:1]), field(default_factory=partial(list, default))
    return kind, field(default=default)


@dataclass
class SimulateConfig:
    """`seeds` searches from `first_seed` on, in `processes` processes (0: one per core)."""

    policy: Any = MISSING
    world: Any = MISSING
    budget: Any = field(default_factory=schema(Setting, "dgm.simulate"))
    seeds: int = 200
    first_seed: int = 1000
    processes: int = 0
