"""A run's cap on money: never exceeded, whatever races for it, and a spent one ends the run like any other end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archive
from archive import Decision, Evaluation, Expansion, Split
from dgm.ending import CLOSED, ENDS
from dgm.errors import ConfigError
from dgm.jobs import Job, Result
from dgm.llm import CallRecord, Gateway, RolloutRecord, RolloutSpec, Tokens
from dgm.llm.backends import OpenAIBackend
from dgm.llm.journal import Answered, Journal
from dgm.prepare import prepare
from dgm.purse import Money, Purse
from tests.dgm.accounts import spent_as_counted
from tests.dgm.commands import composed
from tests.dgm.llm.conftest import KEY, PRICES
from tests.dgm.llm.test_gateway import post
from tests.dgm.scripted import Driver, Quiet, Script, chance
from tests.dgm.test_replay import replayed
from tests.fake_upstream import FakeUpstream

JOB = 1000


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, JOB), st.integers(0, JOB)), max_size=40),
    st.integers(0, 20_000),
)
def test_spent_and_given_never_exceed_the_cap(steps: list[tuple[bool, int, int]], cap: int) -> None:
    purse, given_out, spent = Purse(Money(cap=cap, job=JOB)), dict[int, int](), 0
    for number, (begins, cost, paid) in enumerate(steps):
        if begins and purse.give(number, spent, paid=paid):
            given_out[number] = paid + JOB
        elif given_out:
            ended, most = given_out.popitem()
            purse.take_back(ended)
            spent += min(cost, most)
        assert spent + sum(given_out.values()) <= cap
    assert Purse(Money()).give(1, 10**12, paid=10**12)


def paying(work: Callable[[Job], Result]) -> Callable[[Job], Result]:
    """Each job costs some of what it may, void ones too."""

    def paid(job: Job) -> Result:
        assert job.allowance.microusd == JOB
        call = CallRecord(
            n=0,
            model="m",
            role="solve",
            status=200,
            tokens=Tokens(input=1),
            cost_microusd=round(JOB * chance(job.decision, job.attempt, "cost")),
            latency_s=0.0,
            journal=False,
            estimated=False,
            request="",
            response="",
        )
        return replace(work(job), record=RolloutRecord(id=job.id, calls=(call,)))

    return paid


def costs(path: Path) -> list[int]:
    with archive.open(path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    return [row.usage.cost_microusd for row in rows if isinstance(row, Expansion | Evaluation)]


@pytest.mark.parametrize("void", [0.0, 0.1])
def test_a_spent_cap_ends_the_run_and_a_larger_one_goes_on(tmp_path: Path, void: float) -> None:
    driver = Driver(
        tmp_path / "run", slots=4, work=paying(Script(void=void)), money=Money(cap=20_500, job=JOB)
    )
    driver.search()
    first = costs(driver.path)
    assert 20_500 // 2 - JOB < sum(first) <= 20_500
    driver.search()
    assert "$0.02 of $0.02 are spent and one more job may cost $0.00" in driver.money.ended(19_600)
    assert costs(driver.path) == first  # nothing is begun that cannot be paid to its end
    tree = replace(driver, money=Money(cap=1_000_000, job=JOB)).search()
    assert not tree.open
    assert costs(driver.path)[: len(first)] == first
    assert tree.resolved.sum() + tree.unresolved.sum() == driver.evaluations


def test_a_search_that_its_cap_ends_is_measured_all_the_same(tmp_path: Path) -> None:
    """The whole end is paid from what the search left; going on, replaying and a larger cap know why it ended."""
    end = 12 + 2 * 6 * 2
    driver = Driver(
        tmp_path / "run",
        slots=4,
        evaluations=200,
        confirm=12,
        work=paying(Script(void=0.05)),
        money=Money(cap=60_000, job=JOB),
    )
    driver.search()
    assert any("the rest is for its end" in line for line in driver.display.told)
    decisions, spent = decisions_of(driver.path), sum(costs(driver.path))
    ends = [row for row in decisions if row.split in ENDS]
    assert len(ends) == end
    assert 40_000 < spent <= 60_000
    assert {row.saw[CLOSED] for row in ends} == {60_000}
    assert not any(CLOSED in row.saw for row in decisions if row not in ends)
    searched = len(decisions) - end
    assert 50 < searched < 150
    again = replace(driver, display=Quiet())
    assert not again.search().open
    assert decisions_of(driver.path) == decisions
    assert replayed(driver).difference is None
    more = replace(driver, money=Money(cap=120_000, job=JOB))
    more.search()
    assert sum(row.split in (None, Split.SEARCH) for row in decisions_of(driver.path)) > searched
    assert sum(costs(driver.path)) <= 120_000
    assert replayed(driver).difference is None


def test_what_is_kept_for_the_end() -> None:
    money = Money(cap=100_000, job=JOB)
    assert money.kept(spent=20_000, jobs=40, end=36) == 36 * 625 + JOB
    assert money.kept(spent=0, jobs=0, end=36) == JOB
    assert money.kept(spent=90_000, jobs=10, end=36) == 50_000  # the search has at least half
    assert money.kept(spent=90_000, jobs=10, end=0) == 0
    assert Money(cap=JOB, job=JOB).kept(spent=0, jobs=0, end=36) == 0  # and at least one job
    assert Money().kept(spent=90_000, jobs=10, end=36) == 0


def decisions_of(path: Path) -> list[Decision]:
    with archive.open(path) as run:
        return [row for entry in run.entries() for row in entry.rows if isinstance(row, Decision)]


class KilledError(Exception):
    """The driver died."""


class Dying:
    """A pool whose jobs pay for a call each, and whose driver dies before it hears of any."""

    slots = 2
    running = 0

    def submit(self, job: Job) -> None:
        assert job.journal is not None
        journal = Journal.open(job.journal)
        paid = {"model": "m", "tokens": Tokens(), "cost_microusd": 900}
        journal.append(Answered(n=0, rollout=job.id, request="", status=200, body={}, **paid))
        journal.close()
        self.running += 1

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        raise KilledError

    def close(self) -> None:
        return None


def test_what_a_killed_job_paid_is_kept_back(tmp_path: Path) -> None:
    """What the journals of the jobs in flight say they paid counts until their results are there."""
    dying = Driver(
        tmp_path / "run",
        pool=lambda _: Dying(),
        money=Money(cap=4000, job=JOB),
        journals=tmp_path / "journals",
    )
    with pytest.raises(KilledError):
        dying.search()
    begun = list[int]()

    def works(job: Job) -> Result:
        begun.append(job.decision)
        return paying(Script())(job)

    driver = replace(dying, pool=None, work=works)
    replace(driver, money=Money(cap=1899, job=JOB)).search()
    assert begun == []
    replace(driver, money=Money(cap=1900, job=JOB)).search()
    assert begun


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(key=KEY) as upstream:
        yield upstream


def test_64_rollouts_on_two_nodes_race_for_one_cap(tmp_path: Path, upstream: FakeUpstream) -> None:
    """Each asks until it has had enough or may not ask more; nobody coordinates but the driver with its allowances."""
    money = Money(cap=900_000, job=40_000)
    body = json.dumps({"model": "solve", "messages": [{"role": "user", "content": "x" * 2000}]}).encode()
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                Gateway(
                    OpenAIBackend(
                        models={"solve": "fake-1"},
                        environ={"OPENAI_API_KEY": KEY},
                        base_url=upstream.base_url,
                    ),
                    prices=PRICES,
                )
            )
            for _ in range(2)
        ]

        def work(job: Job) -> Result:
            node = nodes[job.decision % 2]
            door = node.open(
                RolloutSpec(
                    id=job.id, decision=job.decision, role="solve", sample=job.sample, allowance=job.allowance
                )
            )
            statuses = [post(door, body)[0] for _ in range(3 + job.decision % 6)]
            assert set(statuses) <= {200, 403}
            return replace(Script()(job), record=node.close(job.id))

        path = tmp_path / "run"
        Driver(path, slots=64, evaluations=64, work=work, money=money).search()
    with archive.open(path) as run:
        rows = [row for entry in run.entries() for row in entry.rows]
    spent = spent_as_counted(rows, upstream.counts())
    assert money.cap is not None
    assert money.cap - money.job < spent <= money.cap
    assert sum(isinstance(row, Decision) for row in rows) > 22  # more than could be in flight at first


BASE = ("workers=local", "llm=openai", "llm.base_url=http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("llm.models.solve=made-up",), r"llm\.price\.made-up\.input"),
        (("budget.rollout.tokens=null",), r"set budget\.rollout\.usd, or budget\.rollout\.tokens"),
        (("budget.usd=0.5",), r"budget\.usd=0\.5 is less than one rollout may cost, which is 0\.8"),
    ],
)
def test_a_cap_that_cannot_be_kept_stops_a_run_before_it_starts(
    overrides: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        prepare(composed(*BASE, "budget.usd=5", *overrides))


def test_a_job_may_spend_what_its_tokens_can_cost_unless_less_is_set() -> None:
    prepared = prepare(composed(*BASE, "budget.usd=5"))
    assert prepared.settings.money == Money(
        cap=5_000_000, job=800_000
    )  # 400,000 tokens at 2 dollars a million
    assert prepared.allowance.microusd == 800_000
    prepared = prepare(composed(*BASE, "budget.usd=5", "budget.rollout.usd=0.1"))
    assert prepared.settings.money == Money(cap=5_000_000, job=100_000)
