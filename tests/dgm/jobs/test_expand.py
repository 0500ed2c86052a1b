"""Every outcome of an expansion, reached by a small agent through a real sandbox and a real gateway."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from archive import ExpansionOutcome, Outcome
from dgm.gates import Gates, form
from dgm.jobs import NodeServices, rollouts
from dgm.jobs.evidence import DIFFERENCE_BYTES, shortened
from dgm.jobs.expand import expand
from dgm.llm import Allowance, Exchange, RolloutError, packed
from dgm.llm.transcript import Message
from sandbox import Sandbox
from tests.dgm.jobs.agents import (
    RIGHT,
    TASK,
    WRONG,
    Chatty,
    Denying,
    Faulty,
    Starving,
    agent,
    evidence,
    expand_job,
    serving,
)

EDIT = 'work.joinpath("solve.py").open("a").write("# edited\\n")\n'

TALKS = """
import re
messages = [{"role": "user", "content": instruction}]
for turn in range(5):
    import urllib.request
    body = json.dumps({"model": os.environ["DGM_MODEL"], "messages": messages}).encode()
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
        reply = json.load(answer)["choices"][0]["message"]
    messages.append(reply)
    found = re.search("```bash\\n(.*?)```", reply["content"], re.S)
    if not found:
        break
    output = os.popen("cd " + str(work) + "\\n" + found.group(1)).read()
    messages.append({"role": "user", "content": "output: " + output})
