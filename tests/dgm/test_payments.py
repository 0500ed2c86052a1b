"""Rows, transcripts and journals tell of the same model calls, or `dgm verify` names where they do not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from archive import Agent, Call, Evaluation, Outcome, Row, Run, RunInfo, Usage, create_run, job_id, resume_run
from archive.testing import a_call, a_decision, an_evaluation
from dgm.llm.journal import Answered, Journal
from dgm.llm.transcript import packed
from dgm.llm.values import Exchange, Tokens
from dgm.payments import Bill, payments
from tests.dgm.commands import dgm

COST = 7


def answered(decision: int, attempt: int, n: int) -> Answered:
    return Answered(
        n=n,
        rollout=job_id("run", decision, "evaluate", attempt),
        request=f"asked {n}",
        status=200,
        body={},
        model="m",
        tokens=Tokens(input=3, output=2),
        cost_microusd=COST,
    )


def journal_of(run: Path, decision: int) -> Path:
    return run / "journal" / f"{decision:08d}.jsonl"


def write_down(run: Path, *lines: Answered, decision: int) -> None:
    journal = Journal.open(journal_of(run, decision))
    for line in lines:
        journal.append(line)
    journal.close()


def result(run: Run, decision: int, attempt: int, outcome: Outcome, paid: list[int]) -> tuple[Row, ...]:
    """A result with a call per number in `paid`, which says what that call cost: nothing if an earlier try paid it."""
    seq = run.next_seq
    exchanges = [Exchange(n=n, request=b"asked %d" % n, response=b"said %d" % n) for n in range(len(paid))]
    agent = next(row.id for entry in run.entries() for row in entry.rows if isinstance(row, Agent))
    evaluation = replace(
        an_evaluation(seq, decision=decision, attempt=attempt, agent=agent, outcome=outcome),
        answer=None,
        transcript=run.blobs.put(packed(exchanges)),
        usage=Usage(
            calls=len(paid), input_tokens=3 * len(paid), output_tokens=2 * len(paid), cost_microusd=sum(paid)
        ),
    )
    calls = [
        replace(
            a_call(seq, rollout=evaluation.id, n=n),
            input_tokens=3,
            output_tokens=2,
            cost_microusd=cost,
            journal=cost == 0,
            request=hashlib.sha256(exchanges[n].request).hexdigest(),
            response=hashlib.sha256(exchanges[n].response).hexdigest(),
        )
        for n, cost in enumerate(paid)
    ]
    return evaluation, *calls


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Decision 1: a void try that paid a call, and a second one that found it again and paid another; 4 is open."""
    path = tmp_path / "run"
    with create_run(path, RunInfo(id="run", seed=1)) as run:
        seed = run.code.commit({"a": b"a"}, message="Seed", seq=0)
        run.append(Agent(id=seed, seq=0, parent=None, depth=0, tree=run.code.tree(seed)))
        run.append(a_decision(1, agent=seed))
        write_down(path, answered(1, 1, 0), decision=1)
        run.append(*result(run, 1, 1, Outcome.VOID, [COST]))
        write_down(path, answered(1, 2, 1), decision=1)
        run.append(*result(run, 1, 2, Outcome.RESOLVED, [0, COST]))
        run.append(a_decision(4, agent=seed))
        write_down(path, answered(4, 1, 0), answered(4, 1, 1), decision=4)
    return path


def test_what_a_run_has_cost_is_its_calls_and_the_journals_of_open_decisions(run: Path) -> None:
    found = payments(run)
    assert found.problems == ()
    assert found.recorded == Bill(calls=3, microusd=2 * COST)
    assert found.open == Bill(calls=2, microusd=2 * COST)
    said = dgm("verify", str(run))
    assert said.status == 0, said.out
    assert said.out.endswith(
        ", 3 model calls for $0.000014 and 2 model calls for $0.000014 for decisions that are open; no problems\n"
    )


def test_a_call_that_a_kill_tore_off_is_no_damage(run: Path) -> None:
    with journal_of(run, 4).open("ab") as file:
        file.write(b'{"check": "00')
    assert payments(run).problems == ()
    journal_of(run, 4).unlink()
    assert payments(run).open == Bill()


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def record(run: Path, change: Callable[[Evaluation, list[Call]], tuple[Row, ...]]) -> None:
    """The open decision's result as it would be, but for `change`."""
    with resume_run(run) as opened:
        evaluation, *calls = result(opened, 4, 1, Outcome.RESOLVED, [COST, COST])
        assert isinstance(evaluation, Evaluation)
        opened.append(*change(evaluation, [call for call in calls if isinstance(call, Call)]))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped byte in a journal": (
        lambda run: flip(journal_of(run, 1), 40),
        "line 1 of the journal .* is damaged",
    ),
    "a flipped byte in a journal's last line": (
        lambda run: flip(journal_of(run, 1), -40),
        "decision 1 holds 0 model calls .* whose rows say that it bought 1 model call",
    ),
    "a lost journal": (lambda run: journal_of(run, 1).unlink(), "decision 1 holds 0 model calls"),
    "a journal of nothing": (
        lambda run: write_down(run, answered(9, 1, 0), decision=9),
        "decision 9 is of a decision that nobody made",
    ),
    "a foreign file": (lambda run: (run / "journal" / "x.jsonl").touch(), "not the journal of a decision"),
    "a payment under a name that no result has": (
        lambda run: write_down(run, answered(1, 3, 0), decision=1),
        "decision 1 holds 1 model calls .* none of its results tell of",
    ),
    "a payment that the rows lack": (
        lambda run: write_down(run, answered(1, 2, 2), decision=1),
        "holds 2 model calls .* whose rows tell of",
    ),
    "a call that its transcript lacks": (
        lambda run: record(run, lambda row, calls: (row, calls[0], replace(calls[1], request="0" * 64))),
        "call 1 of result .* is not in its transcript",
    ),
    "a transcript that no row names": (
        lambda run: record(run, lambda row, calls: (replace(row, transcript=None), *calls)),
        "call 0 of result .* is not in its transcript",
    ),
    "a call that has no row": (
        lambda run: record(run, lambda row, calls: (row, calls[0])),
        "says that it used .*calls=2.* its calls say .*calls=1",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_does_not_fit_is_named(run: Path, name: str) -> None:
    damage, words = DAMAGE[name]
    damage(run)
    said = dgm("verify", str(run))
    assert said.status == 1
    assert re.search(words, said.out), said.out


def test_an_honest_result_of_the_open_decision_fits(run: Path) -> None:
    record(run, lambda row, calls: (row, *calls))
    found = payments(run)
    assert (found.problems, found.open) == ((), Bill())
    assert found.recorded == Bill(calls=5, microusd=4 * COST)
