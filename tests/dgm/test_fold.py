"""Folding a whole run from its columns gives the tree that observing its rows gives, at every moment of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import archive
from archive import Entry, Evaluation, ExpansionOutcome, Outcome, RunInfo, Split, create_run
from archive.testing import a_regrade
from dgm.search import RunPausedError
from dgm.tree import Tree
from tests.dgm.scripted import SEARCH, Driver, Script


def observed(entries: list[Entry]) -> Tree:
    tree = Tree(SEARCH)
    for entry in entries:
        for row in entry.rows:
            tree.observe(row)
    return tree


def facts(tree: Tree) -> dict[str, object]:
    """Everything that a policy can see."""
    arrays = (
        *("parents", "resolved", "unresolved", "clade_resolved", "clade_unresolved", "children", "expanding"),
        *("evaluating", "used", "depths", "resting", "answered", "crashed"),
    )
    return {
        **{name: getattr(tree, name).tolist() for name in arrays},
        **{name: getattr(tree, name) for name in ("ids", "open", "cost_microusd", "calls")},
        **{name: getattr(tree, name) for name in ("evaluations_started", "expansions_started")},
        "expansions_counted": tree.expansions_counted,
        "unused": [tree.unused_tasks(i) for i in range(len(tree))],
        "indices": [tree.index(id) for id in tree.ids],
    }


def with_regrades(entries: list[Entry]) -> Iterator[Entry]:
    """The same entries, then every third evaluation graded again, some twice, some to a void."""
    yield from entries
    seq, made = len(entries), 0
    evaluations = [
        row for e in entries for row in e.rows if isinstance(row, Evaluation) and row.outcome.counted
    ]
    for number, row in enumerate(evaluations[::3] + evaluations[::6]):
        outcome = [Outcome.RESOLVED, Outcome.UNRESOLVED, Outcome.VOID][number % 3]
        yield Entry(seq, (a_regrade(seq, row, attempt=made + 1, outcome=outcome),))
        seq, made = seq + 1, made + 1


@pytest.fixture(
    scope="module", params=[(1, 0.1), (4, 0.45)], ids=["one slot", "four slots, a broken machine"]
)
def entries(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    slots, void = request.param
    driver = Driver(tmp_path_factory.mktemp("x") / "run", slots=slots, work=Script(void=void), evaluations=60)
    for _ in range(100):
        try:
            driver.search()
            break
        except RunPausedError:
            continue
    with archive.open(driver.path) as run:
        return list(with_regrades(list(run.entries())))


def folded(path: Path, entries: list[Entry], segment_lines: int) -> Tree:
    info = RunInfo(id="f" * 32, seed=0, splits={Split.SEARCH: SEARCH})
    with create_run(path, info, segment_lines=segment_lines) as run:
        run.append_many([])
        for entry in entries:
            run.append(*entry.rows)
        with archive.open(path) as reader:
            tree = Tree(SEARCH)
            tree.fold(reader)
            return tree


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.77, 1.0])
def test_the_fold_is_what_observing_gives(tmp_path: Path, entries: list[Entry], share: float) -> None:
    count = max(1, int(share * len(entries)))
    tree = folded(tmp_path / "run", entries[:count], segment_lines=50)
    assert facts(tree) == facts(observed(entries[:count]))
    for entry in entries[count:]:
        for row in entry.rows:
            tree.observe(row)
    assert facts(tree) == facts(observed(entries))


def test_the_runs_that_are_compared_have_all_that_matters(entries: list[Entry]) -> None:
    rows = [row for entry in entries for row in entry.rows]
    outcomes = {getattr(row, "outcome", None) for row in rows}
    assert {Outcome.VOID, Outcome.RESOLVED, Outcome.UNRESOLVED, ExpansionOutcome.CHILD} <= outcomes
    assert any(isinstance(row, Evaluation) and row.replaces for row in rows)
    halfway = observed(entries[: len(entries) // 2])
    assert halfway.open or len(entries) % 2


def test_a_run_without_rows(tmp_path: Path) -> None:
    assert facts(folded(tmp_path / "run", [], 50)) == facts(Tree(SEARCH))


def test_a_tree_that_has_seen_rows_folds_no_run(tmp_path: Path, entries: list[Entry]) -> None:
    tree = folded(tmp_path / "run", entries[:1], 50)
    with archive.open(tmp_path / "run") as run, pytest.raises(ValueError, match="has seen rows"):
        tree.fold(run)
