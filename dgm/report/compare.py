"""Several runs side by side: grouped by what differs in their configurations, paired by seed.

All intervals hold 95 % and come from one bootstrap over runs and tasks, in which the runs of a seed and a task stay
together: `pool`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archive import Split, TaskId
from dgm.errors import LookUpError
from dgm.matching import Costs, costs
from dgm.report.finals import Finals, finals
from dgm.report.grouping import Json, group_names
from dgm.report.progression import Moment, progression
from dgm.report.views import RunView, budget_in_force
from dgm.results import latest

RESAMPLES = 20_000

Scores = Mapping[TaskId, float]
"""Share of its tries in which an agent resolved each test task."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one run came to. `digests` name the test tasks as they were graded, `ended` says that all of the final test
    is there, `searched` how many search evaluations counted."""

    name: str
    seed: int
    config: Json
    splits: Mapping[Split, frozenset[TaskId]]
    digests: Mapping[TaskId, str]
    ended: bool
    finals: Finals
    costs: Costs
    searched: int
    progression: Sequence[Moment]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """A mean difference over runs and tasks with its interval, in shares of tasks."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table: a group, or a way of choosing among the seed's attempts; means of one run.

    `best` and `seed` are scores by the run's seed, for runs that have ended; `gain` and `against`, which compares it
    with the first line over the `paired` seeds that both have, are None where nothing can be said.
    """

    name: str
    group: str
    best: Mapping[int, Scores]
    seed: Mapping[int, Scores]
    gain: Pooled | None
    against: Pooled | None
    paired: int
    cost_microusd: float
    calls: float
    evaluations: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`groups` are the runs of each, by seed; `notes` say what the numbers leave out and where answers came from."""

    groups: Mapping[str, Sequence[Side]]
    lines: Sequence[Line]
    notes: tuple[str, ...]


def side(name: str, view: RunView) -> Side:
    info, tree = view.run.info, view.tree()
    budget = budget_in_force(view.run)
    return Side(
        name=name,
        seed=info.seed,
        config=info.config if budget is None else {**info.config, "budget": budget},
        splits={split: frozenset(tasks) for split, tasks in view.tasks.items()},
        digests={
            row.task: row.digests["task"]
            for row in latest(view.run.evaluations_of(tree.ids[0]))
            if row.split is Split.TEST and "task" in row.digests
        },
        ended=view.ended(),
        finals=finals(view),
        costs=costs(view.run),
        searched=int((tree.resolved + tree.unresolved).sum()),
        progression=progression(view),
        notes=view.all_notes(),
    )


def compare(sides: Sequence[Side]) -> Comparison:
    """Groups in the order in which their first run was given, those that searched nothing last.

    Raises LookUpError for what cannot be compared.
    """
    for one in sides[1:]:
        _check_tasks(sides[0], one)
    groups: dict[str, list[Side]] = {}
    for name, one in zip(group_names([one.config for one in sides]), sides, strict=True):
        twin = next((other for other in groups.get(name, ()) if other.seed == one.seed), None)
        if twin is not None:
            raise LookUpError(
                f"{twin.name} and {one.name} differ in nothing but their names: expected one run per seed"
                f" ({one.seed}) and configuration ({name}); leave one of them out"
            )
        groups.setdefault(name, []).append(one)
    ordered = {
        name: sorted(runs, key=lambda one: one.seed)
        for name, runs in sorted(groups.items(), key=lambda group: _all_attempts(group[1]))
    }
    lines: list[Line] = []
    for name, runs in ordered.items():
        for make in (_most_frequent, _any) if _all_attempts(runs) else (_searched,):
            lines.append(make(name, runs, lines[0] if lines else None))
    return Comparison(groups=ordered, lines=lines, notes=tuple(_notes(ordered, lines)))


def _check_tasks(one: Side, other: Side) -> None:
    for split in Split:
        mine, theirs = one.splits[split], other.splits[split]
        if mine != theirs:
            raise LookUpError(
                f"{one.name} and {other.name} cannot be compared: expected the same {split} tasks, got {len(mine)} and"
                f" {len(theirs)}, {len(mine & theirs)} of them in both; compare runs of one benchmark and its splits"
            )
    edited = [task for task, digest in one.digests.items() if other.digests.get(task, digest) != digest]
    if edited:
        raise LookUpError(
            f"{one.name} and {other.name} cannot be compared: tasks were changed between them:"
            f" {', '.join(sorted(edited)[:5])}"
        )


def _is_attempts(one: Side) -> bool:
    """Whether nothing was searched: only the seed was asked, again and again."""
    return one.searched == 0 and one.finals.attempts.k > 0 and one.finals.best.agent == one.finals.seed.agent


