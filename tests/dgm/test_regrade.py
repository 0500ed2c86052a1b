"""Stored answers graded again through a real sandbox: what is written, what counts afterwards, what is refused."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import archive
from archive import Agent, Change, Evaluation, Outcome, Run, Split, Usage, create_run, resume_run
from archive.testing import a_decision, an_agent, an_evaluation
from dgm.benchmarks import Task
from dgm.errors import ConfigError
from dgm.grader import FAILURES, Attempts, Grader, grade_all
from dgm.jobs.evaluate import CUT, SPENT
from dgm.jobs.files import packed_files
from dgm.launch import run_info
from dgm.prepare import Prepared, as_graded, prepare
from dgm.regrade import Request, regrade
from dgm.report import RunView, finals, view_of
from dgm.resume import refuse_another
from sandbox import Sandbox, files_digest, grader_digest, open_sandbox
from tests.dgm.commands import composed, dgm
from tests.dgm.jobs.agents import Faulty
from tests.end_to_end.real import small

ALL = Request()


class Made:
    """A run on a few katas, made by hand: a seed and its child, with what each answered and what that was graded."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.prepared: Prepared = prepare(composed(*small(folder)))
        self.path = self.prepared.path
        self.tasks = as_graded(self.prepared.tasks.values(), sandbox)
        self.search = self.prepared.splits[Split.SEARCH]
        self.test = self.prepared.splits[Split.TEST]
        self.rows: list[Evaluation] = []
        with create_run(self.path, run_info(self.prepared)) as run:
            self.seed = self._agent(run, b"seed", None)
            run.append(a_decision(run.next_seq, agent=self.seed.id, task=None))
            self.child = self._agent(run, b"child", self.seed)

    def _agent(self, run: Run, code: bytes, parent: Agent | None) -> Agent:
        seq = run.next_seq
        parents = () if parent is None else (parent.id,)
        id = run.code.commit({"agent.py": code}, parents=parents, message="agent", seq=seq)
        agent = replace(an_agent(seq, parent=parent, id=id), tree=run.code.tree(id))
        run.append(agent)
        return agent

    def evaluated(
        self,
        agent: Agent,
        task: str,
        outcome: Outcome,
        *,
        right: bool = True,
        split: Split = Split.SEARCH,
        flags: tuple[str, ...] = (),
    ) -> Evaluation:
        """One more evaluation; `right` says whether the stored answer really is, whatever its grade."""
        with resume_run(self.path) as run:
            run.append(replace(a_decision(run.next_seq, agent=agent.id, task=task), split=split))
            row = replace(
                an_evaluation(run.next_seq, agent=agent.id, task=task, outcome=outcome),
                split=split,
                sandbox="process",
                flags=flags,
                tier="",
                answer=None,
                transcript=run.blobs.put(b"what was said"),
                detail="",
            )
            if outcome in (Outcome.RESOLVED, Outcome.UNRESOLVED, Outcome.BUDGET_SPENT):
                row = self._answered(run, row, self.tasks[task], right)
            run.append(row)
        self.rows.append(row)
        return row

    def _answered(self, run: Run, row: Evaluation, task: Task, right: bool) -> Evaluation:
        stub = {path: task.files[path] + b"# looked at\n" for path in task.test.solution_files}
        solution = {path: task.reference[path] for path in stub} if right else stub
        return replace(
            row,
            tier=task.test.tier.value,
            answer=run.blobs.put(packed_files({**task.files, **solution})),
            digests={
                "task": task.digest,
                "tests": task.test.digest,
                "grader": grader_digest(),
                "submission": files_digest(solution),
            },
        )

    def view(self) -> RunView:
        with archive.open(self.path) as run:
            return view_of(run)

    def regrades(self) -> list[Evaluation]:
        return [row for row in self.view().rows if isinstance(row, Evaluation) and row.replaces]

    def passes(self) -> list[Change]:
        return [row for row in self.view().rows if isinstance(row, Change) and row.kind == "regrade"]


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    sandbox = open_sandbox("process")
    yield sandbox
    sandbox.close()


@pytest.fixture
def made(tmp_path: Path, process: Sandbox) -> Made:
    return Made(tmp_path, process)


