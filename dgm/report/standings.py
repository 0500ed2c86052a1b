"""The tree of a run: every agent with its counts, its belief, its clade and what its expansions came to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from archive import AgentId, Lineage
from dgm.cmp import clade_counts, posterior
from dgm.columns import attempts_of
from dgm.report.views import RunView


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One agent among the others: own and clade counts, belief with 95 % interval, what its expansions came to.

    `best` says that it is the best-belief agent of the search, `winner` that it won the confirmation.
    """

    agent: AgentId
    parent: AgentId | None
    depth: int
    resolved: int
    evaluations: int
    mean: float
    interval: tuple[float, float]
    clade_resolved: int
    clade_evaluations: int
    cmp: float
    cmp_interval: tuple[float, float]
    expansions: Mapping[str, int]
    patch_bytes: int
    best: bool
    winner: bool


def standings(view: RunView) -> list[Standing]:
    """Every agent in the order in which they were made."""
    tree, lineage = view.tree(), Lineage(view.agents)
    own = {agent.id: tree.counts(agent.id) for agent in view.agents}
    attempts: dict[AgentId, Counter[str]] = defaultdict(Counter)
    for (parent, outcome), count in attempts_of(view.run).items():
        attempts[parent][outcome] = count
    best, finalists = tree.best(), view.finalists()
    found = []
    for agent in view.agents:
        counts, clade = own[agent.id], clade_counts(lineage, own, agent.id)
        belief, of_clade = posterior(counts), posterior(clade)
        found.append(
            Standing(
                agent=agent.id,
                parent=agent.parent,
                depth=agent.depth,
                resolved=counts.resolved,
                evaluations=counts.total,
                mean=belief.mean,
                interval=belief.interval(),
                clade_resolved=clade.resolved,
                clade_evaluations=clade.total,
                cmp=of_clade.mean,
                cmp_interval=of_clade.interval(),
                expansions=dict(sorted(attempts[agent.id].items())),
                patch_bytes=agent.patch_bytes,
                best=agent.id == best,
                winner=agent.id in [one.agent for one in finalists[:1]],
            )
        )
    return found


def tree_data(view: RunView) -> dict[str, object]:
    return view.headed(agents=[asdict(one) for one in standings(view)])


def tree_text(view: RunView) -> str:
    """The tree with one line per agent: counts, belief with interval, CMP, expansions that made no child."""
    children: dict[AgentId | None, list[Standing]] = defaultdict(list)
    for standing in standings(view):
        children[standing.parent].append(standing)
    lines: list[str] = []
    stack = [(root, "", "") for root in reversed(children[None])]
    while stack:
        standing, lead, below = stack.pop()
        lines.append(lead + _line(standing))
        sons = children[standing.agent]
        for place, son in reversed(list(enumerate(sons))):
            last = place == len(sons) - 1
            stack.append((son, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))
    return "\n".join(lines)


def _line(standing: Standing) -> str:
    low, high = standing.interval
    ticks = "".join(f"  {name} x{count}" for name, count in standing.expansions.items() if name != "child")
    return (
        f"{standing.agent[:10]}  {standing.resolved}/{standing.evaluations}"
        f"  {standing.mean:.2f} [{low:.2f}, {high:.2f}]"
        f"  clade {standing.clade_resolved}/{standing.clade_evaluations} {standing.cmp:.2f}{ticks}"
        + ("  <- best belief" if standing.best else "")
        + ("  <- winner" if standing.winner else "")
    )
