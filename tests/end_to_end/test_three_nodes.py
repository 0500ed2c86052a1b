"""A whole run on three machines, of which one dies while another joins: right counts, nothing open, all explained."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

import archive
from archive import Evaluation, Split
from dgm.replay import replay
from tests.dgm.commands import dgm
from tests.dgm.workers.contract import scratch_directory
from tests.dgm.workers.machines import ENVIRONMENT, machines
from tests.end_to_end.real import Driver, assert_whole, results_of, rows_of, small

EVALUATIONS = 200


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_a_node_dies_and_another_joins_in_a_run_of_200_evaluations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "runs" / "a"
    with scratch_directory() as scratch:
        for name, value in {**ENVIRONMENT, "TMPDIR": scratch}.items():
            monkeypatch.setenv(name, value)
        with machines(Path(scratch)) as cluster:
            nodes = [cluster.add(2) for _ in range(3)]
            values = {"workers": "ray", "workers.address": cluster.address, "workers.slots": 6}
            budget = {"budget.evaluations": EVALUATIONS, "budget.expansions": 30}
            cluster.wait()
            given = small(tmp_path, **values, **budget, benchmark="katas")
            driver = Driver([word for word in given if not word.startswith("benchmark.path=")])

            def evaluated() -> int:
                return sum(row.outcome.counted for row in rows_of(run, Evaluation))

            driver.wait_until(lambda: evaluated() >= EVALUATIONS // 3, 1200)
            nodes[0].kill()
            cluster.add(2)
            status, _, err = driver.end(1800)
            assert status == 0, err
    assert_whole(run)
    counted = [row for row in rows_of(run, Evaluation) if row.outcome.counted and row.split is Split.SEARCH]
    assert len(counted) == EVALUATIONS
    assert set(Counter((row.agent, row.task) for row in counted).values()) == {1}
    void = [row for row in results_of(run) if not row.outcome.counted]
    assert 1 <= len(void) <= 12, [row.detail for row in void]
    assert dgm("verify", str(run)).status == 0
    with archive.open(run) as reader:
        assert replay(reader).difference is None
    sys.stdout.write(f"{len(void)} void: {Counter(row.detail for row in void)}; load {os.getloadavg()}\n")
