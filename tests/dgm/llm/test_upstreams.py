"""Upstreams travel between processes without a secret; a recorded run answers like the model that it recorded."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import archive
from archive import Agent, Call, Decision, DecisionKind, OpenError, Outcome, RunInfo, Split, create_run
from dgm.gates import Gates
from dgm.jobs import EvaluateJob, EvaluateResult, NodeServices
from dgm.jobs.evaluate import evaluate
from dgm.jobs.services import NodeDoors, NodeSettings
from dgm.llm import Allowance, MissingKeyError
from dgm.llm.recordings import paid, recorded_calls
from dgm.llm.upstreams import OpenAI, Rehearsal, Replay
from dgm.operators import SingleFailure
from dgm.planning import Plan, RunPlanner
from sandbox import Level, Sandbox, open_sandbox
from tests.dgm.jobs.agents import LIMITS, MANIFEST_OF_ALL, RIGHT, TASK, Chatty, agent, evaluate_job, serving
from tests.dgm.llm.conftest import KEY, spec
from tests.dgm.llm.test_gateway import post
from tests.fake_upstream import FakeUpstream

SEED = agent(
    solve=f'ask("again: " + ask("first")["content"])\nwork.joinpath("answer.py").write_text({RIGHT!r})\n'
)
OPENAI = OpenAI(
    base_url="https://models.invalid/v1",
    key_env="MADE_UP_KEY",
    models={"solve": "small", "improve": "large"},
    price={"small": {"input": 1.0, "cached": 0.5, "output": 2.0}},
)


@pytest.mark.parametrize("upstream", [OPENAI, Rehearsal(latency_s=0.1), Replay(run="somewhere")])
def test_settings_travel(upstream: OpenAI | Rehearsal | Replay) -> None:
    assert pickle.loads(pickle.dumps(upstream)) == upstream


def test_a_key_is_taken_where_it_is_used_and_nowhere_kept() -> None:
    backend = OPENAI.backend({"MADE_UP_KEY": "sk-marked"})
    assert backend.model("solve") == "small"
    assert b"sk-marked" not in pickle.dumps(OPENAI)
    assert "sk-marked" not in repr(OPENAI)
    with pytest.raises(MissingKeyError, match="MADE_UP_KEY"):
        OPENAI.backend({"OPENAI_API_KEY": "another"})


def test_prices_of_the_config_are_added_to_the_packaged_ones() -> None:
    prices = OPENAI.prices()
    assert prices.get("small") is not None
    assert prices.get("gpt-5-mini") is not None


def test_what_is_real() -> None:
    assert OPENAI.real
    assert not Rehearsal().real
    with pytest.raises(ValueError, match=r"llm\.latency_s must not be negative"):
        Rehearsal(latency_s=-1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = open_sandbox("process")
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def recorded(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EvaluateJob]:
    """A run with one evaluation that a model answered with `wisdom`, and the job of that evaluation."""
    path = tmp_path_factory.mktemp("runs") / "run"
    with serving(sandbox, Chatty("wisdom")) as services:
        return path, record(path, services)


def record(path: Path, services: NodeServices, journals: Path | None = None) -> EvaluateJob:
    """Write a run with one evaluation; gives its job."""
    info = RunInfo(id="1" * 32, seed=5, config={"llm": {"name": "openai"}}, splits={Split.SEARCH: (TASK.id,)})
    with create_run(path, info) as run:
        plan = Plan(
            run_id=run.info.id,
            seed=5,
            tasks={TASK.id: TASK},
            manifest=MANIFEST_OF_ALL,
            seed_tree=SEED,
            improve_with_seed=False,
            operator=SingleFailure(),
            gates=Gates(),
            allowance=Allowance(calls=10),
            solve_s=30.0,
            improve_s=30.0,
            journals=journals,
        )
        planner = RunPlanner(plan, run.code, run.blobs)
        seed = run.code.commit(SEED, parents=(), message="Seed agent", seq=0)
        decision = Decision(
            seq=1,
            kind=DecisionKind.EVALUATE,
            agent=seed,
            policy="p",
            policy_version=1,
            task=TASK.id,
            split=Split.SEARCH,
        )
        run.append(Agent(id=seed, seq=0, parent=None, depth=0, tree=run.code.tree(seed)))
        run.append(decision)
        job = planner.job(decision, 1)
        assert isinstance(job, EvaluateJob)
        result = evaluate(job, services)
        assert result.outcome is Outcome.RESOLVED
        run.append(*planner.rows(result, decision, run.next_seq))
    return job


class TestReplay:
    def replay(self, sandbox: Sandbox, run: Path, job: EvaluateJob) -> EvaluateResult:
        with serving(sandbox, Replay(run=str(run)).backend({})) as services:
            assert isinstance(services, NodeServices)
            return evaluate(job, services)

    def test_it_answers_what_was_answered(self, sandbox: Sandbox, recorded: tuple[Path, EvaluateJob]) -> None:
        result = self.replay(sandbox, *recorded)
        assert result.outcome is Outcome.RESOLVED, result.detail
        assert result.record is not None
        assert [b"wisdom" in exchange.response for exchange in result.record.exchanges] == [True, True]
        assert result.record.usage.cost_microusd == 0

    def test_what_was_never_asked_is_void(self, sandbox: Sandbox, recorded: tuple[Path, EvaluateJob]) -> None:
        run, job = recorded
        other = replace(job, tree={**job.tree, "solve.py": job.tree["solve.py"].replace(b"again", b"other")})
        result = self.replay(sandbox, run, other)
        assert result.outcome is Outcome.VOID
        assert "does not ask what the recorded run asked there" in result.detail
        elsewhere = self.replay(sandbox, run, replace(job, decision=9))
        assert elsewhere.outcome is Outcome.VOID
        assert "has no call 0 of decision 9" in elsewhere.detail

    def test_it_is_as_real_as_what_it_recorded(self, recorded: tuple[Path, EvaluateJob]) -> None:
        assert Replay(run=str(recorded[0])).real
        calls = recorded_calls(recorded[0])
        assert sorted(calls) == [(1, 0), (1, 1)]
        assert len(calls) == 2

    def test_a_run_that_was_answered_from_a_cache(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """Whole by its own checks, and played back like one that was bought; the second run paid for nothing."""
        bought, given = tmp_path / "bought", tmp_path / "given"
        model = Chatty("wisdom")
        with serving(sandbox, model, cache=tmp_path / "cache") as services:
            record(bought, services, tmp_path / "j1")
            job = record(given, services, tmp_path / "j2")
        assert model.asked == 2
        assert archive.verify(given).problems == ()
        with archive.open(given) as run:
            calls = [row for entry in run.entries() for row in entry.rows if isinstance(row, Call)]
        assert [(call.cache, call.cost_microusd) for call in calls] == [(True, 0)] * 2
        result = self.replay(sandbox, given, replace(job, journal=None))
        assert result.outcome is Outcome.RESOLVED, result.detail

    def test_a_run_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(OpenError):
            Replay(run=str(tmp_path / "nowhere")).backend({})


def test_a_journal_tells_what_each_try_paid(sandbox: Sandbox, tmp_path: Path) -> None:
    job = evaluate_job(SEED, journal=tmp_path / "j")
    with serving(sandbox, Chatty()) as services:
        evaluate(job, services)
        second = replace(job, id="f" * 32, attempt=2, tree={**SEED, "solve.py": b"print(1)"})
        evaluate(second, services)
    first = paid(tmp_path / "j", job.id, "solve")
    assert (first.id, first.usage.calls, first.usage.cost_microusd) == (job.id, 2, 74)
    assert [call.n for call in first.calls] == [0, 1]
    assert paid(tmp_path / "j", second.id, "solve").calls == ()
    assert paid(None, job.id, "solve").calls == ()


def test_a_name_never_says_the_wrong_thing_about_who_answered() -> None:
    with pytest.raises(ValueError, match="must be rehearsal here"):
        Rehearsal(name="gpt")
    with pytest.raises(ValueError, match="must be replay here"):
        Replay(name="openai", run="somewhere")
    for name in ("rehearsal", "replay"):
        with pytest.raises(ValueError, match=f"must not be {name}"):
            OpenAI(name=name, base_url="http://127.0.0.1:1/v1", models={})


def test_no_answer_may_be_longer_than_the_config_says(upstream: FakeUpstream, tmp_path: Path) -> None:
    small = replace(OPENAI, base_url=upstream.base_url, models={"solve": "fake-1"}, output_tokens=100)
    settings = NodeSettings(level=Level.PROCESS, limits=LIMITS, upstream=small, slots=1)
    doors = NodeDoors(settings, {"MADE_UP_KEY": KEY})
    try:
        door = doors.open(spec())
        for wish in ({}, {"max_tokens": 5000}, {"max_completion_tokens": 20}):
            asked = {"model": "solve", "messages": [{"role": "user", "content": "hello"}], **wish}
            assert post(door, json.dumps(asked).encode())[0] == 200
    finally:
        doors.stop()
    assert [request["body"]["max_tokens"] for request in upstream.requests()] == [100, 100, 20]
    caches = {replace(OPENAI, cache=str(tmp_path), output_tokens=n).answers() for n in (100, 200)}
    assert len(caches) == 2