def again(made: Made, request: Request = ALL, said: list[str] | None = None) -> int:
    said = [] if said is None else said
    return regrade(made.path, request, slots=2, level=None, say=said.append)


def test_an_honest_grade_is_confirmed_and_costs_nothing(made: Made) -> None:
    right = made.evaluated(made.seed, made.search[0], Outcome.RESOLVED)
    wrong = made.evaluated(
        made.seed, made.search[1], Outcome.UNRESOLVED, right=False, flags=(CUT, "no_report")
    )
    late = made.evaluated(made.child, made.search[0], Outcome.BUDGET_SPENT, right=False, flags=(SPENT,))
    made.evaluated(made.child, made.search[1], Outcome.TIMED_OUT)
    before, said = made.view().tree(), list[str]()
    assert again(made, said=said) == 0
    found = {row.replaces: row for row in made.regrades()}
    assert {id: row.outcome for id, row in found.items()} == {
        row.id: row.outcome for row in (right, wrong, late)
    }
    for old in (right, wrong, late):
        new = found[old.id]
        assert (new.decision, new.agent, new.task, new.split, new.repeat) == (
            old.decision,
            old.agent,
            old.task,
            old.split,
            old.repeat,
        )
        assert (new.answer, new.transcript, new.tier) == (old.answer, old.transcript, old.tier)
        assert (new.usage, new.solve_s, new.queued_s, new.attempt) == (Usage(), 0.0, 0.0, 1)
        assert new.digests["submission"] == old.digests["submission"]
        assert new.tests
        assert new.started > datetime(2026, 3, 2, tzinfo=UTC)
    assert found[wrong.id].flags == (CUT,)
    assert found[late.id].flags == (SPENT,)
    after = made.view().tree()
    assert (after.cost_microusd, after.calls) == (before.cost_microusd, before.calls)
    assert after.resolved.tolist() == before.resolved.tolist()
    assert "left as they are, since no answer was graded: 1 timed_out" in said
    assert "3 answers graded again: 3 verdicts as before, 0 changed" in said


def test_a_verdict_that_changed_is_told_and_moves_what_steers(made: Made) -> None:
    """The child's clade is part of the seed's, so both lose what was not deserved."""
    forged = made.evaluated(made.child, made.search[0], Outcome.RESOLVED, right=False)
    made.evaluated(made.seed, made.search[0], Outcome.RESOLVED)
    said = list[str]()
    assert again(made, said=said) == 1
    tree = made.view().tree()
    i = tree.index(made.child.id)
    assert (tree.resolved[i], tree.unresolved[i], tree.clade_resolved[0], tree.clade_unresolved[0]) == (
        0,
        1,
        1,
        1,
    )
    assert any(line.startswith(f"{forged.id[:10]}: resolved -> unresolved (") for line in said)
    (line,) = (
        archive.open(made.path)
        .leaderboard()
        .filter(
            [agent == made.child.id for agent in archive.open(made.path).leaderboard()["agent"].to_pylist()]
        )
        .to_pylist()
    )
    assert (line["resolved"], line["unresolved"]) == (0, 1)
    text = dgm("tree", str(made.path)).out
    assert "re-graded: 2 answers were graded again, the last grade counts; changed verdicts:" in text
    new = next(row for row in made.regrades() if row.replaces == forged.id)
    for id in (forged.id, new.id):
        grades = dgm("show", str(made.path), id, "--json").json["grades"]
        assert [(one["id"], one["outcome"]) for one in grades] == [
            (forged.id, "resolved"),
            (new.id, "unresolved"),
        ]
    tasks = dgm("tasks", str(made.path), "--json").json["tasks"]
    assert next(task for task in tasks if task["task"] == made.search[0])["agents"][made.child.id] == [0]


def test_a_test_task_changes_what_is_reported_and_nothing_that_steers(made: Made) -> None:
    made.evaluated(made.seed, made.search[0], Outcome.UNRESOLVED, right=False)
    made.evaluated(made.seed, made.test[0], Outcome.RESOLVED, right=False, split=Split.TEST)
    before = made.view()
    assert finals(before).seed.test.mean == 1.0
    assert again(made, Request(task=made.test[0])) == 1
    after = made.view()
    assert finals(after).seed.test.mean == 0.0
    assert after.tree().clade_resolved.tolist() == before.tree().clade_resolved.tolist()
    assert after.tree().clade_unresolved.tolist() == before.tree().clade_unresolved.tolist()


