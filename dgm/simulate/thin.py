"""Do children of parents with few results turn out worse? A child is made from its parent's logs.

Scores cannot tell: a parent that was chosen for two wins of two looks worse later whatever its children are like. The
answer comes from draws of all abilities together (`dgm.simulate.chains`), with the mean change of a child falling by
`thin` (1 - results / RICH) for parents with fewer than RICH results, beside what depth does to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dgm.simulate.chains import GROUPS, RICH
from dgm.simulate.fitting import Estimate, Fit
from dgm.simulate.past import Past

ENOUGH = 200
"""Children from which on something can be said."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Children of parents with `low` to `high` results (None: any number more): how many, and their mean change."""

    low: int
    high: int | None
    children: int
    change: Estimate | None


@dataclass(frozen=True, kw_only=True)
class ThinLogs:
    """What a run says of children made from few logs.

    `effect` is how much worse a child of a parent without any results is than one of a parent with RICH or more, in
    logits; `missing` how many children lack for it to count.
    """

    children: int
    missing: int
    effect: Estimate
    groups: tuple[Group, ...]

    @property
    def shown(self) -> bool:
        """Whether the effect is there beyond doubt, or is there not enough to say."""
        return not self.missing and self.effect.low > 0


def thin_logs(past: Past, fit: Fit) -> ThinLogs:
    """What `fit`, made with a prior that lets thin logs matter, says of the children of `past`."""
    results = past.parent_results[past.parents >= 0]
    groups = []
    for n, (low, high) in enumerate(GROUPS):
        inside = (results >= low) & (results <= (np.inf if high is None else high))
        count = int(inside.sum())
        groups.append(
            Group(low=low, high=high, children=count, change=fit.estimate(f"change_{n}") if count else None)
        )
    return ThinLogs(
        children=past.children,
        missing=max(0, ENOUGH - past.children),
        effect=fit.estimate("thin"),
        groups=tuple(groups),
    )


def told(found: ThinLogs) -> list[str]:
    """The same in lines for people."""
    effect = found.effect
    lines = [
        f"Thin logs: a parent without results has children worse by {effect.mean:.2f} [{effect.low:+.2f}, "
        f"{effect.high:+.2f}] logits than one with {RICH} or more"
    ]
    lines += [
        f"  {_range(group):<16} {group.children:>5} children, mean change {group.change.mean:+.2f} "
        f"[{group.change.low:+.2f}, {group.change.high:+.2f}]"
        for group in found.groups
        if group.change is not None
    ]
    if found.missing:
        lines.append(
            f"  nothing can be said yet: {found.children} children, {found.missing} more are needed ({ENOUGH})"
        )
    elif found.shown:
        lines.append(
            "  thin logs make worse children here: the searches below count with it, and so does their floor"
        )
    else:
        lines.append(
            "  no effect of thin logs beyond doubt; the searches below and their floor count with the doubt"
        )
    return lines


def _range(group: Group) -> str:
    if group.high is None:
        return f"{group.low} or more"
    return f"{group.low} to {group.high} results"
