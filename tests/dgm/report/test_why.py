"""Every decision of every policy has a reason that its row tells, in one sentence and as values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import archive
from archive import Decision, DecisionKind, Json, RunReader, Split
from dgm.errors import LookUpError
from dgm.report import why, why_data, why_text
from dgm.report.views import RunView
from tests.dgm.scripted import POLICIES, SPLITS, Driver, Script

A, B = "a" * 40, "b" * 40


def decided(policy: str, *told: Json, agent: str = A, task: str | None = None, **saw: object) -> Decision:
    return Decision(
        seq=5,
        kind=DecisionKind.EXPAND if task is None else DecisionKind.EVALUATE,
        agent=agent,
        policy=policy,
        policy_version=1,
        task=task,
        split=None if task is None else Split.SEARCH,
        saw={"evaluations_started": 9, **saw},
        runners_up=told,
    )


def told(kind: str, agent: str, **values: object) -> dict[str, Any]:
    counts = {"resolved": 3, "unresolved": 1}
    return {"kind": kind, "agent": agent, "costs": 1.0, "broken": 0.0, **counts, **values}


def test_pedigree_says_what_may_be_reached_and_what_came_second() -> None:
    rows = (
        told("expand", A, value=0.0026, share=0.61, share_sd=0.08, costs=3.2),
        told("evaluate", B, value=0.0018, share=0.55, share_sd=0.1, broken=0.3, task="katas/t"),
    )
    found = why(decided("pedigree", *rows))
    assert found.sentence == (
        "expand aaaaaaaaaa because its children may reach .61 ± .08, worth most for what it costs (0.0026 per"
        " evaluation at the price of 3.2 evaluations); second: evaluate bbbbbbbbbb on katas/t (.55 ± .10, broken with"
        " probability .30)"
    )
    first, second = found.options
    assert (first.kind, first.task, first.share, first.costs) == (DecisionKind.EXPAND, None, 0.61, 3.2)
    assert (second.kind, second.task, second.share_sd) == (DecisionKind.EVALUATE, "katas/t", 0.1)


COUNTS = {"resolved": 5, "unresolved": 3}


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (
            decided("huxley", {"agent": A, "value": 0.714, **COUNTS}, {"agent": B, "value": 0.6, **COUNTS}),
            "because its clade drew .71, 5 of 8 resolved, the largest draw; second: expand bbbbbbbbbb (.60, 5 of 8",
        ),
        (
            decided("huxley", {"agent": A, "value": 1.0, **COUNTS}, task="x/t"),
            "evaluate aaaaaaaaaa on x/t because it drew 1.00, 5 of 8 resolved, the largest draw",
        ),
        (decided("huxley", evaluations_started=0), "so that several lineages are alive"),
        (decided("uniform", evaluations_started=0), "so that several lineages are alive"),
        (decided("uniform"), "because the parent was drawn, each as likely as any other"),
        (decided("uniform", task="x/t"), "because agent and task were drawn"),
        (decided("darwin", task="x/t"), "because its stage of evaluations is not done"),
        (
            decided("darwin", {"agent": A, "value": 0.25, **COUNTS}, {"agent": B, "value": 0.1, **COUNTS}),
            "few children, 5 of 8 resolved, a chance of .25; second: expand bbbbbbbbbb (.10, 5 of 8 resolved)",
        ),
        (
            decided("sica", {"agent": A, "value": 1.0, **COUNTS}),
            "not clearly worse than the best, 5 of 8 resolved",
        ),
        (decided("greedy", {"agent": A, "value": 1.0, **COUNTS}), "because it has the largest share"),
        (decided("pedigree", task="x/t"), "because the seed meets its first tasks"),
        (
            decided("pedigree", told("expand", A, value=0.5, mean=-0.4, sd=0.7)),
            "because policy pedigree gave it the largest value, .50",
        ),
        (decided("own\npolicy"), "because policy own\\npolicy chose so and tells no value"),
        (
            replace(decided("final", task="x/t"), split=Split.CONFIRM),
            "because the finalists and the seed meet",
        ),
        (replace(decided("final", task="x/t", best=A), split=Split.TEST), "it is the best agent"),
        (
            replace(decided("final", {"agent": B, "value": 0.4}, task="x/t", best=B), split=Split.TEST),
            "what the best agent gained is measured against the seed",
        ),
    ],
    ids=lambda one: one.policy if isinstance(one, Decision) else "",
)
def test_the_reason_of_each_policy(decision: Decision, words: str) -> None:
    sentence = why(decision).sentence
    assert words in sentence
    assert sentence.count("second") == words.count("second")


def test_rows_of_another_program_that_name_no_action_are_left_out() -> None:
    odd: list[Any] = [
        {},
        {"agent": 7},
        {"agent": B, "kind": "ponder"},
        {"agent": B, "kind": ["expand"]},
        "b",
        None,
    ]
    plain = why(decided("pedigree", task="x/t"))
    assert why(decided("huxley", *odd, task="x/t")).options == plain.options
    hostile = {"agent": "\x1b[2J" + B, "value": 10**400, "resolved": 1.5}
    found = why(decided("huxley", *odd, {"agent": A, "value": 0.5}, hostile))
    assert "second: expand \\x1b[2J" in found.sentence
    assert (found.options[1].value, found.options[1].resolved) == (None, None)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_every_decision_of_a_search_is_explained(tmp_path: Path, policy: str) -> None:
    Driver(tmp_path / "run", seed=3, policy=policy, evaluations=30, slots=3, work=Script(3)).search()
    with archive.open(tmp_path / "run") as run:
        view = view_of(run)
        rows = [row for row in view.rows if isinstance(row, Decision)]
        for row in rows:
            found = why(row)
            first, *others = found.options
            assert (first.kind, first.agent, first.task) == (row.kind, row.agent, row.task)
            assert len(others) <= 4
            assert "tells no value" not in found.sentence
            if policy == "pedigree" and row.policy == "pedigree" and row.runners_up:
                assert all(one.share is not None and 0 <= one.share <= 1 for one in found.options)
                assert all((one.task is None) == (one.kind is DecisionKind.EXPAND) for one in found.options)
        assert len(why_text(view).splitlines()) == len(rows)
        last = rows[-1]
        assert why_data(view, last.seq)["decisions"] == why_data(view, run.next_seq - 1)["decisions"]
        with pytest.raises(LookUpError, match="entry 0 of this run is no decision"):
            why_text(view, 0)


def view_of(run: RunReader) -> RunView:
    return RunView(run, SPLITS)
