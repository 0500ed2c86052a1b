"""Every policy searches as it did; `scripts/regenerate-golden` writes down a change that is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.dgm.golden import GOLDEN, searched
from tests.dgm.scripted import POLICIES


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_the_search_is_the_recorded_one(tmp_path: Path, policy: str) -> None:
    assert searched(policy, tmp_path / "run") == json.loads((GOLDEN / f"{policy}.json").read_text())


def test_no_recorded_search_is_of_a_policy_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(POLICIES)
