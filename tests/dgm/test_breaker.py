"""A run pauses while its provider is down and goes on by itself; nothing of it reaches a score."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock

import pytest

import archive
from archive import Evaluation, Expansion, Outcome, Usage
from dgm.breaker import Breaker
from dgm.jobs import PROVIDER_DOWN, Job, Result
from dgm.llm import Gateway, Retries, RolloutSpec
from dgm.llm.backends import OpenAIBackend
from dgm.llm.backends.probe import trouble_at
from dgm.search import RunPausedError
from tests.dgm.llm.conftest import PRICES
from tests.dgm.llm.test_gateway import post
from tests.dgm.scripted import Driver, Quiet, Script, failed
from tests.fake_upstream import FakeUpstream


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Provider:
    """Down until it is not; counts how often it was asked."""

    down = True
    asked = 0

    def __call__(self) -> str | None:
        self.asked += 1
        return "no answer" if self.down else None


def test_it_opens_asks_with_growing_pauses_and_closes_on_a_result() -> None:
    clock, provider, told = Clock(), Provider(), list[str]()
    breaker = Breaker(provider, told.append, clock)
    assert breaker.allows(7)
    breaker.observe(down=True, counted=False, why="status 503")
    breaker.observe(down=True, counted=False, why="status 503")  # of the jobs that were in flight too
    assert breaker.paused
    assert len(told) == 1
    assert "status 503" in told[0]
    moments = []
    for _ in range(400):
        clock.now += 1.0
        before = provider.asked
        assert not breaker.allows(0)
        if provider.asked > before:
            moments.append(clock.now)
    assert moments[:5] == [5.0, 15.0, 35.0, 75.0, 135.0]
    provider.down = False
    clock.now += 60.0
    assert breaker.allows(0)
    assert not breaker.allows(1)  # carefully at first
    breaker.observe(down=False, counted=True)
    assert breaker.allows(7)
    assert "answers again" in told[-1]
    assert not breaker.hopeless


def test_a_provider_that_answers_only_when_it_is_asked_is_hopeless() -> None:
    clock, provider = Clock(), Provider()
    provider.down = False
    breaker = Breaker(provider, lambda _: None, clock, most=2)
    for _ in range(3):
        assert not breaker.hopeless
        breaker.observe(down=True, counted=False)
        clock.now += 100.0
        assert breaker.allows(0)
    assert breaker.hopeless


def outage(provider: Provider, jobs: int, work: Callable[[Job], Result]) -> Callable[[Job], Result]:
    """The provider goes down after so many jobs; each that meets it so fails, and it is back after three questions."""
    begun = 0

    def meets(job: Job) -> Result:
        nonlocal begun
        begun += 1
        provider.down = begun > jobs and provider.asked < 3
        return failed(job, "model: no answer", PROVIDER_DOWN) if provider.down else work(job)

    return meets


def results(path: Path) -> list[Evaluation | Expansion]:
    with archive.open(path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    return [row for row in rows if isinstance(row, Evaluation | Expansion)]


def test_a_run_waits_for_its_provider_and_goes_on(tmp_path: Path) -> None:
    provider, display = Provider(), Quiet()
    driver = Driver(tmp_path / "run", slots=4, evaluations=20, display=display)

    def trouble() -> str | None:
        provider()
        provider.down = provider.asked < 3
        return "no answer" if provider.down else None

    tree = replace(driver, work=outage(provider, 8, Script()), trouble=trouble, clock=fast()).search()
    assert not tree.open
    assert tree.resolved.sum() + tree.unresolved.sum() == 20
    void = [row for row in results(driver.path) if not row.outcome.counted]
    assert 1 <= len(void) <= 4  # those in flight, nothing after them
    assert all(row.flags == (PROVIDER_DOWN,) for row in void)
    assert all(not isinstance(row, Evaluation) or row.score is None for row in void)
    assert any(line.startswith("paused: the provider is down") for line in display.told)
    assert any("answers again" in line for line in display.told)


def test_an_outage_in_mid_run_costs_nobody_anything(tmp_path: Path) -> None:
    """A provider's process ends while a search asks it through a gateway, and comes back at its second probe."""
    display, turn, begun = Quiet(), Lock(), itertools.count(1)
    counts: list[dict[str, int]] = []
    body = json.dumps({"model": "solve", "messages": [{"role": "user", "content": "hello"}]}).encode()
    with FakeUpstream() as upstream:
        models = {"solve": "fake-1", "improve": "fake-1"}
        backend = OpenAIBackend(models=models, environ={}, base_url=upstream.base_url)

        def work(job: Job) -> Result:
            with turn:  # nobody asks while the counts are taken and the process is ended
                if next(begun) == 9:
                    counts.append(upstream.counts())
                    upstream.go_down()
                spec = RolloutSpec(
                    id=job.id, decision=job.decision, role="solve", sample=job.sample, journal=job.journal
                )
                post(gateway.open(spec), body)
                record = gateway.close(job.id)
            if record.fault is None:
                return replace(Script()(job), record=record)
            flags = (PROVIDER_DOWN,) if record.outage else ()
            return replace(failed(job, f"model: {record.fault}", *flags), record=record)

        probes: list[str | None] = []

        def trouble() -> str | None:
            if len(probes) == 1:
                upstream.come_back()
            probes.append(trouble_at(upstream.base_url, ""))
            return probes[-1]

        with Gateway(backend, prices=PRICES, retries=Retries(tries=2, first_s=0.01)) as gateway:
            driver = Driver(
                tmp_path / "run",
                slots=3,
                evaluations=20,
                display=display,
                work=work,
                trouble=trouble,
                clock=fast(),
                journals=tmp_path / "journals",
            )
            tree = driver.search()
        counts.append(upstream.counts())
    told = "\n".join(display.told)
    assert "paused: the provider is down (model: UpstreamUnavailableError: no answer from" in told
    assert "still paused: no answer from" in told
    assert "the provider answers again" in told
    assert probes[0] is not None
    assert set(probes[1:]) == {None}
    assert not tree.open
    assert tree.resolved.sum() + tree.unresolved.sum() == 20
    rows = results(driver.path)
    void = [row for row in rows if not row.outcome.counted]
    assert 1 <= len(void) <= 3  # those in flight, nothing after them
    assert all(row.flags == (PROVIDER_DOWN,) and row.usage == Usage() for row in void)
    assert all(row.score is None for row in void if isinstance(row, Evaluation))
    assert len(rows) - len(void) == len({row.decision for row in rows})
    assert sum(row.usage.calls for row in rows) == sum(count["answered"] for count in counts)
    assert sum(count["requests"] for count in counts) == sum(count["answered"] for count in counts)


def test_a_provider_that_fails_every_job_stops_the_run(tmp_path: Path) -> None:
    def fails(job: Job) -> Result:
        return failed(job, "model: 503", PROVIDER_DOWN)

    driver = Driver(tmp_path / "run", slots=2, work=fails, clock=fast())
    with pytest.raises(RunPausedError, match="fails every job: model: 503"):
        driver.search()
    assert all(row.outcome == Outcome.VOID for row in results(driver.path))


def test_who_is_there_is_found_out_at_no_cost() -> None:
    with FakeUpstream(key="sk-1") as upstream:
        assert trouble_at(upstream.base_url, "sk-1") is None
        assert upstream.counts()["requests"] == 0
    assert "no answer from" in (trouble_at("http://127.0.0.1:9/v1", "sk-1") or "")


def fast() -> Callable[[], float]:
    """A clock by which a third of a minute passes between two looks."""
    clock = Clock()

    def read() -> float:
        clock.now += 20.0
        return clock.now

    return read
