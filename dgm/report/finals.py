"""The best-belief agent of a run beside the seed, on the tasks that nothing was chosen by."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from archive import AgentId
from dgm.cmp import Counts
from dgm.report.views import RunView
from dgm.results import Gain, Score, gain, score


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """One of the two: counts on `search`, score on `test`."""

    agent: AgentId
    search: Counts
    test: Score


@dataclass(frozen=True, kw_only=True)
class Finals:
    best: Finalist
    seed: Finalist
    gain: Gain


def finals(view: RunView) -> Finals:
    tree, evaluations = view.tree(), view.evaluations
    best, seed = (
        Finalist(agent=agent, search=tree.counts(agent), test=score(evaluations, agent))
        for agent in (tree.best(), tree.ids[0])
    )
    return Finals(best=best, seed=seed, gain=gain(best.test, seed.test))


def best_data(view: RunView) -> dict[str, object]:
    """The best-belief agent beside the seed: counts on `search`, scores on `test`, the gain with its interval."""
    found = finals(view)
    both = (("best", found.best), ("seed", found.seed))
    return view.headed(
        best=found.best.agent,
        seed=found.seed.agent,
        search={name: asdict(one.search) for name, one in both},
        test={
            name: {
                "mean": one.test.mean,
                "interval": one.test.belief.interval(),
                "resolved": one.test.counts.resolved,
                "evaluations": one.test.counts.total,
                "by_task": dict(one.test.by_task),
            }
            for name, one in both
        },
        gain=asdict(found.gain),
    )


def best_text(view: RunView) -> str:
    """`best_data` for people."""
    found = finals(view)
    return "\n".join([_line("best-belief agent", found.best), _line("seed", found.seed), _gain(found)])


def _line(name: str, one: Finalist) -> str:
    counts, (low, high) = one.test.counts, one.test.belief.interval()
    tested = (
        f"test {counts.resolved}/{counts.total} = {100 * one.test.mean:.0f} %"
        f" [{100 * low:.0f}, {100 * high:.0f}]"
        if counts.total
        else "not tested yet"
    )
    return f"{name:18} {one.agent[:10]}  search {one.search.resolved}/{one.search.total}  {tested}"


def _gain(found: Finals) -> str:
    if found.best.agent == found.seed.agent:
        return "the seed itself is the best-belief agent: no gain"
    if not found.gain.tasks:
        return "gain on test: not measured yet"
    return (
        f"gain on test: {100 * found.gain.mean:+.1f} points, 95 % interval"
        f" [{100 * found.gain.low:+.1f}, {100 * found.gain.high:+.1f}]"
        f" (paired bootstrap over {found.gain.tasks} tasks)"
    )