def test_each_regrade_replaces_the_last_one_and_has_a_name_of_its_own(made: Made) -> None:
    first = made.evaluated(made.seed, made.search[0], Outcome.RESOLVED)
    for _ in range(3):
        assert again(made) == 0
    found = made.regrades()
    assert [row.replaces for row in found] == [first.id, found[0].id, found[1].id]
    assert [row.attempt for row in found] == [1, 2, 3]
    assert len({first.id, *(row.id for row in found)}) == 4
    assert made.view().tree().resolved.tolist() == [1, 0]
    assert [change.before == "" for change in made.passes()] == [True, False] * 3


def test_answers_are_chosen_by_id_agent_task_and_by_what_changed(made: Made) -> None:
    one, two = made.search[0], made.search[1]
    rows = [
        made.evaluated(agent, task, Outcome.RESOLVED)
        for agent in (made.seed, made.child)
        for task in (one, two)
    ]

    def graded(request: Request) -> set[str | None]:
        seen = len(made.regrades())
        assert again(made, request) == 0
        return {row.replaces for row in made.regrades()[seen:]}

    assert graded(Request(evaluations=(rows[0].id[:12],))) == {rows[0].id}
    last = made.regrades()[-1].id
    assert graded(Request(evaluations=(last[:12],))) == {last}
    assert graded(Request(agent="seed", task=two.rpartition("/")[2])) == {rows[1].id}
    assert graded(Request(changed=True)) == set()
    with resume_run(made.path) as run:
        odd = replace(
            rows[3],
            id="0" * 32,
            seq=run.next_seq,
            usage=Usage(),
            replaces=rows[3].id,
            digests={**rows[3].digests, "grader": "another"},
        )
        run.append(odd)
    assert graded(Request(changed=True)) == {odd.id}
    assert graded(Request(changed=True)) == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("zz",), "no evaluation of this run begins with 'zz'"),
        (("",), "no evaluation"),
        (("--agent", "zz"), "no agent of this run begins with 'zz'"),
        (("--task", "zz"), "no task of this run is called 'zz'"),
        (("--slots", "0"), "at least 1"),
        (("--sandbox", "none"), "sandbox level must be auto"),
    ],
)
def test_what_cannot_be_asked_for(made: Made, arguments: tuple[str, ...], words: str) -> None:
    made.evaluated(made.seed, made.search[0], Outcome.RESOLVED)
    said = dgm("regrade", str(made.path), *arguments)
    assert said.status == 2
    assert words in said.err
    assert made.regrades() == []


def test_a_void_has_nothing_to_grade(made: Made) -> None:
    void = made.evaluated(made.seed, made.search[0], Outcome.VOID)
    said = dgm("regrade", str(made.path), void.id)
    assert (said.status, "is void" in said.err) == (2, True)
    said = dgm("regrade", str(made.path))
    assert (said.status, said.out) == (0, "nothing to grade again\n")


def test_a_run_in_use_is_refused(made: Made) -> None:
    made.evaluated(made.seed, made.search[0], Outcome.RESOLVED)
    with resume_run(made.path):
        said = dgm("regrade", str(made.path))
    assert said.status == 2
    assert f"in use by process {os.getpid()}" in said.err


def test_a_weaker_sandbox_than_the_runs_is_refused(made: Made) -> None:
    row = made.evaluated(made.seed, made.search[0], Outcome.RESOLVED)
    with resume_run(made.path) as run:
        stronger = replace(
            row, id="0" * 32, seq=run.next_seq, usage=Usage(), replaces=row.id, sandbox="docker"
        )
        run.append(stronger)
    said = dgm("regrade", str(made.path), "--sandbox", "process")
    assert said.status == 2
    assert "at least as strong as docker" in said.err


