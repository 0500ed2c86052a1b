"""Decisions become jobs that depend on nothing later, results become rows that a real archive takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import archive
from archive import (
    Agent,
    AgentId,
    Call,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    Outcome,
    Row,
    Run,
    RunInfo,
    Split,
    create_run,
    job_id,
    tree_hash,
)
from archive.testing import a_regrade
from dgm.gates import Gates, form
from dgm.jobs import EvaluateJob, EvaluateResult, ExpandJob, ExpandResult, Job, voided
from dgm.jobs.evaluate import evaluate
from dgm.jobs.expand import expand
from dgm.jobs.manifest import MANIFEST
from dgm.llm import Allowance, CallRecord, Exchange, RolloutRecord, Spent, Tokens, unpacked
from dgm.operators import SingleFailure
from dgm.planning import Plan, RunPlanner
from sandbox import open_sandbox
from tests.dgm.jobs.agents import AGENT_TOML, MANIFEST_OF_ALL, RIGHT, TASK, Chatty, Denying, agent, serving

THEN = datetime(2026, 1, 1, tzinfo=UTC)
SEED = agent(solve=f'ask()\nwork.joinpath("answer.py").write_text({RIGHT!r})\n', improve="ask()\n")
EXCHANGE = Exchange(n=0, request=b'{"messages":[]}', response=b"{}", status=200)
RECORD = RolloutRecord(
    id="r" * 32,
    calls=(
        CallRecord(
            n=0,
            model="m",
            role="solve",
            status=200,
            tokens=Tokens(input=10, cached=2, output=5, reasoning=1),
            cost_microusd=12,
            latency_s=0.5,
            journal=False,
            estimated=True,
            request="q" * 64,
            response="p" * 64,
        ),
    ),
    exchanges=(EXCHANGE,),
    spent=Spent.CALLS,
)


class Driver:
    """Appends decisions and results to a real run, as the search loop does."""

    def __init__(self, path: Path, journals: bool = False, improve_with_seed: bool = False) -> None:
        self.run: Run = create_run(path, RunInfo(id="1" * 32, seed=5, splits={Split.SEARCH: (TASK.id,)}))
        self.plan = Plan(
            run_id="1" * 32,
            seed=5,
            tasks={TASK.id: TASK},
            manifest=MANIFEST_OF_ALL,
            seed_tree=SEED,
            improve_with_seed=improve_with_seed,
            operator=SingleFailure(),
            gates=Gates(smoke=False, check=False),
            allowance=Allowance(calls=4),
            solve_s=60.0,
            improve_s=90.0,
            journals=path / "journal" if journals else None,
        )
        self.planner = RunPlanner(self.plan, self.run.code, self.run.blobs)
        self.seed = self.run.code.commit(SEED, parents=(), message="Seed agent", seq=0)
        self.append(Agent(id=self.seed, seq=0, parent=None, depth=0, tree=self.run.code.tree(self.seed)))

    def append(self, *rows: Row) -> None:
        self.run.append(*rows)
        for row in rows:
            self.planner.observe(row)

    def decide(self, kind: DecisionKind, agent: AgentId | None = None) -> Decision:
        evaluates = kind is DecisionKind.EVALUATE
        decision = Decision(
            seq=self.run.next_seq,
            kind=kind,
            agent=agent or self.seed,
            policy="p",
            policy_version=1,
            task=TASK.id if evaluates else None,
            split=Split.SEARCH if evaluates else None,
            operator=None if evaluates else "single_failure",
        )
        self.append(decision)
        return decision

    def finish(self, result: EvaluateResult | ExpandResult, decision: Decision) -> list[Row]:
        rows = self.planner.rows(result, decision, self.run.next_seq)
        self.append(*rows)
        return list(rows)

    def evaluated(self, outcome: Outcome = Outcome.UNRESOLVED, answer: bytes = b"x") -> Decision:
        decision = self.decide(DecisionKind.EVALUATE)
        self.finish(
            evaluation(self.planner.job(decision, 1), outcome, answer={"answer.py": answer}), decision
        )
        return decision


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    driver = Driver(tmp_path / "run", journals=True)
    yield driver
    driver.run.close()


def evaluation(job: Job, outcome: Outcome, **fields: object) -> EvaluateResult:
    about: dict[str, object] = {"id": job.id, "decision": job.decision, "attempt": job.attempt}
    return EvaluateResult(**{**about, "outcome": outcome, "started": THEN, **fields})  # type: ignore[arg-type]


def expansion(job: Job, outcome: ExpansionOutcome, **fields: object) -> ExpandResult:
    about: dict[str, object] = {"id": job.id, "decision": job.decision, "attempt": job.attempt}
    return ExpandResult(**{**about, "outcome": outcome, "started": THEN, **fields})  # type: ignore[arg-type]


class TestRows:
    @pytest.mark.parametrize("outcome", Outcome)
    def test_every_outcome_of_an_evaluation(self, driver: Driver, outcome: Outcome) -> None:
        decision = driver.decide(DecisionKind.EVALUATE)
        job = driver.planner.job(decision, 1)
        result = evaluation(
            job,
            outcome,
            record=replace(RECORD, id=job.id),
            answer={"answer.py": b"\xff"},
            log=b"said",
        )
        [row, call] = driver.finish(result, decision)
        assert isinstance(row, Evaluation)
        assert (row.outcome, row.agent, row.task, row.decision) == (
            outcome,
            driver.seed,
            TASK.id,
            decision.seq,
        )
        assert row.score == (None if outcome is Outcome.VOID else float(outcome is Outcome.RESOLVED))
        assert row.usage.cost_microusd == 12
        assert row.log is not None
        assert driver.run.blobs.get(row.log) == b"said"
        assert row.transcript is not None
        assert unpacked(driver.run.blobs.get(row.transcript)) == (EXCHANGE,)
        assert call == Call(
            rollout=job.id,
            seq=row.seq,
            n=0,
            model="m",
            role="solve",
            status=200,
            input_tokens=10,
            cached_tokens=2,
            output_tokens=5,
            reasoning_tokens=1,
            cost_microusd=12,
            latency_s=0.5,
            journal=False,
            request="q" * 64,
            response="p" * 64,
            estimated=True,
        )

    @pytest.mark.parametrize("outcome", [o for o in ExpansionOutcome if o is not ExpansionOutcome.CHILD])
    def test_every_outcome_of_an_expansion_without_child(
        self, driver: Driver, outcome: ExpansionOutcome
    ) -> None:
        decision = driver.decide(DecisionKind.EXPAND)
        job = driver.planner.job(decision, 1)
        record = replace(RECORD, id=job.id)
        result = expansion(job, outcome, record=record, brief=b"b", patch=b"p")
        [row, _] = driver.finish(result, decision)
        assert isinstance(row, Expansion)
        assert (row.outcome, row.parent, row.child, row.operator) == (
            outcome,
            driver.seed,
            None,
            "single_failure",
        )

    def test_a_child(self, driver: Driver) -> None:
        driver.evaluated()
        decision = driver.decide(DecisionKind.EXPAND)
        tree = {**SEED, "new.txt": b"new", "solve.py": b"changed"}
        result = expansion(
            driver.planner.job(decision, 1), ExpansionOutcome.CHILD, child=tree, patch=b"12345"
        )
        [row, child] = driver.finish(result, decision)
        assert isinstance(row, Expansion)
        assert isinstance(child, Agent)
        assert (row.child, row.parent_evaluations, row.parent_depth) == (child.id, 1, 0)
        assert (child.parent, child.depth, child.expansion) == (driver.seed, 1, row.id)
        assert (child.patch_bytes, child.patch_files, child.tree) == (5, 2, tree_hash(tree))
        assert driver.run.code.files(child.id) == tree

    def test_what_the_parent_was_when_its_expansion_was_decided(self, driver: Driver) -> None:
        made = [driver.seed]
        for n in range(3):
            expand = driver.decide(DecisionKind.EXPAND, made[-1])
            tree = {**SEED, "new.txt": b"%d" % n}
            result = expansion(
                driver.planner.job(expand, 1), ExpansionOutcome.CHILD, child=tree, patch=b"." * 10 ** (n + 1)
            )
            child = driver.finish(result, expand)[1]
            assert isinstance(child, Agent)
            made.append(child.id)
        driver.evaluated()
        confirm = replace(driver.decide(DecisionKind.EVALUATE), seq=driver.run.next_seq, split=Split.CONFIRM)
        driver.append(confirm)
        driver.finish(evaluation(driver.planner.job(confirm, 1), Outcome.RESOLVED), confirm)
        decided = [driver.decide(DecisionKind.EXPAND, agent) for agent in (driver.seed, made[3])]
        driver.evaluated()
        rows = [
            driver.finish(expansion(driver.planner.job(one, 1), ExpansionOutcome.NO_CHANGE), one)[0]
            for one in decided
        ]
        assert [
            (row.parent_evaluations, row.parent_depth, row.parent_patch_bytes)
            for row in rows
            if isinstance(row, Expansion)
        ] == [(1, 0, 0), (0, 3, 1110)]

    @pytest.mark.parametrize("goes_on", [False, True])
    def test_of_two_children_of_one_form_in_flight_the_second_is_a_duplicate(
        self, driver: Driver, goes_on: bool
    ) -> None:
        decisions = [driver.decide(DecisionKind.EXPAND) for _ in range(2)]
        jobs = [driver.planner.job(decision, 1) for decision in decisions]
        tree, again = {**SEED, "new.py": b"x = 1\n"}, {**SEED, "new.py": b"x = 1  # one\n"}
        [first, child] = driver.finish(expansion(jobs[1], ExpansionOutcome.CHILD, child=tree), decisions[1])
        if goes_on:
            driver.planner = RunPlanner(driver.plan, driver.run.code, driver.run.blobs)
            with archive.open(driver.run.path) as run:
                driver.planner.recall(run)
        [second] = driver.finish(expansion(jobs[0], ExpansionOutcome.CHILD, child=again), decisions[0])
        assert isinstance(first, Expansion)
        assert isinstance(second, Expansion)
        assert isinstance(child, Agent)
        assert (first.outcome, first.child) == (ExpansionOutcome.CHILD, child.id)
        assert (second.outcome, second.child) == (ExpansionOutcome.DUPLICATE, None)
        assert child.form == form(tree)
        assert child.id[:12] in second.detail

    def test_a_void_try_leaves_its_decision_open_and_its_costs_on_record(self, driver: Driver) -> None:
        decision = driver.decide(DecisionKind.EVALUATE)
        for attempt in (1, 2):
            job = driver.planner.job(decision, attempt)
            void = voided(job, RuntimeError("lost\nit \x1b[2J"), replace(RECORD, id=job.id))
            row = driver.finish(void, decision)[0]
            assert isinstance(row, Evaluation)
            assert row.detail == "RuntimeError: lost it ?[2J"
            assert row.usage.cost_microusd == 12
        driver.finish(evaluation(driver.planner.job(decision, 3), Outcome.RESOLVED), decision)
        with archive.open(driver.run.path) as run:
            rows = [row for entry in run.entries() for row in entry.rows if isinstance(row, Evaluation)]
        assert [row.attempt for row in rows] == [1, 2, 3]


class TestJobs:
    def test_they_are_named_by_run_decision_kind_and_try(self, driver: Driver) -> None:
        decision = driver.decide(DecisionKind.EVALUATE)
        jobs = [driver.planner.job(decision, attempt) for attempt in (1, 2)]
        assert jobs[0].id == job_id("1" * 32, decision.seq, "evaluate", 1)
        assert jobs[1] == replace(jobs[0], id=job_id("1" * 32, decision.seq, "evaluate", 2), attempt=2)
        assert jobs[0].journal == driver.run.path / "journal" / "00000001.jsonl"

    def test_samples_follow_from_seed_and_decision_alone(self, driver: Driver) -> None:
        samples = [
            driver.planner.job(driver.decide(kind), 1).sample for kind in (*DecisionKind, *DecisionKind)
        ]
        assert len(set(samples)) == 4
        assert all(len(sample) == 16 for sample in samples)
        assert samples[0].hex() == "393597ec6f39c60b8ca13549931fae04"  # of seed 5, decision 1: for ever

    def test_the_tasks_own_time_is_a_limit_too(self, driver: Driver) -> None:
        job = driver.planner.job(driver.decide(DecisionKind.EVALUATE), 1)
        assert isinstance(job, EvaluateJob)
        assert job.seconds == 60.0
        assert (job.tree, job.task, job.split) == (SEED, TASK, Split.SEARCH)

    def test_an_expansion_is_planned_the_same_whenever_it_is_asked(self, driver: Driver) -> None:
        for n in range(3):
            driver.evaluated(answer=b"early %d" % n)
        decision = driver.decide(DecisionKind.EXPAND)
        job = driver.planner.job(decision, 1)
        other = driver.decide(DecisionKind.EXPAND)
        child = expansion(driver.planner.job(other, 1), ExpansionOutcome.CHILD, child={**SEED, "x": b""})
        driver.finish(child, other)
        for n in range(20):
            driver.evaluated(answer=b"late %d" % n)
        assert driver.planner.job(decision, 1) == job
        fresh = RunPlanner(driver.plan, driver.run.code, driver.run.blobs)
        for entry in driver.run.entries():
            for row in entry.rows:
                fresh.observe(row)
        assert fresh.job(decision, 1) == job

    def test_what_an_expansion_gets_to_know(self, driver: Driver) -> None:
        driver.evaluated(answer=b"wrong")
        job = driver.planner.job(driver.decide(DecisionKind.EXPAND), 1)
        assert isinstance(job, ExpandJob)
        assert [piece.answer for piece in job.evidence] == [{"answer.py": b"wrong"}]
        assert job.frozen == {MANIFEST: AGENT_TOML}
        assert job.known == {form(SEED): driver.seed}
        assert job.improver == job.tree == SEED
        assert TASK.instruction in job.brief

    def test_of_a_regraded_evaluation_the_last_grading_counts(self, driver: Driver) -> None:
        driver.evaluated(Outcome.UNRESOLVED)
        with archive.open(driver.run.path) as run:
            first = next(r for e in run.entries() for r in e.rows if isinstance(r, Evaluation))
        driver.append(a_regrade(driver.run.next_seq, first))
        expand = driver.decide(DecisionKind.EXPAND)
        job = driver.planner.job(expand, 1)
        assert isinstance(job, ExpandJob)
        assert job.evidence == ()
        [row] = driver.finish(expansion(job, ExpansionOutcome.NO_CHANGE), expand)
        assert isinstance(row, Expansion)
        assert row.parent_evaluations == 1

    def test_the_control_improves_with_the_seed(self, tmp_path: Path) -> None:
        driver = Driver(tmp_path / "run", improve_with_seed=True)
        parent = {**SEED, "improve.py": b"raise SystemExit"}
        decision = driver.decide(DecisionKind.EXPAND)
        [_, child] = driver.finish(
            expansion(driver.planner.job(decision, 1), ExpansionOutcome.CHILD, child=parent), decision
        )
        assert isinstance(child, Agent)
        job = driver.planner.job(driver.decide(DecisionKind.EXPAND, child.id), 1)
        driver.run.close()
        assert isinstance(job, ExpandJob)
        assert (job.tree, job.improver) == (parent, SEED)


@pytest.mark.whole
def test_running_finished_rollouts_again_costs_no_upstream_call(driver: Driver) -> None:
    kinds = [DecisionKind.EVALUATE] * 18 + [DecisionKind.EXPAND] * 2
    decisions = [driver.decide(kind) for kind in kinds]
    jobs = [driver.planner.job(decision, 1) for decision in decisions]
    box_maker = open_sandbox("process")

    def do(backend: Chatty | Denying) -> list[EvaluateResult | ExpandResult]:
        with serving(box_maker, backend) as services:
            return [
                evaluate(job, services) if isinstance(job, EvaluateJob) else expand(job, services)
                for job in jobs
            ]

    upstream = Chatty()
    first = do(upstream)
    assert upstream.asked == 20
    second = do(Denying())
    box_maker.close()
    assert [result.outcome for result in second] == [result.outcome for result in first]
    assert {result.outcome for result in first} == {Outcome.RESOLVED, ExpansionOutcome.NO_CHANGE}
    calls = [call for result in second if result.record for call in result.record.calls]
    assert len(calls) == 20
    assert all(call.journal for call in calls)
    for result, decision in zip(second, decisions, strict=True):
        driver.finish(result, decision)
