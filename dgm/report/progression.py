"""How a search went: the best-belief agent, its belief and the money, after ever more evaluations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from archive import RunReader, Split
from archive.arrays import coded, integers
from archive.query import COUNTED, fold_regrades
from dgm.cmp import Counts, best_belief, posterior
from dgm.columns import agents_of
from dgm.report.views import RunView

Ints = NDArray[np.int64]

POINTS = 240
"""At how many numbers of evaluations a long search is looked at."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """After `evaluations` counted search evaluations, at entry `seq`.

    `best` is the best-belief agent by its number, with mean and 95 % interval of its belief; `resolved` of all
    evaluations were. `cost_microusd` is what every result so far came to, void ones too.
    """

    evaluations: int
    seq: int
    agents: int
    best: int
    mean: float
    interval: tuple[float, float]
    resolved: int
    cost_microusd: int


def progression(view: RunView, points: int = POINTS) -> list[Moment]:
    """The search from its first counted evaluation to its last, at most so many moments. Verdicts are the last ones."""
    agents = agents_of(view.run)
    data = fold_regrades(view.run.columns("evaluations", *COUNTED))
    data = data.filter(pc.equal(data["split"].cast("string"), Split.SEARCH.value)).unify_dictionaries()
    if not data.num_rows:
        return []
    place = {id: number for number, id in enumerate(agents.ids)}
    words, codes = coded(data["agent"])
    agent = np.array([place[word] for word in words])[codes]
    outcomes, outcome = coded(data["outcome"])
    resolved = np.array([word == "resolved" for word in outcomes])[outcome]
    seq, spent = integers(data["seq"]), _spent(view.run)
    looks = np.unique(np.linspace(1, len(seq), min(points, len(seq))).round().astype(np.int64))
    found = []
    for look in looks.tolist():
        now = int(seq[look - 1])
        there = int(np.searchsorted(agents.seq, now))
        won, lost = (
            np.bincount(agent[:look][kind], minlength=there) for kind in (resolved[:look], ~resolved[:look])
        )
        best = best_belief(won, lost, tasks=len(view.tasks[Split.SEARCH]))
        belief = posterior(Counts(int(won[best]), int(lost[best])))
        found.append(
            Moment(
                evaluations=look,
                seq=now,
                agents=there,
                best=best,
                mean=belief.mean,
                interval=belief.interval(),
                resolved=int(won.sum()),
                cost_microusd=int(spent[now]),
            )
        )
    return found


def _spent(run: RunReader) -> Ints:
    """What all results up to each entry came to; shape (entries,). Re-grades cost nothing."""
    spent = np.zeros(run.next_seq, dtype=np.int64)
    for table in ("expansions", "evaluations"):
        data = run.columns(table, "seq", "cost_microusd")
        np.add.at(spent, integers(data["seq"]), integers(data["cost_microusd"]))
    return np.cumsum(spent)
