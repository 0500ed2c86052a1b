"""The end of a search: the same tasks for every finalist, a winner by all evidence, the winner and the seed on test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import archive
from archive import Agent, Decision, DecisionKind, Evaluation, Outcome, Row, Split
from archive.testing import a_regrade, an_evaluation
from dgm.cmp import Counts
from dgm.deciding import Bounds, Decider
from dgm.ending import EndBounds, Ending, Meeting, end_bounds
from dgm.jobs import EvaluateJob, Job, Result
from dgm.policies import Huxley
from dgm.search import StoppedError
from dgm.tree import Tree
from tests.dgm.policies.test_policies import TASKS, a_tree, decide, name
from tests.dgm.scripted import CONFIRM, TEST, Driver, Script

Grades = Callable[[Meeting], Outcome]
THREE = EndBounds(confirm=24, finalists=2, test_repeats=1)
"""Eight meetings for each of two finalists and the seed."""


def resolved(_: Meeting) -> Outcome:
    return Outcome.RESOLVED


@dataclass
class End:
    """The end of a search that left `tree`, played meeting by meeting; `rows` is what came of it."""

    tree: Tree
    bounds: EndBounds = THREE
    ending: Ending = field(
        default_factory=lambda: Ending(("c/0", "c/1", "c/2", "c/3", "c/4"), ("t/0", "t/1"))
    )
    rows: list[Evaluation] = field(default_factory=list)

    def fold(self, row: Row) -> None:
        self.tree.observe(row)
        self.ending.observe(row)

    def play(self, grades: Grades, split: Split | None = None) -> list[Meeting]:
        """Everything that is wanted, or all of one split; void means void at every try."""
        met: list[Meeting] = []
        seq = 100_000 + 10 * len(self.rows)
        while (found := self.ending.next(self.tree, self.bounds)) and split in (None, found[0]):
            seq, (of, meeting) = seq + 10, found
            met.append(meeting)
            self.fold(
                Decision(
                    seq=seq,
                    kind=DecisionKind.EVALUATE,
                    agent=meeting.agent,
                    task=meeting.task,
                    split=of,
                    repeat=meeting.repeat,
                    policy="final",
                    policy_version=1,
                )
            )
            for attempt in range(1, 4):
                row = an_evaluation(
                    seq + attempt, decision=seq, attempt=attempt, agent=meeting.agent, task=meeting.task,
                    outcome=grades(meeting),
                )  # fmt: skip
                self.rows.append(replace(row, split=of, repeat=meeting.repeat))
                self.fold(self.rows[-1])
                if row.outcome.counted:
                    break
        return met

    @property
    def winner(self) -> str:
        return self.ending.best(self.tree, self.bounds)


SCORES = [(6, 12), (12, 6), (12, 6), (13, 5), (1, 17)]
"""Seed, two of the same score, the best, a bad one."""


def test_finalists_are_the_best_few_and_the_seed() -> None:
    end = End(a_tree(SCORES))
    assert end.ending.finalists(end.tree, THREE) == [name(3), name(1), name(0)]
    among = replace(THREE, finalists=9)
    assert end.ending.finalists(end.tree, among) == [name(n) for n in (3, 1, 2, 0, 4)]


def test_every_finalist_meets_the_same_tasks_as_often() -> None:
    end = End(a_tree(SCORES))
    met = end.play(resolved, Split.CONFIRM)
    assert len(met) == 24
    each = {
        agent: Counter((one.task, one.repeat) for one in met if one.agent == agent)
        for agent in (name(0), name(1), name(3))
    }
    assert each[name(0)] == each[name(1)] == each[name(3)]
    assert Counter(task for task, _ in each[name(0)]) == {"c/0": 2, "c/1": 2, "c/2": 2, "c/3": 1, "c/4": 1}
    assert set(each[name(0)].values()) == {1}


def test_what_is_left_of_the_reserve_is_not_spent_unevenly() -> None:
    end = End(a_tree(SCORES), bounds=replace(THREE, confirm=23))
    assert len(end.play(resolved, Split.CONFIRM)) == 21


@pytest.mark.parametrize(
    ("wins", "winner"),
    [
        ({3: 8, 1: 8, 0: 8}, 3),  # all alike: the search decides
        ({3: 2, 1: 8, 0: 2}, 1),  # 15/26 against 20/26
        ({3: 6, 1: 7, 0: 2}, 1),  # 19/26 both: the older one
        ({3: 0, 1: 0, 0: 8}, 0),  # 13/26, 12/26 and the seed's 14/26
        ({3: 0, 1: 0, 0: 7}, 0),  # 13/26 both: the older one
    ],
)
def test_search_and_confirmation_together_choose_the_winner(wins: dict[int, int], winner: int) -> None:
    end = End(a_tree(SCORES))
    left = {name(n): count for n, count in wins.items()}

    def grades(meeting: Meeting) -> Outcome:
        left[meeting.agent] -= 1
        return Outcome.RESOLVED if left[meeting.agent] >= 0 else Outcome.UNRESOLVED

    end.play(grades, Split.CONFIRM)
    assert end.winner == name(winner)
    shown = end.ending.standings(end.tree, THREE)
    assert [one.confirm for one in shown if one.agent == name(3)] == [Counts(wins[3], 8 - wins[3])]
    tested = end.play(resolved)
    assert {one.agent for one in tested} == {name(winner), name(0)}
    assert len(tested) == 2 * len({winner, 0})


def test_nothing_is_confirmed_while_the_search_has_work_in_flight() -> None:
    tree = a_tree(SCORES)
    decide(tree, 50_000, 3, TASKS[19])
    assert End(tree).ending.next(tree, THREE) is None


def test_the_test_waits_for_the_last_confirmation() -> None:
    end = End(a_tree(SCORES))
    end.play(resolved, Split.CONFIRM)
    ending, tree = Ending(("c/0",), ("t/0",)), a_tree(SCORES)
    one = End(tree, replace(THREE, confirm=3), ending)
    for n in range(3):
        found = ending.next(tree, one.bounds)
        assert found is not None
        split, meeting = found
        row = Decision(
            seq=60_000 + n, kind=DecisionKind.EVALUATE, agent=meeting.agent, task=meeting.task, split=split,
            policy="final", policy_version=1,
        )  # fmt: skip
        one.fold(row)
    assert ending.next(tree, one.bounds) is None
    assert one.winner == tree.best()


@pytest.mark.parametrize("agents", [[(6, 12)], [(0, 0)]])
def test_a_lonely_seed_has_nothing_to_confirm(agents: list[tuple[int, int]]) -> None:
    end = End(a_tree(agents))
    assert {one.task for one in end.play(resolved)} == {"t/0", "t/1"}
    assert end.winner == name(0)


@pytest.mark.parametrize("bounds", [replace(THREE, confirm=0), replace(THREE, confirm=2)])
def test_without_enough_for_all_the_best_belief_agent_is_tested(bounds: EndBounds) -> None:
    end = End(a_tree(SCORES), bounds)
    assert {one.agent for one in end.play(resolved)} == {name(3), name(0)}
    assert end.ending.standings(end.tree, bounds) == ()


def test_what_the_machine_failed_counts_for_nobody() -> None:
    """The leader lacks three of its meetings: none of them is held against or for anybody."""
    end = End(a_tree(SCORES))

    def grades(meeting: Meeting) -> Outcome:
        if meeting.task == "c/0" or meeting == Meeting(name(3), "c/1", 0):
            return Outcome.VOID if meeting.agent == name(3) else Outcome.RESOLVED
        return Outcome.UNRESOLVED

    end.play(grades, Split.CONFIRM)
    shown = end.ending.standings(end.tree, THREE)
    assert {one.confirm for one in shown} == {Counts(0, 5)}
    assert end.winner == name(3)


def test_whom_the_machine_keeps_failing_is_left_out() -> None:
    end = End(a_tree(SCORES))
    end.play(lambda meeting: Outcome.VOID if meeting.agent == name(3) else Outcome.RESOLVED, Split.CONFIRM)
    assert [one.agent for one in end.ending.standings(end.tree, THREE)] == [name(1), name(0)]


def test_when_the_machine_failed_everybody_the_search_decides() -> None:
    end = End(a_tree(SCORES))
    end.play(lambda _: Outcome.VOID, Split.CONFIRM)
    assert end.winner == name(3)
    assert end.ending.next(end.tree, THREE) is not None


def test_a_regrade_may_change_who_wins() -> None:
    end = End(a_tree(SCORES))
    end.play(resolved, Split.CONFIRM)
    mine = [row for row in end.rows if row.agent == name(3)]
    for n, row in enumerate(mine[:5]):
        end.fold(a_regrade(200_000 + n, row, outcome=Outcome.UNRESOLVED))
    assert end.winner == name(1)


def test_how_far_the_end_has_come() -> None:
    end = End(a_tree(SCORES))
    assert [(one.done, one.total) for one in end.ending.stages(end.tree, THREE)] == [(0, 24), (0, 4)]
    end.play(
        lambda one: Outcome.VOID if one == Meeting(name(0), "c/0", 0) else Outcome.RESOLVED, Split.CONFIRM
    )
    end.play(resolved)
    assert [(one.done, one.total) for one in end.ending.stages(end.tree, THREE)] == [(23, 24), (4, 4)]


@pytest.mark.parametrize(
    ("budget", "confirm"),
    [
        ({"evaluations": 100, "confirm": None}, 36),
        ({"evaluations": 800, "confirm": None}, 101),
        ({"evaluations": 800, "confirm": 5}, 5),
        ({"evaluations": 800}, 0),
    ],
)
def test_the_reserve_of_a_budget(budget: dict[str, int | None], confirm: int) -> None:
    assert end_bounds({**budget, "test_repeats": 2}).confirm == confirm


# ---- in a whole search


def rows_of(path: Path) -> list[Row]:
    with archive.open(path) as run:
        return [row for entry in run.entries() for row in entry.rows]


def confirmed(path: Path) -> list[Evaluation]:
    rows = [row for row in rows_of(path) if isinstance(row, Evaluation) and row.outcome.counted]
    return [row for row in rows if row.split is Split.CONFIRM]


def test_a_search_confirms_beside_its_budget_and_tests_the_winner(tmp_path: Path) -> None:
    """The same search with and without a reserve: the same decisions up to the end."""
    Driver(tmp_path / "without", seed=4, work=Script(4)).search()
    driver = Driver(tmp_path / "with", seed=4, work=Script(4), confirm=20)
    tree = driver.search()
    found = confirmed(driver.path)
    assert len(found) == 20
    assert {row.task for row in found} == set(CONFIRM)
    assert len({(row.agent, row.task, row.repeat) for row in found}) == 20
    tests = [row for row in rows_of(driver.path) if isinstance(row, Decision) and row.split is Split.TEST]
    assert len({row.agent for row in tests}) == 2
    assert {row.task for row in tests} == set(TEST)
    assert {row.runners_up[0]["agent"] for row in tests} == {row.saw["best"] for row in tests}
    searched = [
        [row for row in rows_of(path) if isinstance(row, Decision) and row.split in (None, Split.SEARCH)]
        for path in (driver.path, tmp_path / "without")
    ]
    assert searched[0] == searched[1]
    assert tree.evaluations_started == 60


@pytest.mark.parametrize("columns", [True, False])
def test_stopped_again_and_again_it_is_the_run_that_never_was(tmp_path: Path, columns: bool) -> None:
    """Also in the middle of confirmation, with failing machines, read as columns or row by row."""
    whole = Driver(tmp_path / "whole", seed=5, evaluations=30, confirm=20, work=Script(5, void=0.15))
    whole.search()
    stopped = 0
    for turn in range(100):
        begun: list[Job] = []

        def work(job: Job, begun: list[Job] = begun) -> Result:
            begun.append(job)
            return Script(5, void=0.15)(job)

        driver = replace(whole, path=tmp_path / "broken", work=work, columns=columns)
        limit = 30 if not turn else 2 + turn % 3
        try:
            driver.search(stops=lambda limit=limit, begun=begun: int(len(begun) >= limit))
            break
        except StoppedError:
            stopped += 1
    assert stopped > 5
    assert rows_of(tmp_path / "broken") == rows_of(tmp_path / "whole")


def test_a_larger_budget_searches_on_and_confirms_whom_it_finds(tmp_path: Path) -> None:
    driver = Driver(tmp_path / "run", seed=6, evaluations=30, confirm=20)
    driver.search()
    before = {(row.agent, row.task, row.repeat) for row in confirmed(driver.path)}
    replace(driver, evaluations=60, confirm=24).search()
    after = Counter((row.agent, row.task, row.repeat) for row in confirmed(driver.path))
    assert set(after) > before
    assert set(after.values()) == {1}  # what was met before is not met again
    tests = [row for row in rows_of(driver.path) if isinstance(row, Decision) and row.split is Split.TEST]
    seed = next(row.id for row in rows_of(driver.path) if isinstance(row, Agent))
    assert {row.agent for row in tests} == {seed, *(row.saw["best"] for row in tests)}
    assert len({row.saw["best"] for row in tests}) <= 2  # of the one end and of the other


def test_no_expansion_learns_from_confirm_or_test(tmp_path: Path) -> None:
    """A run that goes on after its end still shows search failures alone to its agents."""
    shown: list[str] = []

    def work(job: Job) -> Result:
        if not isinstance(job, EvaluateJob):
            shown.extend(one.task.id for one in job.evidence)
        return Script(6)(job)

    driver = Driver(tmp_path / "run", seed=6, evaluations=30, confirm=20, work=work)
    driver.search()
    replace(driver, evaluations=60).search()
    agents = [row for row in rows_of(driver.path) if isinstance(row, Agent)]
    assert len(agents) > 8
    assert shown
    assert not set(shown) & {*CONFIRM, *TEST}


class Contrary(Huxley):
    """Holds those to be best that resolved least."""

    def merit(self, belief: None, tree: Tree) -> NDArray[np.float64]:
        return -tree.resolved.astype(np.float64)


@pytest.mark.parametrize(("confirm", "finalists"), [(0, []), (8, [4, 0])])
def test_a_policy_that_ranks_agents_itself_names_the_finalists(confirm: int, finalists: list[int]) -> None:
    """Whoever reads the rows sees the same ones and the same winner, until the search goes on."""
    tree = a_tree(SCORES)
    decider = Decider(
        policy=Contrary(), tree=tree, tests=("t/0",), confirm=("c/0", "c/1"), operator="single_failure"
    )
    reader = Ending(("c/0", "c/1"), ("t/0",))
    bounds = Bounds(seed=0, evaluations=0, expansions=0, confirm=confirm, finalists=2, test_repeats=1)
    tested, seq = set(), 200_000
    while (decision := decider.decide(seq, bounds, 1)) is not None:
        assert decision.task is not None
        assert decision.split is not None
        if decision.split is Split.TEST:
            tested.add(decision.agent)
        outcome = Outcome.RESOLVED if decision.agent == name(4) else Outcome.UNRESOLVED
        result = an_evaluation(seq + 1, agent=decision.agent, task=decision.task, outcome=outcome)
        for row in (decision, replace(result, split=decision.split, repeat=decision.repeat)):
            decider.observe(row)
            reader.observe(row)
        seq += 2
    assert reader.finalists(tree, bounds) == [name(n) for n in finalists]
    best = reader.best(tree, bounds)
    assert tested == {best, name(0)}
    assert best == (name(0) if confirm else name(4))  # 1 + 4 of 18 + 4 against 6 of 18 + 4
    reader.observe(
        Decision(seq=seq, kind=DecisionKind.EXPAND, agent=name(0), policy="huxley", policy_version=3)
    )
    assert reader.best(tree, replace(bounds, confirm=0)) == tree.best() == name(3)
