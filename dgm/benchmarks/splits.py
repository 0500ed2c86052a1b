"""Dealing tasks to the splits: what steers the search, what picks its winner, what is reported."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from archive import Split, TaskId
from dgm.benchmarks.base import Task
from dgm.benchmarks.errors import SplitError


def deal_splits(
    tasks: Sequence[Task], *, search: float = 8, confirm: float = 3, test: float = 5, exact: bool = False
) -> Mapping[Split, tuple[TaskId, ...]]:
    """Tasks of each split, in the order of the SHA-256 of their ids; the same for the same tasks in any
    order.

    Within each band the tasks, in that order, are dealt by the shares: the first to `search`, the next to
    `confirm`, the rest to `test`; each band's rounding goes to the largest remainders. With `exact` the three
    are counts over the whole benchmark instead, and tasks beyond their sum are left out.
    """
    shares = {Split.SEARCH: search, Split.CONFIRM: confirm, Split.TEST: test}
    for split, share in shares.items():
        if share < 0 or (exact and share != int(share)):
            wanted = "a whole number, at least 0" if exact else "at least 0"
            raise SplitError(f"the share of the {split} split must be {wanted}, got {share}")
    ids = [task.id for task in tasks]
    if len(set(ids)) != len(ids):
        raise SplitError("two tasks have the same id")
    if exact and sum(shares.values()) > len(tasks):
        raise SplitError(f"the splits ask for {sum(shares.values())} tasks, there are {len(tasks)}")
    bands: dict[str, list[TaskId]] = {}
    for task in tasks:
        bands.setdefault("" if exact else task.tags.get("band", ""), []).append(task.id)
    dealt: dict[Split, list[TaskId]] = {split: [] for split in shares}
    for band in bands.values():
        left = sorted(band, key=_rank)
        counts = _counts(len(left), [*shares.values()])
        if exact:
            counts = [int(share) for share in shares.values()]
        for split, count in zip(shares, counts, strict=True):
            dealt[split] += left[:count]
            del left[:count]
    if not dealt[Split.SEARCH]:
        dealing = f"{len(tasks)} tasks dealt {search:g} : {confirm:g} : {test:g}"
        raise SplitError(f"the search split gets no task: {dealing}")
    return {split: tuple(sorted(ids, key=_rank)) for split, ids in dealt.items()}


def _rank(task: TaskId) -> str:
    return hashlib.sha256(task.encode()).hexdigest()


def _counts(total: int, shares: Sequence[float]) -> list[int]:
    """`total` in proportion to the shares, by largest remainder; ties go to the earlier split."""
    whole = sum(shares)
    if whole <= 0:
        raise SplitError("at least one split must have a share above 0")
    exact = [total * share / whole for share in shares]
    counts = [int(part) for part in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: counts[i] - exact[i])
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    return counts