"""
"""A `solve` without tools: fenced shell blocks in plain text."""

ALL = Gates()
PATHS = Gates(smoke=False, check=False)


@pytest.mark.parametrize(
    ("improve", "outcome", "detail"),
    [
        (f"ask()\n{EDIT}", ExpansionOutcome.CHILD, ""),
        ("ask()\n", ExpansionOutcome.NO_CHANGE, "no file was changed"),
        (f"{EDIT}sys.exit(2)\n", ExpansionOutcome.CRASHED, "exit status 2"),
        ("while True:\n    ask()\n", ExpansionOutcome.BUDGET_SPENT, "the allowance of calls is spent"),
        (f"{EDIT}while True:\n    ask()\n", ExpansionOutcome.CHILD, ""),
        ('work.joinpath("agent.toml").write_text("")\n', ExpansionOutcome.GATED, "agent.toml is frozen"),
        ('work.joinpath("agent.toml").unlink()\n', ExpansionOutcome.GATED, "agent.toml is frozen"),
        ('work.joinpath("solve.py").unlink()\n', ExpansionOutcome.GATED, "solve.py is an entry file"),
        ('work.joinpath("check.py").rename(work / "c.py")\n', ExpansionOutcome.GATED, "check.py is an entry"),
        (
            'for n in range(300):\n    work.joinpath(f"{n}.txt").write_text("")\n',
            ExpansionOutcome.GATED,
            "304 files, at most 200",
        ),
        ('work.joinpath("big").write_text("x" * 2_000_000)\n', ExpansionOutcome.GATED, "at most 1000000"),
        (
            'work.joinpath("big").write_text("x = 1\\n" * 50_000)\n',
            ExpansionOutcome.GATED,
            "at most 200000 allowed",
        ),
        ('work.joinpath("noise").write_bytes(os.urandom(300_000))\n', ExpansionOutcome.GATED, "a patch of"),
        (f'{EDIT}os.symlink("solve.py", work / "link")\n', ExpansionOutcome.GATED, "paths: 'link'"),
        (
            f'{EDIT}os.mkdir(work / ".git")\n(work / ".git" / "x").write_text("")\n',
            ExpansionOutcome.CHILD,
            "",
        ),
        ('for n in range(5000):\n    work.joinpath(f"{n}").write_text("")\n', ExpansionOutcome.GATED, "many"),
    ],
)
def test_what_a_parent_does_decides_the_outcome(
    services: NodeServices, improve: str, outcome: ExpansionOutcome, detail: str
) -> None:
    job = expand_job(agent(improve=improve), allowance=Allowance(calls=2))
    result = expand(job, services)
    assert (result.outcome, detail in result.detail) == (outcome, True), (result.detail, result.log)
    assert (result.child is not None) == (outcome is ExpansionOutcome.CHILD)
    assert result.brief == b"make it better"
    if outcome is ExpansionOutcome.GATED:
        assert result.gates[-1].gate == "paths"
        assert not result.gates[-1].passed
    if result.child is not None:
        assert "solve.py" in result.patch.decode()
        assert b"# edited" in result.child["solve.py"]


def test_a_parent_that_takes_too_long(services: NodeServices) -> None:
    result = expand(expand_job(agent(improve=f"{EDIT}time.sleep(60)\n"), seconds=1.0), services)
    assert result.outcome is ExpansionOutcome.TIMED_OUT


def test_a_parent_that_runs_out_of_memory(process: Sandbox) -> None:
    with serving(Starving(process, {"improve"}), Chatty()) as services:
        result = expand(expand_job(agent(improve=EDIT)), services)
    assert result.outcome is ExpansionOutcome.OUT_OF_MEMORY


def test_a_child_of_a_known_form_is_a_duplicate(plain: NodeServices) -> None:
    """The child is its parent with a comment more."""
    parent = agent(improve=EDIT)
    result = expand(expand_job(parent, known={form(parent): "f" * 40}), plain)
    assert result.outcome is ExpansionOutcome.DUPLICATE
    assert result.detail == "duplicate: differs in nothing but comments and layout from agent ffffffffffff"
    assert result.child is None
    assert "# edited" in result.patch.decode()


def test_the_seed_may_improve_in_the_place_of_the_parent(plain: NodeServices) -> None:
    parent, seed = agent(improve="sys.exit(1)\n"), agent(improve=EDIT)
    result = expand(expand_job(parent, improver=seed), plain)
    assert result.outcome is ExpansionOutcome.CHILD
    assert result.child == {**parent, "solve.py": parent["solve.py"] + b"# edited\n"}


class TestGates:
    def tree(self, change: str, solve: str = TALKS, check: str = "") -> dict[str, bytes]:
        return agent(solve, f"work.joinpath({change!r}).write_text('x')\n", check)

    def test_a_child_that_works_passes_them_all(self, services: NodeServices) -> None:
        result = expand(expand_job(self.tree("new.txt"), gates=ALL), services)
        assert result.outcome is ExpansionOutcome.CHILD, (result.detail, result.gates)
        assert [verdict.gate for verdict in result.gates] == ["paths", "duplicate", "smoke", "check"]
        assert all(verdict.passed for verdict in result.gates)

    def test_a_child_whose_solve_is_broken(self, services: NodeServices) -> None:
        tree = self.tree("solve.py")
        result = expand(expand_job(tree, gates=ALL), services)
        assert result.outcome is ExpansionOutcome.GATED
        assert result.detail == "smoke: no right answer left, exit status 1"

    @pytest.mark.parametrize(
        "solve",
        [
            "ask()\n",
            'work.joinpath("smoke_signal.py").write_text("def smoke_signal(puffs):\\n    return puffs * \'~\'\\n")',
        ],
    )
    def test_a_child_that_does_not_listen_to_the_model(self, plain: NodeServices, solve: str) -> None:
        result = expand(expand_job(self.tree("new.txt", solve), gates=ALL), plain)
        assert result.outcome is ExpansionOutcome.GATED
        assert result.gates[-1].gate == "smoke"

    def test_a_child_that_stops_in_the_smoke(self, plain: NodeServices) -> None:
        gates = replace(ALL, smoke_s=0.5)
        result = expand(expand_job(self.tree("new.txt", "time.sleep(90)\n"), gates=gates), plain)
        assert re.fullmatch(r"smoke: no right answer left, stopped after \d+ s", result.detail)

    def test_a_child_cannot_tell_the_smoke_by_its_environment(self, plain: NodeServices) -> None:
        solve = f'assert os.environ["DGM_MODEL"] == "solve"\nassert "DGM_EVIDENCE" not in os.environ\n{TALKS}'
        assert expand(expand_job(self.tree("n", solve), gates=ALL), plain).outcome is ExpansionOutcome.CHILD

    @pytest.mark.parametrize(
        ("check", "check_s", "detail"),
        [
            ("raise SystemExit(4)", 60.0, "check: exit status 4"),
            ("import time; time.sleep(90)", 0.5, "check: stopped after 0.5 s"),
            ("import os; os.environ['OPENAI_BASE_URL']", 60.0, "check: exit status 1"),
        ],
    )
    def test_a_child_whose_own_tests_fail(
        self, plain: NodeServices, check: str, check_s: float, detail: str
    ) -> None:
        gates = replace(ALL, smoke=False, check_s=check_s)
        result = expand(expand_job(self.tree("new.txt", check=check), gates=gates), plain)
        assert (result.outcome, result.detail) == (ExpansionOutcome.GATED, detail)


class TestVoid:
    """Never the child's fault, and what the improvement paid is there."""

    def tree(self) -> dict[str, bytes]:
        return agent(TALKS, f"ask()\n{EDIT}")

    @pytest.mark.parametrize(
        ("kind", "detail", "calls"),
        [
            ("evidence", "evidence: the engine died", None),
            ("improve", "sandbox: the engine died", 0),
            ("smoke", "gates: sandbox: the engine died", 1),
            ("check", "gates: the engine died", 1),
        ],
    )
    def test_a_box_that_cannot_be_opened(
        self, process: Sandbox, kind: str, detail: str, calls: int | None
    ) -> None:
        job = expand_job(self.tree(), gates=ALL, evidence=(evidence({"answer.py": b""}),))
        with serving(Faulty(process, {kind}), Chatty()) as services:
            result = expand(job, services)
        assert (result.outcome, result.detail) == (ExpansionOutcome.VOID, detail)
        assert result.child is None
        assert (None if result.record is None else result.record.usage.calls) == calls

    def test_a_failing_provider(self, process: Sandbox) -> None:
        tree = agent(TALKS, f"ask()\n{EDIT}ask()\n")
        with serving(process, Denying(answers=1)) as services:
            result = expand(expand_job(tree, gates=ALL), services)
        assert result.outcome is ExpansionOutcome.VOID
        assert result.record is not None
        assert result.record.usage.cost_microusd == 37

    def test_a_gateway_that_fails_in_the_smoke(self, plain: NodeServices) -> None:
        class Failing:
            @staticmethod
            def open(spec: object, *, scripted: bool = False) -> Path:
                if scripted:
                    raise RolloutError("no gateway")
                return plain.doors.open(spec)  # type: ignore[arg-type]

            turn = staticmethod(plain.doors.turn)
            close = staticmethod(plain.doors.close)

        result = expand(expand_job(self.tree(), gates=ALL), replace(plain, doors=Failing()))  # type: ignore[arg-type]
        assert result.outcome is ExpansionOutcome.VOID
        assert "no gateway" in result.detail
        assert result.record is not None
        assert result.record.usage.calls == 1

    def test_the_doors_of_improvement_and_smoke_are_two(self) -> None:
        assert len(set(rollouts(expand_job(self.tree())))) == 2


