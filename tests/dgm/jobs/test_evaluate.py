"""Every outcome of an evaluation, reached by a small agent through a real sandbox and a real gateway."""

from __future__ import annotations

import json
import pickle
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive import Outcome
from dgm.jobs import NodeServices
from dgm.jobs.evaluate import evaluate
from dgm.jobs.files import KEPT_BYTES
from dgm.jobs.texts import LOG_BYTES
from dgm.llm import Allowance
from sandbox import Sandbox
from tests.dgm.jobs.agents import (
    RIGHT,
    TASK,
    WRONG,
    Chatty,
    Crowded,
    Denying,
    Faulty,
    Starving,
    agent,
    evaluate_job,
    serving,
)

WRITE = f'work.joinpath("answer.py").write_text({RIGHT!r})\n'
PAGE = (Path(__file__).parents[3] / "docs" / "archive-format.md").read_text(encoding="utf-8")
_KEYS = PAGE.split("Keys of `digests`:")[1].split("Keys of `limits`")[0]
DIGESTS = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", _KEYS, re.MULTILINE))))
LIMITS = set(re.findall(r"`(\w+)`", PAGE.split("Keys of `limits`")[1].split(". A row")[0]))
"""What docs/archive-format.md describes."""

WRITE_WRONG = f'work.joinpath("answer.py").write_text({WRONG!r})\n'


@pytest.mark.parametrize(
    ("solve", "outcome", "detail"),
    [
        (f"ask()\n{WRITE}", Outcome.RESOLVED, ""),
        (WRITE_WRONG, Outcome.UNRESOLVED, "2 of 2 tests did not pass"),
        ('work.joinpath("answer.py").unlink()\n', Outcome.UNRESOLVED, "tests did not pass"),
        ('work.joinpath("notes.txt").write_text("hm")\n', Outcome.NO_ANSWER, "no solution file was changed"),
        (f"{WRITE}sys.exit(3)\n", Outcome.CRASHED, "exit status 3"),
        (f"{WRITE}os.kill(os.getpid(), 9)\n", Outcome.CRASHED, "exit status 137"),
        (f'{WRITE}os.symlink("/etc/passwd", work / "link")\n', Outcome.REJECTED, "symbolic link"),
        (f'{WRITE}os.mkfifo(work / "pipe")\n', Outcome.REJECTED, "fifo"),
        ("while True:\n    ask()\n", Outcome.BUDGET_SPENT, "the allowance of calls is spent"),
        (f"{WRITE}while True:\n    ask()\n", Outcome.RESOLVED, ""),
        (f"{WRITE_WRONG}while True:\n    ask()\n", Outcome.BUDGET_SPENT, "2 of 2 tests did not pass"),
    ],
)
def test_what_an_agent_does_decides_the_outcome(
    services: NodeServices, solve: str, outcome: Outcome, detail: str
) -> None:
    result = evaluate(evaluate_job(agent(solve), allowance=Allowance(calls=2)), services)
    assert (result.outcome, detail in result.detail) == (outcome, True), (result.detail, result.log)
    assert result.sandbox == services.sandbox.level
    assert (result.digests["task"], result.digests["tests"]) == (TASK.digest, TASK.test.digest)
    assert set(result.digests) <= DIGESTS
    assert set(result.limits) | {"tokens", "microusd"} == LIMITS
    assert float(result.limits["solve_s"]) == evaluate_job({}).seconds
    assert ("allowance_spent" in result.flags) == ("while True" in solve)
    assert bool(result.tests) == ("tests" in result.detail or outcome is Outcome.RESOLVED)


def test_an_agent_that_takes_more_memory_than_it_may(services: NodeServices) -> None:
    """Where a limit holds for the box as a whole it is told; elsewhere the allocation fails in the agent."""
    result = evaluate(evaluate_job(agent(f"{WRITE}bytearray(700 << 20)\n")), services)
    grouped = services.sandbox.digests.get("limits") == "control group"
    assert result.outcome is (Outcome.OUT_OF_MEMORY if grouped else Outcome.CRASHED), result.detail


def test_an_agent_killed_at_its_deadline_has_no_answer_even_if_it_had_written_it(
    services: NodeServices,
) -> None:
    result = evaluate(evaluate_job(agent(f"{WRITE}time.sleep(60)\n"), seconds=1.0), services)
    assert result.outcome is Outcome.TIMED_OUT
    assert result.answer is None
    assert result.solve_s < 40


def test_the_deadline_that_the_agent_is_told_is_the_one_that_is_kept(plain: NodeServices) -> None:
    solve = 'print(float(os.environ["DGM_DEADLINE"]) - time.time())\n'
    result = evaluate(evaluate_job(agent(solve), seconds=200.0), plain)
    assert 150 < float(result.log) <= 200
    brief = replace(plain, limits=replace(plain.limits, seconds=0.5))
    slow = evaluate(evaluate_job(agent(f"time.sleep(1)\n{WRITE}"), seconds=20.0), brief)
    assert slow.outcome is Outcome.RESOLVED


