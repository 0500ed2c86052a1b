"""The table of several policies beside the unchanged seed, from runs that have ended."""

from __future__ import annotations

from archive import Usage
from dgm.cmp import Counts
from dgm.matching import Costs
from dgm.report import Finalist, Finals
from dgm.results import Attempts, Score, gain
from scripts.measure.arms import Ended, arms, table

TASKS = ("katas/a", "katas/b")


def a_score(*values: float) -> Score:
    return Score(agent="a" * 40, counts=Counts(), by_task=dict(zip(TASKS, values, strict=True)))


def ended(best: Score, seed: Score, *, most: Score | None = None, whole: Score | None = None) -> Ended:
    one, other = (
        Finalist(agent=score.agent, search=Counts(), confirm=None, test=score) for score in (best, seed)
    )
    tried = Attempts(k=4 if most else 2, single=seed, frequent=most or seed, any=whole or seed)
    search = Usage() if most else Usage(calls=9, cost_microusd=2_000_000)
    return Ended(
        finals=Finals(best=one, seed=other, gain=gain(best, seed), confirmed=(), attempts=tried),
        costs=Costs(search=search, test=Usage(calls=12, cost_microusd=1_900_000), seed=Usage(), attempts=4),
    )


def test_a_line_per_policy_and_two_for_the_seed() -> None:
    half, whole, none = a_score(0.5, 0.5), a_score(1, 1), a_score(0, 0)
    found = {
        "huxley": [ended(whole, none), ended(whole, half)],
        "uniform": [ended(half, none), ended(half, half)],
        "attempts": [ended(none, none, most=half, whole=whole)] * 2,
    }
    lines = table(arms(found), [1000, 1001]).splitlines()
    assert lines[0].startswith("Rehearsal, seeds 1000, 1001; a stand-in answered")
    assert lines[4:] == [
        "| huxley | 100.0 | 25.0 | +75.0 [+50.0, +100.0] |  | 2.000 | 9 |",
        "| uniform | 50.0 | 25.0 | +25.0 [+0.0, +50.0] | -50.0 [-50.0, -50.0] | 2.000 | 9 |",
        "| seed, most frequent of k answers (k = 4, 4) | 50.0 | 0.0 | +50.0 [+50.0, +50.0]"
        " | -50.0 [-50.0, -50.0] | 1.900 | 12 |",
        "| seed, any of the k: chosen by the hidden tests | 100.0 | 0.0 | +100.0 [+100.0, +100.0]"
        " | +0.0 [+0.0, +0.0] | 1.900 | 12 |",
    ]
