"""A small run, made by hand, in which everything that agents, models and tasks may write is hostile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from archive import (
    Agent,
    DecisionKind,
    ExpansionOutcome,
    GateVerdict,
    Outcome,
    Run,
    RunInfo,
    Split,
    TestResult,
    TestStatus,
    create_run,
)
from archive.testing import a_call, a_decision, an_agent, an_evaluation, an_expansion

CLEAR = "\x1b[2J\x1b]0;owned\x07"
C1 = "\x9b31m"
BIDI = "\u202egnp.exe"
EVIL = f"one\r{CLEAR}{C1}{BIDI}\x7f\u2028\u200btwo"
SCRIPT = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><!--"
WILD = f"{SCRIPT}{EVIL}\n0.500000  fake"
"""What names of operators, models, roles, tests and policies come to, and figures that a policy tells."""
ODD_TASK = f"katas/{CLEAR}\nfake  test  9/9"
TASKS: Mapping[Split, tuple[str, ...]] = {
    Split.SEARCH: ("katas/anagram", ODD_TASK),
    Split.CONFIRM: (),
    Split.TEST: ("katas/tested",),
}


def hostile_run(path: Path, config: Mapping[str, object], *, extra: Mapping[str, bytes] = {}) -> Path:
    """A seed with two evaluations and one child, which has the `extra` files; both are tested once."""
    with create_run(path, RunInfo(id="f" * 32, seed=0, config=dict(config), splits=TASKS)) as run:
        seed = _agent(run, {"agent.toml": b"", "a.py": b"print(1)\n"}, None)
        _evaluate(run, seed, "katas/anagram", Outcome.RESOLVED)
        _evaluate(run, seed, ODD_TASK, Outcome.CRASHED)
        child = _expand(run, seed, extra)
        _evaluate(run, child, "katas/anagram", Outcome.RESOLVED)
        _evaluate(run, child, ODD_TASK, Outcome.RESOLVED)
        for agent, outcome in ((seed, Outcome.UNRESOLVED), (child, Outcome.RESOLVED)):
            _evaluate(run, agent, "katas/tested", outcome, Split.TEST)
    return path


def another_child(run: Run, parent: Agent) -> Agent:
    """One more child of `parent`."""
    return _expand(run, parent, {"another.py": b""})


def _agent(run: Run, files: dict[str, bytes], parent: Agent | None) -> Agent:
    id = run.code.commit(files, parents=() if parent is None else (parent.id,), message="", seq=run.next_seq)
    agent = replace(an_agent(run.next_seq, parent=parent, id=id), tree=run.code.tree(id))
    if parent is None:
        run.append(agent)
    return agent


def _expand(run: Run, parent: Agent, extra: Mapping[str, bytes]) -> Agent:
    decision = a_decision(run.next_seq, agent=parent.id, task=None)
    told = {"agent": WILD, "value": 10**400, "kind": "expand", "__proto__": WILD, WILD: [WILD, {WILD: None}]}
    saw = {WILD: WILD, "__proto__": {"a": WILD}, "large": 10**400, "list": [WILD, None, {WILD: [WILD]}]}
    run.append(
        replace(decision, policy=WILD, operator=WILD, saw=saw, runners_up=(told, {"agent": parent.id}))
    )
    seq = run.next_seq
    child = _agent(run, {**extra, "agent.toml": b"", "a.py": f"print('{EVIL}')\n".encode()}, parent)
    expansion = replace(
        an_expansion(seq, decision=seq - 1),
        parent=parent.id,
        operator=WILD,
        outcome=ExpansionOutcome.CHILD,
        child=child.id,
        detail=WILD,
        gates=(GateVerdict(gate=WILD, passed=True, detail=WILD),),
        flags=(WILD,),
        digests={WILD: WILD},
        sandbox="process",
    )
    call = replace(a_call(seq, rollout=expansion.id), model=WILD, role=WILD)
    run.append(expansion, replace(child, expansion=expansion.id), call)
    return child


def _evaluate(run: Run, agent: Agent, task: str, outcome: Outcome, split: Split = Split.SEARCH) -> None:
    decision = replace(a_decision(run.next_seq, agent=agent.id, task=task), split=split)
    assert decision.kind is DecisionKind.EVALUATE
    run.append(decision)
    row = an_evaluation(run.next_seq, agent=agent.id, task=task, outcome=outcome)
    tests = (TestResult(name=WILD, status=TestStatus.FAILED),)
    run.append(
        replace(row, split=split, detail=WILD, tests=tests, tier=WILD, flags=(WILD,), sandbox="process")
    )
