"""What the best few actions may come to, as a decision row tells it.

Abilities are logits that mean little to a reader, so they are told as the share of the search tasks that an agent of
such an ability resolves: S(m) is the mean over the tasks of P(resolved). An agent at N(m, v) is told as the mean share
and (S(m + sqrt v) - S(m - sqrt v)) / 2, a child as the same at N(m + drift, v + step). Both are of an agent that works;
how likely it does not is told beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from dgm.policies.pedigree.messages import Floats
from dgm.policies.pedigree.sites import chance


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The mean and the standard deviation of a share of resolved tasks."""

    mean: float
    sd: float


def reach(m: float, v: float, tm: Floats, tv: Floats) -> Reach:
    """The share of the tasks at (`tm`, `tv`) that a working agent of ability N(m, v) resolves."""
    sd = v**0.5
    return Reach(mean=_share(m, tm, v + tv), sd=(_share(m + sd, tm, tv) - _share(m - sd, tm, tv)) / 2)


def _share(m: float, tm: Floats, variance: Floats) -> float:
    return float(chance(m - tm, variance).p.mean())
