"""How many jobs a cluster takes, and on which of its nodes: read from what the nodes declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SLOTS = "dgm_slots"
"""The resource by which a node says how many jobs it takes at once."""

CORES = "CPU"
"""What counts where no node says so: a job for each core."""

ENGINE, DOCKER = "dgm-engine", "docker"
"""The label by which a node says which engine it has, and its value for one that runs containers."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node that is alive, and what it declares."""

    id: str
    resources: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Places:
    """What a job takes one of (`unit`), the labels its node must have, and how many jobs each such node takes.

    `unfit` are nodes that would take jobs if they had those labels, `alive` are all: a job may still run on
    one that takes no more of them.
    """

    unit: str = CORES
    labels: Mapping[str, str] = field(default_factory=dict)
    slots: Mapping[str, int] = field(default_factory=dict)
    unfit: tuple[Node, ...] = ()
    alive: frozenset[str] = frozenset()

    @property
    def total(self) -> int:
        return sum(self.slots.values())

    def lack(self) -> str:
        """Why no job can run, and what to do; nothing if one can."""
        if self.total:
            return ""
        start = f"""ray start --address=HOST:PORT --resources='{{"{SLOTS}": 8}}'"""
        if self.labels:
            start += f" --labels={_written(self.labels)}"
        if self.unfit:
            said = sorted({_written({k: node.labels.get(k, "") for k in self.labels}) for node in self.unfit})
            return (
                f"no node can serve: this run needs {_written(self.labels)}, and the {len(self.unfit)} nodes that take"
                f" jobs say {' or '.join(said)}; start one with `{start}`"
            )
        return (
            f"no node takes jobs: the cluster has {len(self.alive)} nodes and none of them {SLOTS} or cores;"
            f" start one with `{start}`"
        )


def taken_by(node: Node) -> int:
    """How many jobs a node takes by its own word."""
    return int(node.resources.get(SLOTS, 0) or node.resources.get(CORES, 0))


def places(
    nodes: Iterable[Node], labels: Mapping[str, str], *, docker: bool, before: Places | None = None
) -> Places:
    """Where jobs may run now.

    A cluster of which a node once declared slots, or its engine, goes by that for good: when such nodes have left, the
    others do not take their place. With `docker` jobs need an engine where nodes say which they have.
    """
    alive = tuple(nodes)
    wanted = dict(labels)
    told = any(ENGINE in node.labels for node in alive) or (before is not None and ENGINE in before.labels)
    if docker and told:
        wanted.setdefault(ENGINE, DOCKER)
    declared = (before is not None and before.unit == SLOTS) or any(
        node.resources.get(SLOTS, 0) > 0 for node in alive
    )
    unit = SLOTS if declared else CORES
    taking = [node for node in alive if node.resources.get(unit, 0) >= 1]
    fit = {
        node.id: int(node.resources[unit])
        for node in taking
        if all(node.labels.get(key) == value for key, value in wanted.items())
    }
    return Places(
        unit=unit,
        labels=wanted,
        slots=fit,
        unfit=tuple(node for node in taking if node.id not in fit),
        alive=frozenset(node.id for node in alive),
    )


def _written(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
