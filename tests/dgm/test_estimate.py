"""What a run will ask of a model, told before anything is spent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import archive
from dgm.estimate import estimate
from dgm.jobs import Job, Result
from dgm.llm import CallRecord, RolloutRecord, Tokens
from dgm.prepare import prepare
from tests.dgm.commands import composed, dgm, files_below
from tests.dgm.scripted import Driver, Script

BASE = ("workers=local", "llm=openai", "llm.base_url=http://127.0.0.1:9/v1", "budget.evaluations=100")


def used(job: Job) -> Result:
    """Each job asks once, sends 10,000 tokens of which 4,000 were cached, and is answered 500."""
    call = CallRecord(
        n=0,
        model="m",
        role="solve",
        status=200,
        tokens=Tokens(input=10_000, cached=4000, output=500),
        cost_microusd=1,
        latency_s=0.0,
        journal=False,
        estimated=False,
        request="",
        response="",
    )
    return replace(Script()(job), record=RolloutRecord(id=job.id, calls=(call,)))


def test_from_the_configuration_alone() -> None:
    prepared = prepare(composed(*BASE, "budget.expansions=20", "budget.confirm=9", "budget.test_repeats=1"))
    found = estimate(prepared, None)
    tests = 15
    assert (found.evaluations.low, found.evaluations.high) == (100 + tests, 100 + 9 + 2 * tests)
    assert (found.expansions.low, round(found.expansions.expected), found.expansions.high) == (0, 16, 20)
    jobs = found.evaluations.high + 20
    assert found.microusd is not None
    assert found.microusd.high == jobs * 800_000  # 400,000 tokens, all written, at 2 dollars a million
    assert found.sent.high + found.written.high == jobs * 400_000
    assert 0 < found.microusd.low < found.microusd.expected < found.microusd.high
    wide = estimate(prepare(composed(*BASE, "workers.slots=20", "workers.width=auto")), None)
    assert wide.notes[0] == "rounds (evaluations / jobs in flight): 100 = 100 / 1"
    wide = estimate(prepare(composed(*BASE, "workers.slots=20")), None)
    assert "5 = 100 / 20" in wide.notes[0]
    assert wide.notes[1].startswith("width: 100 evaluations with 20 jobs in flight are 5 rounds")
    capped = estimate(prepare(composed(*BASE, "budget.usd=5")), None)
    assert capped.microusd is not None
    assert capped.microusd.high == 5_000_000
    assert "leaves about $2.25 for the 96 evaluations at the end" in "".join(capped.notes)
    assert "enough for about" not in "".join(capped.notes)
    tight = estimate(prepare(composed(*BASE, "budget.usd=2")), None)
    assert "leaves about $1.00 for the 96 evaluations at the end: enough for about" in tight.notes[-1]
    alone = estimate(
        prepare(composed(*BASE, "budget.usd=1", "budget.confirm=0", "budget.test_repeats=0")), None
    )
    assert alone.notes[-1].startswith("budget.usd ends the run at $1.00 at most: enough for about")


def test_from_a_past_run(tmp_path: Path) -> None:
    Driver(tmp_path / "run", evaluations=12, work=used).search()
    with archive.open(tmp_path / "run") as past:
        found = estimate(prepare(composed(*BASE, "budget.confirm=0", "budget.test_repeats=0")), past)
    one = 6000 * 0.25 + 4000 * 0.025 + 500 * 2.0  # gpt-5-mini
    assert found.microusd is not None
    assert found.microusd.low == 100 * one
    assert round(found.microusd.expected) == round((100 + 100**0.6) * one)
    assert found.sent.low == 100 * 10_000
    assert [note for note in found.notes if "rounds" not in note] == []


def test_a_model_counts_by_its_weight(tmp_path: Path) -> None:
    """Of twenty rollouts that solve nineteen go to a model at a tenth of the other's price."""
    prices = (
        "llm.price={a: {input: 1.0, cached: 1.0, output: 1.0}, b: {input: 10.0, cached: 10.0, output: 10.0}}"
    )
    few = ("budget.confirm=0", "budget.test_repeats=0", "budget.expansions=1", "llm.models.improve=a")
    prepared = prepare(composed(*BASE, *few, prices, "llm.models.solve={a: 19, b: 1}"))
    Driver(tmp_path / "run", evaluations=12, work=used).search()
    with archive.open(tmp_path / "run") as past:
        told = estimate(prepared, past).microusd
    one = 10_500
    assert told is not None
    assert round(told.expected) == round(100 * (0.95 * one + 0.05 * 10 * one) + one)
    assert told.low == 100 * one
    assert told.high < 100 * 10 * one
    guessed = estimate(prepared, None).microusd
    cheap = estimate(prepare(composed(*BASE, *few, prices, "llm.models.solve=a")), None).microusd
    assert guessed is not None
    assert cheap is not None
    assert 1.4 < guessed.expected / cheap.expected < 1.46


def test_the_command_begins_nothing(tmp_path: Path) -> None:
    words = (*BASE, f"runs_dir={tmp_path}", "llm.models.solve=made-up")
    said = dgm("estimate", *words)
    assert (said.status, files_below(tmp_path)) == (0, files_below(tmp_path / "none"))
    assert "no price is known for made-up" in said.out
    assert dgm("run", "--dry-run", *words).out == said.out
    assert "money" not in said.out
    lost = dgm("estimate", *words, "--from", str(tmp_path / "nowhere"))
    assert lost.status == 2
    assert dgm("estimate", "--from").status == 2