def test_a_box_that_runs_out_of_memory(process: Sandbox) -> None:
    with serving(Starving(process, {"solve"}), Chatty()) as services:
        result = evaluate(evaluate_job(agent(WRITE)), services)
    assert result.outcome is Outcome.OUT_OF_MEMORY


class TestVoid:
    def test_a_failing_provider(self, process: Sandbox) -> None:
        with serving(process, Denying(answers=2)) as services:
            result = evaluate(evaluate_job(agent(f"ask()\nask()\n{WRITE}ask()\n")), services)
        assert result.outcome is Outcome.VOID
        assert "no credit left" in result.detail
        assert result.record is not None
        assert result.record.usage.calls == 2
        assert result.record.usage.cost_microusd == 2 * (7 + 30)

    def test_a_sandbox_that_cannot_open_a_box(self, process: Sandbox) -> None:
        with serving(Faulty(process, {"solve"}), Chatty()) as services:
            result = evaluate(evaluate_job(agent(WRITE)), services)
        assert result.outcome is Outcome.VOID
        assert "the engine died" in result.detail

    def test_a_sandbox_that_cannot_grade_keeps_answer_and_costs(self, process: Sandbox) -> None:
        with serving(Faulty(process, {"grade"}), Chatty()) as services:
            result = evaluate(evaluate_job(agent(f"ask()\n{WRITE}")), services)
        assert result.outcome is Outcome.VOID
        assert result.detail == "grading: the engine died"
        assert result.answer is not None
        assert result.record is not None
        assert result.record.usage.calls == 1

    def test_a_journal_that_cannot_be_opened(self, plain: NodeServices, tmp_path: Path) -> None:
        journal = tmp_path / "journal"
        journal.write_text("not a journal\nat all\n")
        result = evaluate(evaluate_job(agent(WRITE), journal=journal), plain)
        assert result.outcome is Outcome.VOID
        assert "journal" in result.detail

    def test_waiting_for_its_turn_and_for_room_is_no_part_of_what_a_job_takes(self, process: Sandbox) -> None:
        with serving(process, Chatty()) as services:

            class Late:
                open = staticmethod(services.doors.open)
                close = staticmethod(services.doors.close)

                @staticmethod
                def turn(rollout: str) -> None:
                    time.sleep(Crowded.WAIT)

            crowded = replace(services, sandbox=Crowded(process, ()), doors=Late())
            result = evaluate(evaluate_job(agent(WRITE)), crowded)
            whole = (datetime.now(UTC) - result.started).total_seconds()
        assert result.outcome is Outcome.RESOLVED, result.detail
        assert result.queued_s >= 3 * Crowded.WAIT
        assert 0 < result.solve_s + result.grade_s <= whole - result.queued_s

    @pytest.mark.parametrize(
        ("solve", "left"), [("sys.exit(3)\n", True), ("time.sleep(600)\n", False)], ids=["leaves", "waits"]
    )
    def test_the_gateway_is_told_who_left_by_itself(self, process: Sandbox, solve: str, left: bool) -> None:
        told: list[bool] = []
        with serving(process, Chatty()) as services:

            class Noting:
                turn = staticmethod(services.doors.turn)
                open = staticmethod(services.doors.open)

                @staticmethod
                def close(rollout: str, *, left: bool) -> object:
                    told.append(left)
                    return services.doors.close(rollout, left=left)

            noting = replace(services, doors=Noting())  # type: ignore[arg-type]
            evaluate(evaluate_job(agent(solve), seconds=5.0), noting)
        assert told == [left]

    def test_a_gateway_that_is_lost_leaves_what_its_journal_knows(
        self, process: Sandbox, tmp_path: Path
    ) -> None:
        with serving(process, Chatty()) as services:

            class Losing:
                turn = staticmethod(services.doors.turn)
                open = staticmethod(services.doors.open)

                @staticmethod
                def close(rollout: str, *, left: bool) -> object:
                    services.doors.close(rollout, left=left)
                    raise ConnectionError("gone")

            lost = replace(services, doors=Losing())  # type: ignore[arg-type]
            job = evaluate_job(agent(f"ask()\n{WRITE}"), journal=tmp_path / "journal")
            result = evaluate(job, lost)
        assert result.outcome is Outcome.VOID
        assert "the gateway was lost" in result.detail
        assert result.record is not None
        assert result.record.usage.cost_microusd == 37

    @pytest.mark.parametrize(
        "words",
        [
            "sandbox: the engine died",
            "SandboxUnavailableError: the box did not start",
            '{"machine": "did not start"}',
            "Cannot connect to the Docker daemon\nOCI runtime exec failed",
        ],
    )
    def test_nothing_that_an_agent_prints(self, services: NodeServices, words: str) -> None:
        solve = f"print({words!r}, flush=True)\nprint({words!r}, file=sys.stderr)\nos._exit(125)\n"
        assert evaluate(evaluate_job(agent(solve)), services).outcome is Outcome.CRASHED

    def test_nor_a_request_that_the_door_refuses(self, services: NodeServices) -> None:
        solve = f"{WRITE}\ntry:\n    ask(web_search_options={{}})\nexcept OSError:\n    pass\n"
        result = evaluate(evaluate_job(agent(solve)), services)
        assert result.outcome is Outcome.RESOLVED
        assert result.record is not None
        assert result.record.refused == 1


