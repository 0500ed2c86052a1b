"""The end of a search: who is re-evaluated on `confirm`, who wins, who meets `test`.

The best agents of a search are partly the lucky ones. So the best few, and always the seed, meet tasks by
which nothing was decided yet, all of them the same ones, and the winner is the best-belief agent of search and
confirmation together. The winner and the seed alone meet the `test` tasks.

Who is best at the end of a search is for the policy to say (`dgm.policies.Ranks`), or it is the best-belief agents. The
driver asks; whoever reads rows takes it from what the decisions of the end say that they saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from archive import AgentId, Decision, Evaluation, Outcome, Row, RunReader, Split, TaskId
from dgm.cmp import BELIEF_QUANTILE, Counts, posterior
from dgm.columns import decided_last, graded_on
from dgm.tree import Tree

ENDS = (Split.CONFIRM, Split.TEST)

RANKED_BY = "ranked_by"
"""In what a decision of the end saw: the policy that said who is best, if it was not by best belief."""


CLOSED = "closed_at_microusd"
"""In what a decision of the end saw: the cap on money that ended the search before its evaluations were used."""


@dataclass(frozen=True, kw_only=True)
class EndBounds:
    """`confirm` evaluations are reserved for the finalists, beside those of the search: no policy can spend them, and
    what a search decides is the same with and without. `finalists` is how many best-belief agents compete with the
    seed. `test_repeats` is how often the winner and the seed meet each test task.
    """

    confirm: int = 0
    finalists: int = 3
    test_repeats: int = 2


def end_bounds(budget: Mapping[str, Any]) -> EndBounds:
    """What a budget says of the end; `confirm` null is 3.6 sqrt(evaluations), and runs of before there was the key
    confirm nothing."""
    confirm = budget.get("confirm", 0)
    return EndBounds(
        confirm=int(3.6 * int(budget["evaluations"]) ** 0.5) if confirm is None else int(confirm),
        finalists=int(budget.get("finalists", 3)),
        test_repeats=int(budget["test_repeats"]),
    )


class Meeting(NamedTuple):
    """One agent on one task of `confirm` or `test`, for the `repeat`-th time."""

    agent: AgentId
    task: TaskId
    repeat: int


@dataclass(frozen=True, kw_only=True)
class Finalist:
    """One finalist: counts on `search` and, over the meetings that all finalists had, on `confirm`."""

    agent: AgentId
    search: Counts
    confirm: Counts

    @property
    def belief(self) -> float:
        """By which the winner is chosen: the 5 % quantile after both."""
        return posterior(self.search + self.confirm).quantile(BELIEF_QUANTILE)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How many evaluations of one split the end wants, as far as is known now, and how many of them counted."""

    split: Split
    done: int
    total: int