class TestEvidence:
    SHOW = """
shown = Path(os.environ["DGM_EVIDENCE"])
print(json.dumps({str(p.relative_to(shown)): p.read_text() for p in sorted(shown.rglob("*")) if p.is_file()}))
"""

    def shown(
        self, services: NodeServices, answer: dict[str, bytes], transcript: bytes = b""
    ) -> dict[str, str]:
        job = expand_job(agent(improve=self.SHOW), evidence=(evidence(answer, transcript),))
        result = expand(job, services)
        assert result.outcome is ExpansionOutcome.NO_CHANGE, (result.detail, result.log)
        files: dict[str, str] = json.loads(result.log)
        return files

    def test_what_an_outsider_could_see(self, services: NodeServices) -> None:
        request = {"model": "solve", "messages": [{"role": "user", "content": "Double \ud800"}]}
        response = {"choices": [{"message": {"role": "assistant", "content": "I think so"}}]}
        exchange = Exchange(n=0, request=json.dumps(request).encode(), response=json.dumps(response).encode())
        files = self.shown(services, {**TASK.files, "answer.py": WRONG.encode()}, packed([exchange]))
        assert list(files) == [
            "brief.md",
            "rollouts/1/answer.diff",
            "rollouts/1/outcome.txt",
            "rollouts/1/transcript.json",
            "rollouts/1/visible_tests.txt",
        ]
        assert files["brief.md"] == "make it better"
        assert files["rollouts/1/outcome.txt"] == "unresolved\n"
        assert "+    return x\n" in files["rollouts/1/answer.diff"]
        spoken = json.loads(files["rollouts/1/transcript.json"])
        assert spoken == [
            {"role": "user", "content": "Double ?"},
            {"role": "assistant", "content": "I think so"},
        ]
        told = files["rollouts/1/visible_tests.txt"]
        assert "AssertionError: 1 != 2" in told
        assert 'File "visible_test.py", line 7' in told
        assert "in a moment" in told
        assert "secret" not in json.dumps(files)

    def test_it_is_the_same_each_time(self, process: Sandbox) -> None:
        answer = {"answer.py": b"def double(x):\n    return object()\n"}
        with serving(process, Chatty()) as services:
            assert self.shown(services, answer) == self.shown(services, answer)

    @pytest.mark.parametrize(
        "answer",
        [
            {"visible_test.py": b"print('all is well')", "answer.py": WRONG.encode()},
            {"visible_test.py/x": b"", "answer.py": WRONG.encode()},
            {"answer.py/x": b""},
            {"unittest.py": b"raise SystemExit('OK')", "answer.py": WRONG.encode()},
            {},
        ],
        ids=["forged", "folder", "no solution", "shadowed", "nothing"],
    )
    def test_an_answer_cannot_keep_the_visible_tests_from_running(
        self, plain: NodeServices, answer: dict[str, bytes]
    ) -> None:
        assert "FAILED" in self.shown(plain, answer)["rollouts/1/visible_tests.txt"]

    def test_an_answer_that_prints_without_end(self, plain: NodeServices) -> None:
        noise = b"print('y' * 10_000_000)\ndef double(x): return 0\n"
        assert len(self.shown(plain, {"answer.py": noise})["rollouts/1/visible_tests.txt"]) < 17_000

    def test_trees_made_to_keep_the_comparison_busy(self, plain: NodeServices) -> None:
        old = b"".join(b"a%d\nx%d\n" % (n, n) for n in range(20_000))
        new = b"".join(b"b%d\nx%d\n" % (n, n) for n in range(20_000))
        tree = {**agent(improve=f'(work / "f").write_bytes({new!r})\n'), "f": old}
        began = time.monotonic()
        result = expand(expand_job(tree), plain)
        assert time.monotonic() - began < 40
        assert result.outcome is ExpansionOutcome.GATED
        assert b"Files a/f and b/f differ" in result.patch