def _all_attempts(runs: Sequence[Side]) -> bool:
    return all(_is_attempts(one) for one in runs)


def _searched(group: str, runs: Sequence[Side], first: Line | None) -> Line:
    return _line(
        group,
        "",
        runs,
        first,
        best=lambda one: one.best.test.by_task,
        seed=lambda one: one.seed.test.by_task,
    )


def _most_frequent(group: str, runs: Sequence[Side], first: Line | None) -> Line:
    k = ", ".join(str(one.finals.attempts.k) for one in runs)
    return _line(
        group,
        f", most frequent answer of k = {k}",
        runs,
        first,
        best=lambda one: one.attempts.frequent.by_task,
        seed=lambda one: one.attempts.single.by_task,
    )


def _any(group: str, runs: Sequence[Side], first: Line | None) -> Line:
    return _line(
        group,
        ", any of them: chosen by the hidden tests",
        runs,
        first,
        best=lambda one: one.attempts.any.by_task,
        seed=lambda one: one.attempts.single.by_task,
    )


def _line(
    group: str,
    way: str,
    runs: Sequence[Side],
    first: Line | None,
    *,
    best: Callable[[Finals], Scores],
    seed: Callable[[Finals], Scores],
) -> Line:
    ended = [one for one in runs if one.ended and one.finals.seed.test.by_task]
    mine, seeds = (
        {one.seed: best(one.finals) for one in ended},
        {one.seed: seed(one.finals) for one in ended},
    )
    theirs = {} if first is None else first.best
    paid = [one.costs.test if _is_attempts(one) else one.costs.search for one in runs]
    done = [one.costs.attempts if _is_attempts(one) else one.searched for one in runs]
    return Line(
        name=group + way,
        group=group,
        best=mine,
        seed=seeds,
        gain=difference(mine, seeds),
        against=difference(mine, theirs),
        paired=len(mine.keys() & theirs.keys()),
        cost_microusd=float(np.mean([one.cost_microusd for one in paid])),
        calls=float(np.mean([one.calls for one in paid])),
        evaluations=float(np.mean(done)),
    )


def difference(one: Mapping[int, Scores], other: Mapping[int, Scores]) -> Pooled | None:
    """By how much the first are better, over the seeds that both have and the tasks that all of them met."""
    pairs = [(one[seed], other[seed]) for seed in sorted(one.keys() & other.keys())]
    tasks = set.intersection(*(mine.keys() & theirs.keys() for mine, theirs in pairs)) if pairs else set()
    return (
        pool([{task: mine[task] - theirs[task] for task in tasks} for mine, theirs in pairs])
        if tasks
        else None
    )


def pool(runs: Sequence[Scores]) -> Pooled:
    """Of each run the differences per task: their mean, and what resampling says of it.

    Runs, then tasks, are drawn with replacement, each task for all runs alike; the stream is fixed. Raises ValueError
    when the runs were not tested on the same tasks.
    """
    tasks = sorted(runs[0]) if runs else []
    if not tasks or any(sorted(one) != tasks for one in runs):
        raise ValueError(
            "runs can be pooled when there is at least one and all were tested on the same tasks"
        )
    table: NDArray[np.float64] = np.array([[one[task] for task in tasks] for one in runs])
    generator = np.random.default_rng(0)
    chosen = generator.integers(len(runs), size=(RESAMPLES, len(runs)))
    picks = generator.integers(len(tasks), size=(RESAMPLES, len(tasks)))
    means = (_times(chosen) @ table * _times(picks)).sum(axis=1) / table.size
    low, high = np.quantile(means, [0.025, 0.975])
    return Pooled(mean=float(table.mean()), low=float(low), high=float(high))


def _times(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    """How often each number was drawn in each row; as many columns as were drawn."""
    times = np.zeros(drawn.shape)
    np.add.at(times, (np.arange(len(drawn))[:, None], drawn), 1)
    return times


def _notes(groups: Mapping[str, Sequence[Side]], lines: Sequence[Line]) -> list[str]:
    runs = [one for sides in groups.values() for one in sides]
    waiting = [one.name for one in runs if not one.ended]
    notes = [f"not ended, left out of the test's figures: {', '.join(waiting)}"] if waiting else []
    notes += [
        f"{line.name}: {line.paired} of its {len(line.best)} seeds are in the first group too"
        for line in lines[1:]
        if line.paired < len(line.best)
    ]
    return [*notes, *dict.fromkeys(note for one in runs for note in one.notes)]