def test_tasks_that_were_changed_are_refused_unless_that_is_meant(made: Made) -> None:
    task = made.search[0]
    row = made.evaluated(made.seed, task, Outcome.RESOLVED)
    name = task.rpartition("/")[2]
    hidden = next(made.path.parents[1].rglob(f"{name.replace('-', '_')}_test.py"))
    hidden.write_text(hidden.read_text() + "\n# once more\n")
    said = dgm("regrade", str(made.path))
    assert said.status == 2
    assert f"tasks were changed since their answers were graded: {task}" in said.err
    assert made.regrades() == []
    today = prepare(composed(*small(made.path.parents[1])))
    with archive.open(made.path) as run, pytest.raises(ConfigError, match="tasks that were changed since"):
        refuse_another(today, run)
    assert dgm("regrade", str(made.path), "--new-tests").status == 0
    with archive.open(made.path) as run:
        refuse_another(today, run)
    (new,) = made.regrades()
    assert new.digests["task"] != row.digests["task"]
    assert new.digests["tests"] != row.digests["tests"]


def test_a_stored_answer_that_is_not_what_was_graded(made: Made) -> None:
    row = made.evaluated(made.seed, made.search[0], Outcome.RESOLVED)
    other = made.evaluated(made.seed, made.search[1], Outcome.RESOLVED)
    with resume_run(made.path) as run:
        swapped = replace(
            row, id="0" * 32, seq=run.next_seq, usage=Usage(), replaces=row.id, answer=other.answer
        )
        run.append(swapped)
    said = list[str]()
    assert again(made, said=said) == 1
    assert [one.replaces for one in made.regrades()[1:]] == [other.id]
    assert any("could not be graded" in line and "is not the one that was graded" in line for line in said)


def test_an_interrupted_pass_keeps_what_is_done_and_goes_on(made: Made) -> None:
    rows = [
        made.evaluated(agent, task, Outcome.RESOLVED, right=False)
        for agent in (made.seed, made.child)
        for task in made.search[:2]
    ]

    said, signals = list[str](), [signal.SIGINT]

    def interrupt(text: str) -> None:
        said.append(text)
        if "resolved -> unresolved" in text and signals:
            os.kill(os.getpid(), signals.pop())

    assert regrade(made.path, ALL, slots=1, level=None, say=interrupt) == 130
    assert "stopped; the same command goes on" in said
    first = made.regrades()
    assert 0 < len(first) < len(rows)
    assert len(made.passes()) == 1
    said.clear()
    assert regrade(made.path, ALL, slots=1, level=None, say=said.append) == 1
    assert {row.replaces for row in made.regrades()} == {row.id for row in rows}
    assert len(made.regrades()) == len(rows)
    assert f"{len(rows)} answers graded again: 0 verdicts as before, {len(rows)} changed" in said
    assert [json.loads(change.after) for change in made.passes()][1:] == [{"graded": len(rows)}]


def test_a_machine_that_fails_writes_nothing_and_is_given_up(made: Made, process: Sandbox) -> None:
    tasks = made.search[:2]
    rows = [
        made.evaluated(agent, task, Outcome.RESOLVED) for agent in (made.seed, made.child) for task in tasks
    ]
    rows.append(made.evaluated(made.seed, made.test[0], Outcome.RESOLVED, split=Split.TEST))

    def graded(sandbox: Sandbox, todo: Sequence[Evaluation]) -> tuple[dict[str, str], bool]:
        with resume_run(made.path) as run:
            attempts = Attempts(run.info.id, made.view().rows)
            grader = Grader(run.blobs, made.tasks, sandbox, made.prepared.limits, attempts)
            failed, stopped = grade_all(run, grader, todo, slots=1, stops=lambda: 0, say=lambda _: None)
        return dict(failed), stopped

    failed, stopped = graded(Faulty(process, {"grade"}), rows)
    assert (list(failed), stopped) == ([row.id for row in rows], False)
    assert [reason == "grading: the engine died" for reason in failed.values()] == [True] * FAILURES + [
        False
    ] * 2
    assert made.regrades() == []
    assert graded(process, rows) == ({}, False)
    assert [row.attempt for row in made.regrades()] == [1] * len(rows)
