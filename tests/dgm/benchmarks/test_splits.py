from __future__ import annotations

import hashlib
import random

import pytest

from archive import Split
from dgm.benchmarks import SplitError, Task, deal_splits
from sandbox import TestSpec


def a_task(name: str, band: str | None = None) -> Task:
    spec = TestSpec(
        solution_files=("a.py",), test_files={"a_test.py": b""}, run=("a_test.py",), modules=("a",)
    )
    tags = {} if band is None else {"band": band}
    return Task(id=f"b/{name}", instruction="", files={}, test=spec, reference={}, tags=tags, digest=name)


THREE_BANDS = tuple(a_task(f"{band}-{n}", band) for band in ("easy", "middle", "hard") for n in range(16))


def test_each_band_is_dealt_eight_three_five() -> None:
    splits = deal_splits(THREE_BANDS)
    for band in ("easy", "middle", "hard"):
        dealt = {split: [t for t in ids if t.startswith(f"b/{band}")] for split, ids in splits.items()}
        assert {split: len(ids) for split, ids in dealt.items()} == {
            Split.SEARCH: 8,
            Split.CONFIRM: 3,
            Split.TEST: 5,
        }


def test_within_a_band_the_hash_of_the_id_says_who_goes_where() -> None:
    ids = [f"b/{n}" for n in range(16)]
    by_hash = sorted(ids, key=lambda i: hashlib.sha256(i.encode()).digest())
    splits = deal_splits([a_task(str(n)) for n in range(16)])
    assert splits[Split.SEARCH] == tuple(by_hash[:8])
    assert splits[Split.CONFIRM] == tuple(by_hash[8:11])
    assert splits[Split.TEST] == tuple(by_hash[11:])


def test_the_order_of_the_tasks_does_not_matter() -> None:
    shuffled = list(THREE_BANDS)
    random.Random(3).shuffle(shuffled)
    assert deal_splits(shuffled) == deal_splits(THREE_BANDS)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1, 0, 0)), (2, (1, 0, 1)), (5, (2, 1, 2)), (10, (5, 2, 3))]
)
def test_other_numbers_of_tasks_are_dealt_by_largest_remainder(
    count: int, expected: tuple[int, int, int]
) -> None:
    splits = deal_splits([a_task(str(n)) for n in range(count)])
    assert tuple(len(ids) for ids in splits.values()) == expected


def test_fractions_deal_every_task_once() -> None:
    tasks = [a_task(str(n)) for n in range(37)]
    splits = deal_splits(tasks, search=0.6, confirm=0.2, test=0.2)
    assert sorted(task for ids in splits.values() for task in ids) == sorted(task.id for task in tasks)


def test_exact_counts_leave_the_rest_out() -> None:
    splits = deal_splits(THREE_BANDS, search=10, confirm=4, test=6, exact=True)
    assert [len(ids) for ids in splits.values()] == [10, 4, 6]


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"search": 0}, "the search split gets no task"),
        ({"search": -1}, "must be at least 0, got -1"),
        ({"search": 0, "confirm": 0, "test": 0}, "at least one split"),
        ({"search": 40, "exact": True}, "ask for 48 tasks, there are 16"),
        ({"search": 0.5, "exact": True}, "whole number"),
    ],
)
def test_what_cannot_be_dealt_says_why(shares: dict[str, float], message: str) -> None:
    with pytest.raises(SplitError, match=message):
        deal_splits([a_task(str(n)) for n in range(16)], **shares)  # type: ignore[arg-type]


def test_no_tasks_give_no_search_split() -> None:
    with pytest.raises(SplitError, match="the search split gets no task"):
        deal_splits([])