def test_improving_twice_from_a_journal_gives_the_same_child_for_nothing(
    process: Sandbox, tmp_path: Path
) -> None:
    improve = 'work.joinpath("note.md").write_text(ask("what?")["content"])\n'
    job = expand_job(agent(TALKS, improve), gates=ALL, journal=tmp_path / "j.jsonl")
    with serving(process, Chatty("wisdom")) as services:
        first = expand(job, services)
    with serving(process, Denying()) as services:
        second = expand(job, services)
    assert first.outcome is ExpansionOutcome.CHILD
    assert first.child == second.child
    assert first.child is not None
    assert first.child["note.md"] == b"wisdom"


def test_another_agent_is_shown_by_how_its_source_differs(plain: NodeServices) -> None:
    """As much as there is room for; the bytes are the other agent's, the names of the files ours."""
    show = TestEvidence.SHOW.replace("p.read_text()", "[p.read_text()[-99:], p.stat().st_size]")
    parent = agent(improve=show)
    other = {**parent, "solve.py": b"other\n", "more.py": b"#\n" * DIFFERENCE_BYTES}
    both = (evidence({}), replace(evidence({}), other=other, outcome=Outcome.RESOLVED))
    files = json.loads(expand(expand_job(parent, evidence=both), plain).log)
    assert files["rollouts/2/outcome.txt"][0] == "resolved, another agent\n"
    end, size = files["rollouts/2/agent.diff"]
    assert DIFFERENCE_BYTES < size < DIFFERENCE_BYTES + 100
    assert end.endswith("+other\n")
    assert "rollouts/1/agent.diff" not in files


def test_a_long_conversation_is_shown_by_its_beginning_and_its_end() -> None:
    messages: list[Message] = [{"role": "user", "content": f"{n} " + "x" * 100} for n in range(100)]
    assert json.loads(shortened(messages, 1 << 20)) == messages
    cut = shortened(messages, 2000)
    kept = json.loads(cut)
    assert len(cut) <= 2000
    assert kept[:2] == messages[:2]
    assert kept[3:] == messages[-len(kept[3:]) :]
    assert len(kept) > 6
    assert kept[2] == {"role": "user", "content": f"[{100 - len(kept) + 1} messages left out]"}
    assert json.loads(shortened([{"role": "user", "content": "x" * 5000}], 1000))[0]["content"].startswith(
        "[1 "
    )


def test_the_solution_that_the_hidden_tests_accept_passes_the_visible_ones(plain: NodeServices) -> None:
    files = TestEvidence().shown(plain, {"answer.py": RIGHT.encode()})
    assert files["rollouts/1/visible_tests.txt"].rstrip().endswith("OK")
