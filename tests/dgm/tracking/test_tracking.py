"""A tracker of experiments gets a run's events, and whatever it does the run goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from dgm.config import build
from dgm.tracking import Tracking
from dgm.tracking.tracking import MOST_WAITING
from sandbox.testing import gone
from tests.dgm.commands import composed

STARTED = {
    "event": "started",
    "name": "a",
    "budget": {"evaluations": 3, "rollout": {"calls": 1}},
    **dict.fromkeys(("id", "policy", "llm", "made_up", "sandbox", "slots", "width"), 1),
}
STATUS = {
    "event": "status",
    "best_evaluations": None,
    **dict.fromkeys(
        ("evaluations", "expansions", "agents", "best_resolved", "running", "waiting", "cost_microusd"), 2
    ),
    "results": {"resolved": 4},
}
ENDED = {
    "event": "ended",
    "how": "finished",
    "best": {"test": {"best": {"mean": 0.5}, "seed": {"mean": None}}},
}


def fake(patience_s: float = 60.0, **options: object) -> Tracking:
    return Tracking(
        name="fake", program="tests.dgm.tracking.fake_tracker", options=options, patience_s=patience_s
    )


def tracked(tracking: Tracking, *events: object) -> list[str]:
    """What the operator is told."""
    told: list[str] = []
    with tracking.opened(told.append) as sink:
        for event in events:
            sink(json.dumps(event))
    return told


def test_it_gets_what_tells_of_the_run_as_a_whole(tmp_path: Path) -> None:
    at = tmp_path / "got"
    decision = {"event": "decision", "seq": 1}
    assert tracked(fake(does="reads", at=str(at)), STARTED, decision, STATUS, ENDED) == []
    started, status, ended = at.read_text().splitlines()
    assert "'budget.evaluations': 3" in started
    assert "rollout" not in started
    assert "'results.resolved': 4" in status
    assert "best_evaluations" not in status
    assert ended == "ended {'test.best': 0.5}"


def test_one_that_raises_is_told_once() -> None:
    [line] = tracked(fake(does="raises"), STARTED, *[STATUS] * 50, ENDED)
    assert line.startswith("tracking: fake ended")
    assert line.endswith("RuntimeError: the server is gone; the run goes on without it")


def test_one_that_hangs_is_ended_after_the_run(tmp_path: Path) -> None:
    at = tmp_path / "pid"
    told: list[str] = []
    with fake(patience_s=0.2, does="hangs", at=str(at)).opened(told.append) as sink:
        many = json.dumps({**STATUS, "why": "x" * 10_000})
        for _ in range(2 * MOST_WAITING // len(many)):
            sink(many)
    assert len(told) == 1
    assert "does not read what it is told" in told[0]
    assert gone("tests.dgm.tracking.fake_tracker")


def test_one_that_hangs_delays_nobody_who_asks_twice_and_leaves_nothing_behind(tmp_path: Path) -> None:
    at, helper = tmp_path / "pid", f"600.{time.time_ns()}"
    told: list[str] = []
    tracking = fake(patience_s=600.0, does="hangs", at=str(at), helper=helper)
    stops = iter([1, 1])  # a second time while it is waited for
    with tracking.opened(told.append, lambda: next(stops, 2)):
        while not at.exists():
            time.sleep(0.01)
    [line] = told
    assert "was not done 1" in line
    assert gone(str(at))
    assert gone(helper)


def test_the_third_time_nobody_waits(tmp_path: Path) -> None:
    def stops() -> int:
        raise KeyboardInterrupt

    at = tmp_path / "pid"
    with pytest.raises(KeyboardInterrupt), fake(does="hangs", at=str(at)).opened(print, stops):
        pass
    assert gone(str(at))


def test_one_that_is_not_there_and_one_that_fails_at_its_end_are_told() -> None:
    [line] = tracked(Tracking(name="x", program="dgm.tracking.none_such"), STARTED)
    assert "No module named dgm.tracking.none_such" in line
    [line] = tracked(fake(does="reads", at="/dev/null", status=3), STARTED)
    assert "ended with status 3" in line


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mlflow", {"uri": "file:/x", "experiment": "dgm"}),
        ("wandb", {"project": "dgm", "mode": "offline", "dir": None}),
    ],
)
def test_the_configured_trackers(name: str, options: dict[str, object]) -> None:
    given = [f"tracking.options.{key}={value}" for key, value in options.items() if value]
    made = build(composed(f"tracking={name}", *given), "tracking")
    assert (made.name, made.program, dict(made.options)) == (name, f"dgm.tracking.to_{name}", options)


def test_no_tracker_is_the_default() -> None:
    assert build(composed(), "tracking") is None