class TestWhatIsKept:
    def test_the_answer_in_full_when_it_is_small(self, plain: NodeServices) -> None:
        result = evaluate(evaluate_job(agent(f'{WRITE}work.joinpath("n").write_bytes(b"\\xff")\n')), plain)
        assert result.answer == {**TASK.files, "answer.py": RIGHT.encode(), "n": b"\xff"}
        assert result.flags == ()

    def test_junk_is_left_out_and_that_is_flagged(self, plain: NodeServices) -> None:
        solve = (
            f'{WRITE}for n in range(10):\n    work.joinpath(f"junk{{n}}").write_bytes(os.urandom(1 << 20))\n'
        )
        result = evaluate(evaluate_job(agent(f'{solve}work.joinpath("small").write_text("x")\n')), plain)
        assert result.outcome is Outcome.RESOLVED
        assert result.answer == {**TASK.files, "answer.py": RIGHT.encode(), "small": b"x"}
        assert "answer_cut" in result.flags

    def test_a_solution_that_is_too_large_is_no_submission(self, plain: NodeServices) -> None:
        solve = f'{WRITE}work.joinpath("answer.py").open("a").write("# " + "x" * {KEPT_BYTES})\n'
        result = evaluate(evaluate_job(agent(solve)), plain)
        assert result.outcome is Outcome.REJECTED
        assert "answer_cut" in result.flags
        assert result.answer is not None
        assert "answer.py" not in result.answer

    def test_the_log_has_a_bound(self, plain: NodeServices) -> None:
        result = evaluate(evaluate_job(agent('print("x" * 200_000)\nprint("the end")\n')), plain)
        assert len(result.log) < LOG_BYTES + 100
        assert result.log.endswith(b"the end\n")


def test_job_and_result_travel(plain: NodeServices) -> None:
    job = evaluate_job(agent(f"ask()\n{WRITE}"))
    assert pickle.loads(pickle.dumps(job)) == job
    result = evaluate(job, plain)
    assert pickle.loads(pickle.dumps(result)) == result


def test_the_box_holds_what_the_contract_says_and_nothing_else(services: NodeServices) -> None:
    solve = """
box = work.parent
print(json.dumps({
    "env": sorted(name for name in os.environ if "DGM" in name or "OPENAI" in name),
    "key": os.environ["OPENAI_API_KEY"],
    "model": os.environ["DGM_MODEL"],
    "here": sorted(os.listdir()),
    "work": sorted(os.listdir(work)),
    "box": sorted(os.listdir(box)),
    "instruction": instruction,
}))
"""
    told = json.loads(evaluate(evaluate_job(agent(solve)), services).log)
    assert told["env"] == [
        "DGM_DEADLINE",
        "DGM_INSTRUCTION",
        "DGM_MODEL",
        "DGM_WORKSPACE",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
    ]
    assert (told["key"], told["model"]) == ("dummy", "solve")
    assert told["here"] == ["agent.toml", "check.py", "improve.py", "solve.py"]
    assert told["work"] == ["answer.py", "visible_test.py"]
    assert set(told["box"]) - {"tmp"} == {"agent", "task", "workspace"}
    assert told["instruction"] == TASK.instruction


class TestJournal:
    SOLVE = f'first = ask("first")["content"]\nask("second: " + first)\n{WRITE}'

    def test_a_second_run_of_the_same_job_costs_nothing(self, process: Sandbox, tmp_path: Path) -> None:
        jobs = [
            evaluate_job(agent(self.SOLVE), id=f"{n:032x}", decision=n, journal=tmp_path / f"{n}.jsonl")
            for n in range(3)
        ]
        asked = Chatty()
        with serving(process, asked) as services:
            first = [evaluate(job, services) for job in jobs]
        assert asked.asked == 6
        with serving(process, Denying()) as services:
            second = [evaluate(job, services) for job in jobs]
        for a, b in zip(first, second, strict=True):
            assert (a.outcome, a.tests, a.answer) == (b.outcome, b.tests, b.answer)
            assert a.outcome is Outcome.RESOLVED
            assert a.record is not None
            assert b.record is not None
            assert [call.journal for call in b.record.calls] == [True, True]
            assert a.record.usage.cost_microusd == b.record.usage.cost_microusd == 74

    def test_a_later_try_takes_over_what_the_first_one_paid(self, process: Sandbox, tmp_path: Path) -> None:
        journal = tmp_path / "j.jsonl"
        job = evaluate_job(agent(self.SOLVE), journal=journal)
        with serving(process, Denying(answers=1)) as services:
            void = evaluate(job, services)
        with serving(process, Chatty("last words")) as services:
            good = evaluate(replace(job, id="f" * 32, attempt=2), services)
        assert (void.outcome, good.outcome) == (Outcome.VOID, Outcome.RESOLVED)
        assert void.record is not None
        assert good.record is not None
        assert [call.cost_microusd for call in void.record.calls] == [37]
        assert [(call.journal, call.cost_microusd) for call in good.record.calls] == [(True, 0), (False, 37)]
