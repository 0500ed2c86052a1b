from __future__ import annotations

import json
import mmap
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archive import verify
from dgm.payments import payments
from sandbox.docker.engine import Engine
from scripts.measure.large_run import OPEN, make
from scripts.measure.memory import watched
from scripts.measure.report import Report, Target, as_json, as_text
from scripts.measure.stats import estimate, figure

ROOT = Path(__file__).parents[2]


def perf(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "perf"), *words]
    return subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=500
    )


def measured(*words: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What a measurement reports, and its figures by name; its exit status is whether its targets hold."""
    done = perf(*words, "--json")
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["holds"] is (done.returncode == 0)
    return report, {one["name"]: one for one in report["figures"]}


@pytest.mark.docker
def test_the_sandbox_is_measured_and_leaves_nothing(engine: Engine) -> None:
    report, figures = measured("sandbox", "--cycles", "2", "--calls", "20")
    assert {"floor", "cycle", "cycle : floor", "relay adds, kept connection"} <= set(figures)
    assert all(one["low"] <= one["median"] <= one["high"] for one in figures.values())
    assert (figures["floor"]["n"], figures["relay, kept connection"]["n"]) == (2, 20)
    assert 0 < figures["floor"]["median"] < 600_000
    targets = {one["name"]: one for one in report["targets"]}
    assert list(targets) == [
        "cycle : floor, median",
        "relay, added to a call",
        "containers and volumes left",
    ]
    assert targets["containers and volumes left"]["value"] == 0
    assert report["holds"] is all(one["holds"] for one in targets.values())
    assert report["machine"]["cores"] >= 1
    assert len(report["load_before"]) == len(report["load_after"]) == 3


@pytest.mark.whole
def test_the_gateway_is_measured_beside_direct_calls() -> None:
    report, figures = measured("gateway", "--calls", "20", "--streams", "2", "--open", "8")
    assert figures["call, direct"]["n"] == figures["call, gateway"]["n"] == 20
    assert 0 < figures["call, direct"]["median"] < figures["call, gateway"]["median"]
    assert figures["chunk, through the gateway"]["n"] == 2 * 50
    assert figures["calls per second of one core"]["median"] > 0
    assert "memory, 8 open streams" in figures
    assert [one["name"] for one in report["targets"]] == ["added to a call, median"]


@pytest.mark.whole
def test_the_archive_is_measured_beside_others(tmp_path: Path) -> None:
    small = ("--agents", "40", "--evaluations", "9000", "--opens", "2")
    report, figures = measured(
        "archive", "--alone", "3", "--queued", "2", "--directory", str(tmp_path), *small
    )
    stores = ("archive", "SQLite", "Delta Lake", "floor")
    assert {f"append, {how}: {store}" for how in ("alone", "64 queued") for store in stores} <= set(figures)
    assert figures["append, 64 queued: archive : SQLite"]["n"] == 2
    assert 0 < figures["size, 64 queued: archive : SQLite"]["median"] < 1
    assert figures["open, view ready"]["n"] == 2
    assert 0 <= figures["index : parts"]["median"] < 1
    assert [one["bound"] for one in report["targets"]] == [1.0, 700.0]
    assert list(tmp_path.iterdir()) == []


def test_the_large_run_is_one_that_verify_finds_whole(tmp_path: Path) -> None:
    make(tmp_path / "run", agents=12, evaluations=300)
    found = verify(tmp_path / "run")
    assert found.problems == payments(tmp_path / "run").problems == ()
    assert (found.agents, found.entries) == (12, 1 + 2 * 311 + OPEN)


@pytest.mark.whole
def test_decisions_are_measured_beside_a_walk() -> None:
    report, figures = measured("decisions", "--agents", "50", "1000", "--decisions", "20", "--walks", "2")
    assert (figures["50 agents: decision"]["n"], figures["50 agents: walk"]["n"]) == (20, 2)
    assert figures["1000 agents: decision : walk"]["median"] > 0
    assert (figures["50 agents: expansion"]["n"], figures["1000 agents: expansion"]["n"]) == (20, 20)
    assert [one["name"] for one in report["targets"]] == [
        "1000 agents: decision, median",
        "1000 agents: expansion, median",
    ]


@pytest.mark.whole
def test_pedigree_is_measured_with_what_observing_costs() -> None:
    report, figures = measured("pedigree", "--agents", "30", "--decisions", "20")
    assert (figures["30 agents: decision"]["n"], figures["30 agents: observe"]["n"]) == (20, 30 + 2 * 300)
    assert [one["name"] for one in report["targets"]] == [
        "30 agents: observe, mean",
        "30 agents: observe, per evaluation",
    ]


@pytest.mark.whole
def test_scaling_is_measured_by_a_run_whose_rollouts_wait() -> None:
    few = ("--slots", "1", "--latency", "0.01", "--parts", "0", "--workers", "local", "--sandbox", "process")
    report, figures = measured("scaling", *few)
    assert figures[" 1 slots: evaluations per second"]["median"] > 0
    assert figures[" 1 slots: one rollout"]["median"] > 10 * 0.01
    assert figures[" 1 slots: CPU per evaluation, boxes"]["median"] > 0
    assert [(one["name"], one["bound"]) for one in report["targets"]] == [(" 1 slots: of ideal", 0.85)]


@pytest.mark.whole
def test_the_driver_is_measured_on_an_archive_that_is_there() -> None:
    few = (
        "--evaluations",
        "100",
        "--policies",
        "huxley",
        "--results",
        "200",
        "--slots",
        "8",
        "--rate",
        "400",
    )
    report, figures = measured("driver", *few)
    processor = figures["huxley, 100 evaluations: CPU of a result"]["median"]
    parts = [one["median"] for name, one in figures.items() if ": of it " in name]
    assert processor > 0
    assert sum(parts) == pytest.approx(processor)
    assert figures["huxley, 100 evaluations: delay below saturation"]["n"] == 200
    assert [one["name"] for one in report["targets"]] == ["huxley, 100 evaluations: saturation"]


@pytest.mark.whole
def test_without_an_engine_it_says_so() -> None:
    done = perf("sandbox", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("scripts/perf sandbox: no Docker engine answers at unix:///nowhere")


@pytest.mark.whole
def test_an_unknown_subject_is_refused() -> None:
    done = perf("weather")
    assert done.returncode == 2
    assert "sandbox" in done.stderr


def test_an_estimate_holds_its_median_and_is_the_same_each_time() -> None:
    samples = [1.0, 1.2, 1.1, 1.3, 5.0]
    one = estimate("ratio", "", samples)
    assert (one.n, one.median) == (5, 1.2)
    assert 1.0 <= one.low <= 1.2 <= one.high <= 5.0
    assert one == estimate("ratio", "", samples)


@pytest.mark.parametrize(("value", "says"), [(1.35, "holds"), (1.36, "DOES NOT HOLD")])
def test_a_target_holds_up_to_its_bound(value: float, says: str) -> None:
    target = Target(name="ratio", unit="", value=value, bound=1.35)
    report = Report(
        subject="x", machine={"cores": 2}, settings={"cycles": 1}, load_before=(0, 0, 0), load_after=(0, 0, 0),
        figures=(figure("floor", "ms", [1.0, 2.0]),), targets=(target,),
    )  # fmt: skip
    assert as_text(report).splitlines()[-1] == f"ratio: {value:.3f}, at most 1.35: {says}"
    assert as_json(report)["holds"] is report.holds is (says == "holds")


@pytest.mark.whole
def test_growth_is_seen() -> None:
    memory: list[mmap.mmap] = []
    ends: list[socket.socket] = []

    def leak() -> None:
        memory.append(mmap.mmap(-1, 4 << 20))  # not from what the heap has kept of earlier tests
        memory[-1].write(b"x" * (4 << 20))
        ends.append(socket.socket())

    grown, _ = watched(leak, warm_up=1, cycles=20)
    for end in ends:
        end.close()
    assert grown.mib > 40
    assert grown.descriptors > 10
