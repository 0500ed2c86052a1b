"""How many jobs of one search are in flight (`workers.width`), and what many of them cost a short one."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

from dgm.errors import ConfigError

ALL, AUTO = "all", "auto"

ROUNDS = 100
"""Of `auto`: a search whose budget is at least so many times its width loses little by not waiting for results."""

FEW_ROUNDS = 40
"""Below so many, a search is told what its width costs."""

Asked = int | str
"""A value of `workers.width`: a number, `all` or `auto`."""

LOST = {
    267: (1.1, 0.5),
    160: (1.9, 0.6),
    100: (3.4, 1.2),
    67: (4.7, 1.3),
    40: (6.8, 2.1),
    27: (8.3, 2.5),
    16: (10.4, 3.8),
    8: (12.9, 5.0),
    4: (14.0, 5.3),
}
"""Rounds -> points of true accuracy that `pedigree` and `huxley` end lower than with one job at a time (simulated;
docs/algorithms.md, "Width")."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one of several searches may use: so many of the slots, on the cluster at `address` where there is one."""

    slots: int
    address: str | None = None


def asked_width(value: object) -> Asked:
    """The value of `workers.width` if it can be one. Raises ConfigError."""
    if value in (ALL, AUTO) and isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ConfigError(f"workers.width must be {ALL}, {AUTO} or a number from 1 to the slots, got {value!r}")


def width_of(asked: Asked, slots: int, evaluations: int) -> int:
    """How many jobs of a search with this budget may be in flight on so many slots. Raises ConfigError."""
    if asked == ALL:
        return slots
    if asked == AUTO:
        return max(1, min(slots, ceil(evaluations / ROUNDS)))
    width = int(asked)
    if width > slots:
        raise ConfigError(
            f"workers.width must be at most the {slots} slots that there are, got {width}: lower it, or raise"
            " workers.slots"
        )
    return width


def most_of(asked: Asked, evaluations: int) -> int | None:
    """How many jobs of a search may be in flight on a cluster whose slots come and go, None for as many as it has."""
    if asked == ALL:
        return None
    return ceil(evaluations / ROUNDS) if asked == AUTO else int(asked)


def told_rounds(evaluations: int, width: int) -> str:
    """How often a search can go by what it has seen: its rounds, and what they come from."""
    return f"{evaluations / width:.3g} = {evaluations} / {width}"


def warning(evaluations: int, width: int) -> str | None:
    """What to tell who starts a search of few rounds; None where there are enough."""
    if width == 1 or evaluations >= FEW_ROUNDS * width:
        return None
    rounds = max(evaluations / width, 1.0)
    near = min(LOST, key=lambda measured: abs(log(measured / rounds)))
    pedigree, huxley = LOST[near]
    return (
        f"width: {evaluations} evaluations with {width} jobs in flight are {rounds:.3g} rounds, so most jobs are chosen"
        f" before the results of the ones before are there. In simulation a search of {near} rounds found an agent that"
        f" resolves {pedigree:g} tasks of 100 fewer (pedigree; huxley {huxley:g}) than with one job at a time, one of"
        f" {ROUNDS} rounds {LOST[ROUNDS][0]:g} (huxley {LOST[ROUNDS][1]:g}): docs/algorithms.md, Width. It is over"
        f" sooner; for a better agent raise budget.evaluations, or take workers.width=auto (here"
        f" {width_of(AUTO, width, evaluations)})"
    )
