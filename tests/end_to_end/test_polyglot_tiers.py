"""A search over a polyglot folder whose tasks need different tiers: learned before it, recorded in each row."""

from __future__ import annotations

from pathlib import Path

from archive import Evaluation
from dgm.benchmarks.polyglot import PRACTICE
from tests.dgm.commands import dgm
from tests.end_to_end.real import FEW, rows_of, small

PARAMETRISED = """

import pytest


@pytest.mark.parametrize("n", [1, 2])
def test_given(n):
    assert n
"""


def test_each_task_is_graded_in_the_tier_that_its_reference_needs(tmp_path: Path) -> None:
    overrides = small(tmp_path, **{"budget.evaluations": 2, "budget.expansions": 0})
    for name in FEW[1:]:
        tests = next((tmp_path / "tasks" / PRACTICE / name).glob("*[!e]_test.py"))
        tests.write_text(tests.read_text() + PARAMETRISED)
    said = dgm("run", *overrides)
    assert said.status == 0, said.err
    assert f"graded in tier B: {', '.join(f'polyglot/{name}' for name in FEW[1:])}\n" in said.out
    graded = [row for row in rows_of(tmp_path / "runs" / "a", Evaluation) if row.tier]
    assert {row.tier for row in graded} >= {"B"}
    for row in graded:
        assert row.tier == ("A" if row.task == f"polyglot/{FEW[0]}" else "B")
        assert ("sentinels" in row.digests) == (row.tier == "B")
        assert ("ablation" in row.digests) == (row.tier == "B" and row.outcome == "resolved")
    tests_seen = {row.task: row.digests["tests"] for row in graded}
    assert all(tests_seen[row.task] == row.digests["tests"] for row in graded)
