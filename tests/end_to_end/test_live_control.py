"""A run in one process, steered by commands of another: paused, changed, resumed, stopped; then it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive import Change, Decision
from tests.dgm.commands import dgm
from tests.end_to_end.real import Driver, assert_whole, open_decisions, rows_of, small

PATIENT = ("--wait", "150")


@pytest.mark.whole
def test_pause_change_resume_stop_and_go_on(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    values = {"llm.latency_s": 0.3, "budget.evaluations": 7, "budget.test_repeats": 0, "grace_s": 300.0}
    arguments = small(tmp_path, **values)
    driver = Driver(arguments)
    driver.wait_until(lambda: len(open_decisions(run)) > 0)

    paused = dgm("pause", str(run), *PATIENT)
    assert paused.status == 0, paused
    assert ": paused: nothing new is begun" in paused.out
    decided = len(rows_of(run, Decision))
    driver.wait_until(lambda: not open_decisions(run))

    changed = dgm("change", str(run), "budget.evaluations=9", "workers.slots=1", *PATIENT)
    assert changed.status == 0, changed
    assert "budget.evaluations: 7 -> 9; workers.slots: 2 -> 1" in changed.out
    refused = dgm("change", str(run), "budget.evaluations=8", *PATIENT)
    assert refused.status == 1
    assert "but refused: a budget can only grow" in refused.out
    assert len(rows_of(run, Decision)) == decided, "a paused run went on"

    assert dgm("resume", str(run), *PATIENT).status == 0
    driver.wait_until(lambda: len(open_decisions(run)) > 0)
    stopped = dgm("stop", str(run), *PATIENT)
    assert stopped.status == 0, stopped
    status, out, err = driver.end(within_s=360.0)
    assert status == 130, err
    assert "Traceback" not in err
    assert "asked to pause: paused: nothing new is begun" in out
    assert "asked to change: budget.evaluations: 7 -> 9; workers.slots: 2 -> 1" in out
    assert list((run / "control").iterdir()) == []
    assert dgm("pause", str(run)).out == f"not done: no driver is running {run}; there is nothing to pause\n"

    status, out, err = Driver(arguments).end(within_s=360.0)
    assert status == 0, err
    assert "budget.evaluations: 7 -> 9" in out
    assert_whole(run)
    kinds = [row.kind for row in rows_of(run, Change)]
    assert kinds == ["pause", "budget", "workers", "change", "resume", "stop"]
    slots = [row.saw["slots"] for row in rows_of(run, Decision)]
    assert slots == [2] * decided + [1] * (len(slots) - decided)
    assert dgm("replay", str(run)).status == 0
