from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import rehearsal_harness as harness

collect_ignore_glob = ["agents/*"]


@pytest.fixture(scope="session")
def bench() -> Iterator[harness.Bench]:
    with harness.Bench() as bench:
        yield bench


@pytest.fixture(scope="session")
def seed() -> harness.Tree:
    return harness.read_tree(harness.SEED)


@pytest.fixture(scope="session")
def search() -> tuple[harness.Exercise, ...]:
    return harness.splits()["search"]
