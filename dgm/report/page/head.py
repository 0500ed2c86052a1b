"""What the page says before anything else: which run, who won, by how much, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Mapping

from archive import Lineage
from dgm.errors import LookUpError
from dgm.report.finals import best_data
from dgm.report.page.tables import OUTCOMES
from dgm.report.views import RunView


def head_data(view: RunView, name: str) -> Mapping[str, object]:
    """Facts about the run and its winner. `winner` and `line`, from the seed to it, are agents by their number."""
    run = view.run
    config = run.info.config
    return view.headed(
        name=name,
        id=run.info.id,
        seed=run.info.seed,
        policy=_named(config, "policy"),
        benchmark=_named(config, "benchmark"),
        llm=_named(config, "llm"),
        seq=run.next_seq,
        outcomes=OUTCOMES,
        agents=len(view.agents),
        open=len(view.tree().open),
        **_winner(view),
    )


def order_of_interest(view: RunView) -> list[int]:
    """All agents by their number, those first whom people ask for first: the winner and its line, who met in the end,
    the best-belief agents, then the others by age."""
    try:
        tree = view.tree()
    except LookUpError:
        return []
    line = Lineage(view.agents).ancestors(view.best())
    first = [view.best(), *line, *(one.agent for one in view.finalists()), *tree.leaders(len(tree))]
    return list(dict.fromkeys([*map(tree.index, first), *range(len(tree))]))


def _winner(view: RunView) -> Mapping[str, object]:
    tree = view.tree()
    line = [view.best(), *Lineage(view.agents).ancestors(view.best())]
    data = best_data(view)
    return {
        "winner": tree.index(view.best()),
        "confirmed": bool(view.finalists()),
        "best_belief": tree.index(tree.best()),
        "line": [tree.index(agent) for agent in reversed(line)],
        "finals": {key: data[key] for key in ("test", "gain")},
    }


def _named(config: Mapping[str, object], group: str) -> str:
    found = config.get(group)
    return str(found.get("name", "")) if isinstance(found, Mapping) else ""