class Ending:
    """What was decided and graded on the `confirm` and `test` tasks, folded from a run's rows."""

    def __init__(self, confirm: tuple[TaskId, ...], tests: tuple[TaskId, ...]) -> None:
        self._confirm = confirm
        self._tests = tests
        self._decided: dict[Meeting, int] = {}
        self._grades: dict[int, bool] = {}
        self._led: tuple[AgentId, ...] = ()
        self.closed: int | None = None

    def recall(self, run: RunReader, tree: Tree) -> None:
        """Fold all rows of `run` in, before any other row; `tree` has folded them already."""
        for decision, agent, task, repeat, outcome in graded_on(run, (*self._confirm, *self._tests)):
            self._decided[Meeting(agent, task, repeat)] = decision
            self._grade(decision, Outcome(outcome))
        for decided in run.decisions_at(decided_last(run, *ENDS)[-1:]):
            self.closed = _closed(decided)
        for found in tree.open.values():
            self.observe(found.decision)

    def observe(self, row: Row) -> None:
        """Fold one row in. Rows come in the archive's order, each once."""
        if isinstance(row, Decision):
            self._led, self.closed = _told(row, self._led), _closed(row)
        if isinstance(row, Decision) and row.task is not None and row.split is not Split.SEARCH:
            self._decided[Meeting(row.agent, row.task, row.repeat)] = row.seq
        elif isinstance(row, Evaluation) and row.split is not Split.SEARCH:
            self._grade(row.decision, row.outcome)

    def _grade(self, decision: int, outcome: Outcome) -> None:
        if outcome.counted:
            self._grades[decision] = outcome is Outcome.RESOLVED

    def finalists(self, tree: Tree, bounds: EndBounds, led: Sequence[AgentId] = ()) -> list[AgentId]:
        """The best agents, best first, and the seed; nobody where there is nothing to choose.

        Here and below `led` are the best agents in the policy's eyes, for who knows it.
        """
        best = led or self._led or tree.leaders(bounds.finalists)
        agents = list(dict.fromkeys((*best, tree.ids[0])))
        return agents if len(agents) > 1 and self._rounds(len(agents), bounds) else []

    def _rounds(self, finalists: int, bounds: EndBounds) -> list[tuple[TaskId, int]]:
        """Tasks and repeats that every finalist meets: as many as the reserve has for all of them."""
        count = len(self._confirm)
        return [
            (self._confirm[n % count], n // count)
            for n in range(bounds.confirm // finalists if count and finalists else 0)
        ]

    def _confirmations(self, tree: Tree, bounds: EndBounds, led: Sequence[AgentId]) -> list[Meeting]:
        agents = self.finalists(tree, bounds, led)
        return [
            Meeting(agent, task, repeat)
            for task, repeat in self._rounds(len(agents), bounds)
            for agent in agents
        ]

    def standings(self, tree: Tree, bounds: EndBounds, led: Sequence[AgentId] = ()) -> tuple[Finalist, ...]:
        """The finalists once the last has met its last task, the winner first; nothing before, or without any.

        They are compared on the meetings that all of them have graded. Who lacks more than half, because the machine
        failed it again and again, is left out. Ties go to the higher mean, then to the older agent.
        """
        agents = self.finalists(tree, bounds, led)
        rounds = self._rounds(len(agents), bounds)
        if (
            not rounds
            or any(self._lacking(self._confirmations(tree, bounds, led)))
            or _in_flight(tree, Split.CONFIRM)
        ):
            return ()
        grades = {agent: self._graded(agent, rounds) for agent in agents}
        grades = {agent: known for agent, known in grades.items() if 2 * len(known) >= len(rounds)}
        shared = set.intersection(*map(set, grades.values())) if grades else set()
        if not shared:
            return ()
        found = [
            Finalist(
                agent=agent,
                search=tree.counts(agent),
                confirm=_counts([known[one] for one in shared]),
            )
            for agent, known in grades.items()
        ]
        return tuple(sorted(found, key=lambda one: (*_merit(one), tree.index(one.agent))))

    def _graded(self, agent: AgentId, rounds: list[tuple[TaskId, int]]) -> dict[tuple[TaskId, int], bool]:
        decided = {one: self._decided.get(Meeting(agent, *one), -1) for one in rounds}
        return {one: self._grades[seq] for one, seq in decided.items() if seq in self._grades}

    def best(self, tree: Tree, bounds: EndBounds, led: Sequence[AgentId] = ()) -> AgentId:
        """The winner; the best agent of the search while nothing is confirmed."""
        standings = self.standings(tree, bounds, led)
        return standings[0].agent if standings else (*(led or self._led), tree.best())[0]

    def _tested(self, tree: Tree, bounds: EndBounds, led: Sequence[AgentId]) -> Iterator[Meeting]:
        agents = dict.fromkeys((self.best(tree, bounds, led), tree.ids[0]))
        for repeat in range(bounds.test_repeats):
            for task in self._tests:
                for agent in agents:
                    yield Meeting(agent, task, repeat)

    @property
    def started(self) -> int:
        """How many evaluations of the end were decided."""
        return len(self._decided)

    def most(self, bounds: EndBounds) -> int:
        """How many evaluations the end can take."""
        return (bounds.confirm if self._confirm else 0) + 2 * bounds.test_repeats * len(self._tests)

    def waits(self, tree: Tree) -> bool:
        """Whether the search has work in flight, so that nothing of the end may begin."""
        return _in_flight(tree, Split.SEARCH)

    def next(
        self, tree: Tree, bounds: EndBounds, led: Sequence[AgentId] = ()
    ) -> tuple[Split, Meeting] | None:
        """What the end still lacks, `confirm` first; nothing while an earlier part has work in flight."""
        if self.waits(tree):
            return None
        for meeting in self._lacking(self._confirmations(tree, bounds, led)):
            return Split.CONFIRM, meeting
        if _in_flight(tree, Split.CONFIRM):
            return None
        for meeting in self._lacking(self._tested(tree, bounds, led)):
            return Split.TEST, meeting
        return None

    def _lacking(self, meetings: Iterator[Meeting] | list[Meeting]) -> Iterator[Meeting]:
        return (meeting for meeting in meetings if meeting not in self._decided)

    def stages(self, tree: Tree, bounds: EndBounds) -> tuple[Stage, ...]:
        """How far the end has come."""
        wanted = {
            Split.CONFIRM: self._confirmations(tree, bounds, ()),
            Split.TEST: list(self._tested(tree, bounds, ())),
        }
        return tuple(
            Stage(
                split=split,
                done=sum(self._decided.get(meeting, -1) in self._grades for meeting in meetings),
                total=len(meetings),
            )
            for split, meetings in wanted.items()
        )


def _told(row: Decision, led: tuple[AgentId, ...]) -> tuple[AgentId, ...]:
    """Who led in the eyes of a policy that ranks agents itself: nobody while the search goes on, then the finalists, or
    where nothing is confirmed the agent that is tested."""
    if RANKED_BY not in row.saw:
        return ()
    finalists, best = row.saw.get("finalists"), row.saw.get("best")
    if row.split is Split.CONFIRM and isinstance(finalists, list | tuple):
        return tuple(map(str, finalists))
    if row.split is Split.TEST and isinstance(best, str):
        return led or (best,)
    return ()


def _closed(row: Decision) -> int | None:
    told = row.saw.get(CLOSED)
    return told if isinstance(told, int) else None


def _in_flight(tree: Tree, split: Split) -> bool:
    """Whether something of this split is open; expansions belong to the search."""
    return any((found.decision.split or Split.SEARCH) is split for found in tree.open.values())


def _counts(grades: list[bool]) -> Counts:
    return Counts(sum(grades), len(grades) - sum(grades))


def _merit(one: Finalist) -> tuple[float, float]:
    """Smaller is better."""
    return -one.belief, -posterior(one.search + one.confirm).mean
