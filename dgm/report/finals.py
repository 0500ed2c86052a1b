"""What a search ended with beside the seed, on the tasks that nothing was chosen by."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from archive import AgentId
from dgm.cmp import Counts
from dgm.ending import Finalist as Confirmed
from dgm.report.views import RunView
from dgm.results import Attempts, Gain, Score, attempts, gain, latest, score
from dgm.width import told_rounds


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """One of the two: counts on `search` and, of those who met there, on `confirm`, score on `test`."""

    agent: AgentId
    search: Counts
    confirm: Counts | None
    test: Score


@dataclass(frozen=True, kw_only=True)
class Finals:
    """`best` is the winner of the confirmation, or the best-belief agent where nothing was confirmed.

    `confirmed` are all that met there, the winner first. `attempts` is what the seed's several attempts at the test
    tasks come to.
    """

    best: Finalist
    seed: Finalist
    gain: Gain
    confirmed: tuple[Confirmed, ...]
    attempts: Attempts


def finals(view: RunView) -> Finals:
    tree, confirmed = view.tree(), view.finalists()
    counts = {one.agent: one.confirm for one in confirmed}
    winner, first = view.best(), tree.ids[0]
    evaluations = latest(view.run.evaluations_of(winner, first))
    best, seed = (
        Finalist(
            agent=agent,
            search=tree.counts(agent),
            confirm=counts.get(agent),
            test=score(evaluations, agent),
        )
        for agent in (winner, first)
    )
    return Finals(
        best=best,
        seed=seed,
        gain=gain(best.test, seed.test),
        confirmed=confirmed,
        attempts=attempts(evaluations, first),
    )


def best_data(view: RunView) -> dict[str, object]:
    """The winner beside the seed: counts on `search` and `confirm`, scores on `test`, the gain with its interval."""
    found = finals(view)
    both = (("best", found.best), ("seed", found.seed))
    return view.headed(
        best=found.best.agent,
        seed=found.seed.agent,
        best_belief=view.tree().best(),
        width=view.width,
        rounds=view.budget / view.width if view.budget and view.width else None,
        search={name: asdict(one.search) for name, one in both},
        confirm=[
            {
                "agent": one.agent,
                "value": one.belief,
                "search": asdict(one.search),
                "confirm": asdict(one.confirm),
            }
            for one in found.confirmed
        ],
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
        seed_attempts={
            "k": found.attempts.k,
            "first": found.attempts.single.mean,
            "most_frequent": found.attempts.frequent.mean,
            "any": found.attempts.any.mean,
        },
    )


def best_text(view: RunView) -> str:
    """`best_data` for people."""
    found = finals(view)
    name = "winner" if found.confirmed else "best-belief agent"
    return "\n".join(
        [
            _line(name, found.best),
            _line("seed", found.seed),
            *_confirmation(found),
            _gain(found),
            *_rounds(view),
        ]
    )


def _rounds(view: RunView) -> list[str]:
    """How often the search could go by what it had seen."""
    if not view.budget or not view.width:
        return []
    return [f"rounds: {told_rounds(view.budget, view.width)} (evaluations / jobs in flight)"]


def _line(name: str, one: Finalist) -> str:
    counts, (low, high) = one.test.counts, one.test.belief.interval()
    confirmed = f"  confirm {one.confirm.resolved}/{one.confirm.total}" if one.confirm else ""
    tested = (
        f"test {counts.resolved}/{counts.total} = {100 * one.test.mean:.0f} %"
        f" [{100 * low:.0f}, {100 * high:.0f}]"
        if counts.total
        else "not tested yet"
    )
    return f"{name:18} {one.agent[:10]}  search {one.search.resolved}/{one.search.total}{confirmed}  {tested}"


def _confirmation(found: Finals) -> list[str]:
    """Who met on `confirm`, and how the winner's share of resolved tasks fell from where it was chosen to the test."""
    if not found.confirmed:
        return []
    met = ", ".join(
        f"{one.agent[:10]} {one.confirm.resolved}/{one.confirm.total} (search {one.search.resolved}/{one.search.total})"
        for one in found.confirmed
    )
    best = found.best
    shares = [
        f"{name} {100 * counts.resolved / counts.total:.0f} %"
        for name, counts in (("search", best.search), ("confirm", best.confirm), ("test", best.test.counts))
        if counts and counts.total
    ]
    return [f"confirmed: {met}", f"the winner from where it was chosen to the test: {' -> '.join(shares)}"]


def _gain(found: Finals) -> str:
    if found.best.agent == found.seed.agent:
        return f"the seed itself is the best agent: no gain{_attempts(found.attempts)}"
    if not found.gain.tasks:
        return "gain on test: not measured yet"
    return (
        f"gain on test: {100 * found.gain.mean:+.1f} points, 95 % interval"
        f" [{100 * found.gain.low:+.1f}, {100 * found.gain.high:+.1f}]"
        f" (paired bootstrap over {found.gain.tasks} tasks)"
    )


def _attempts(found: Attempts) -> str:
    if found.k < 2:
        return ""
    return (
        f"\nwith {found.k} attempts at each test task: one attempt {100 * found.single.mean:.1f} %, the most frequent"
        f" answer {100 * found.frequent.mean:.1f} % (what a user can choose), any of them {100 * found.any.mean:.1f} %"
        f" (pass@{found.k}: chosen by the hidden tests, which no user has)"
    )
