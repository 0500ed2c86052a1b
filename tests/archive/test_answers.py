"""What is asked of tables, beside the same asked of rows in plain loops."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import archive
from archive import (
    SCHEMAS,
    Agent,
    Call,
    Decision,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    Lineage,
    Outcome,
    Row,
    RunInfo,
    Split,
    UnknownAgentError,
    Usage,
    create_run,
    is_result,
)
from archive.answers import ANSWERS
from archive.codec import encode
from archive.query import ancestry, clades, costs, flips, fold_regrades, gains, leaderboard, matrix
from archive.schema import to_arrow
from archive.testing import a_call, a_decision, a_regrade, a_search, an_agent, an_evaluation, an_expansion
from archive.timeline import timeline

SEEDS = range(12)
START = datetime(2026, 1, 1, tzinfo=UTC)


def a_run(seed: int) -> list[Row]:
    """A run with several agents, repeats, splits, void tries, re-grades and decisions without a result."""
    random_ = random.Random(seed)
    agents = [an_agent(0, id="agent 0")]
    rows: list[Row] = [agents[0]]
    graded: list[Evaluation] = []
    seq = 1
    for _ in range(random_.randrange(1, 60)):
        agent, kind = random_.choice(agents), random_.random()
        times = {
            "started": START + timedelta(seconds=random_.randrange(40)),
            "queued_s": random_.choice((0.0, 1.5)),
        }
        if kind < 0.15:
            child = an_agent(seq + 1, parent=agent, id=f"agent {len(agents)}")
            outcome = random_.choice((ExpansionOutcome.CHILD, ExpansionOutcome.VOID))
            made = an_expansion(seq + 1, parent=agent.id, child=child.id)
            if outcome is ExpansionOutcome.VOID:
                made = replace(made, child=None, outcome=outcome)
            rows += [a_decision(seq, agent=agent.id, task=None), replace(made, **times)]
            if outcome is ExpansionOutcome.CHILD:
                agents.append(child)
                rows.append(child)
        elif kind < 0.25:
            rows.append(a_decision(seq, agent=agent.id))
        elif kind < 0.35 and graded:
            again = a_regrade(seq, random_.choice(graded), attempt=seq, outcome=random_.choice(list(Outcome)))
            rows.append(again)
        else:
            decision = replace(a_decision(seq, agent=agent.id), split=random_.choice(list(Split)))
            decision = replace(decision, task=f"{decision.split}/{random_.randrange(4)}")
            row = an_evaluation(seq + 1, agent=agent.id, outcome=random_.choice(list(Outcome)))
            row = replace(row, task=decision.task, split=decision.split, decision=seq, **times)
            row = replace(row, solve_s=random_.randrange(9) / 2, grade_s=0.0, usage=Usage())
            rows += [decision, row]
            if row.outcome.counted:
                graded.append(row)
            for n in range(random_.randrange(3)):
                call = replace(a_call(seq + 1, rollout=row.id, n=n), model=random_.choice("ab"))
                rows.append(replace(call, journal=random_.random() < 0.3))
        seq += 2
    return rows


def tables(rows: Sequence[Row]) -> dict[str, pa.Table]:
    plain: dict[str, list[Any]] = {table: [] for table in SCHEMAS}
    for row in rows:
        table, values = encode(row)
        plain[table].append(values)
    return {table: to_arrow(table, values) for table, values in plain.items()}


def counted(rows: Sequence[Row]) -> list[Evaluation]:
    by_decision = {
        row.decision: row for row in rows if isinstance(row, Evaluation) and row.outcome is not Outcome.VOID
    }
    return list(by_decision.values())


def lineage_of(rows: Sequence[Row]) -> Lineage:
    return Lineage(row for row in rows if isinstance(row, Agent))


@pytest.mark.parametrize("seed", SEEDS)
def test_counts_are_those_of_loops(seed: int) -> None:
    rows = a_run(seed)
    data, lineage = tables(rows), lineage_of(rows)
    evidence = fold_regrades(data["evaluations"])
    assert sorted(evidence["id"].to_pylist()) == sorted(row.id for row in counted(rows))

    met: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in counted(rows):
        met[row.agent, row.task].append(row.outcome is Outcome.RESOLVED)
    cells = matrix(lineage, evidence).to_pylist()
    assert {(cell["agent"], cell["task"]): (cell["resolved"], cell["evaluations"]) for cell in cells} == {
        pair: (sum(values), len(values)) for pair, values in met.items()
    }
    assert all(cell["task"].startswith(cell["split"]) for cell in cells)

    for split in Split:
        for row in leaderboard(lineage, evidence, split=split, mass=0.9).to_pylist():
            values = [
                value
                for (agent, task), found in met.items()
                for value in found
                if agent == row["agent"] and task.startswith(split)
            ]
            assert (row["resolved"], row["unresolved"]) == (sum(values), len(values) - sum(values))
            assert row["low"] < row["mean"] < row["high"]
        edges = flips(lineage, evidence, split=split).to_pylist()
        assert [edge["child"] for edge in edges] == [a.id for a in lineage if a.parent is not None]
        for edge in edges:
            both = [
                task
                for agent, task in met
                if agent == edge["child"] and (edge["parent"], task) in met and task.startswith(split)
            ]
            signs = [
                "".join(
                    "p" if 2 * sum(met[one, task]) > len(met[one, task]) else "f"
                    for one in (edge["parent"], edge["child"])
                )
                for task in both
            ]
            assert {name: edge[name] for name in ("pp", "pf", "fp", "ff")} == {
                name: signs.count(name) for name in ("pp", "pf", "fp", "ff")
            }
            assert edge["tasks"] == len(both)
            told = {cell["task"]: cell["flip"] for cell in cells if cell["agent"] == edge["child"]}
            assert [told[task] for task in both] == signs


@pytest.mark.parametrize("seed", SEEDS)
def test_clades_and_gains_are_those_of_loops(seed: int) -> None:
    rows = a_run(seed)
    data, lineage = tables(rows), lineage_of(rows)
    evidence = fold_regrades(data["evaluations"])
    own = {
        row["agent"]: row for row in leaderboard(lineage, evidence, split=Split.SEARCH, mass=0.9).to_pylist()
    }
    found = clades(lineage, evidence, split=Split.SEARCH, mass=0.9).to_pylist()
    assert [row["agent"] for row in found] == [agent.id for agent in lineage]
    for row in found:
        members = lineage.clade(row["agent"])
        assert row["agents"] == len(members)
        assert row["resolved"] == sum(own[member]["resolved"] for member in members)
        assert row["unresolved"] == sum(own[member]["unresolved"] for member in members)
        assert row["low"] < row["mean"] == (1 + row["resolved"]) / (2 + row["resolved"] + row["unresolved"])
    steps = gains(data["expansions"], evidence, split=Split.SEARCH).to_pylist()
    made = [row for row in rows if isinstance(row, Expansion)]
    assert [step["seq"] for step in steps] == [row.seq for row in made]
    for step, row in zip(steps, made, strict=True):
        assert (step["outcome"], step["cost_microusd"]) == (row.outcome, row.usage.cost_microusd)
        if row.child is None:
            assert (step["mean"], step["gain"]) == (None, None)
        else:
            assert step["gain"] == pytest.approx(own[row.child]["mean"] - own[row.parent]["mean"])


@pytest.mark.parametrize("seed", SEEDS)
def test_ancestors_and_costs_are_those_of_loops(seed: int) -> None:
    rows = a_run(seed)
    data, lineage = tables(rows), lineage_of(rows)
    evidence = fold_regrades(data["evaluations"])
    newest = [row for row in rows if isinstance(row, Agent)][-1]
    line = ancestry(lineage, data["expansions"], evidence, newest.id).to_pylist()
    agent: str | None = newest.id
    for step in reversed(line):
        mine = [
            row.outcome is Outcome.RESOLVED
            for row in counted(rows)
            if row.agent == agent and row.split == "search"
        ]
        made = [row for row in rows if isinstance(row, Expansion) and row.child == agent]
        assert (step["agent"], step["resolved"], step["unresolved"]) == (
            agent,
            sum(mine),
            len(mine) - sum(mine),
        )
        assert [step["cost_microusd"]] == ([row.usage.cost_microusd for row in made] or [None])
        agent = step["parent"]
    assert agent is None

    calls = [row for row in rows if isinstance(row, Call)]
    found = costs(data["calls"]).to_pylist()
    assert len(found) == len({(call.role, call.model) for call in calls})
    for row in found:
        mine_ = [call for call in calls if (call.role, call.model) == (row["role"], row["model"])]
        assert row["calls"] == len(mine_)
        assert row["journal"] == sum(call.journal for call in mine_)
        assert row["cost_microusd"] == sum(call.cost_microusd for call in mine_)
        assert row["output_tokens"] == sum(call.output_tokens for call in mine_)
        assert row["latency_s"] == pytest.approx(sum(call.latency_s for call in mine_))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_time_line_is_that_of_loops(seed: int) -> None:
    rows = a_run(seed)
    data = tables(rows)
    jobs = timeline(data["decisions"], data["expansions"], data["evaluations"]).to_pylist()
    results = [row for row in rows if is_result(row)]
    assert sorted(job["id"] for job in jobs) == sorted(row.id for row in results)
    by_id = {row.id: row for row in results}
    decided = [row.seq for row in rows if isinstance(row, Decision)]
    last = {row.decision: row.seq for row in sorted(results, key=lambda row: row.seq)}
    for job in jobs:
        row = by_id[job["id"]]
        worked = row.seconds if isinstance(row, Expansion) else row.solve_s + row.grade_s
        assert (job["started"], job["outcome"]) == (row.started, row.outcome)
        assert job["finished"] == row.started + timedelta(seconds=row.queued_s + worked)
        beside = [other for other in jobs if other["started"] <= job["started"] < other["finished"]]
        assert job["running"] == len({other["id"] for other in beside} | {job["id"]})
        if job["started"] < job["finished"]:
            assert all(other["lane"] != job["lane"] for other in beside if other["id"] != job["id"])
        made = {seq for seq in decided if seq < row.seq}
        assert job["in_flight"] == len({seq for seq in made if last.get(seq, row.seq) >= row.seq})
    assert [job["started"] for job in jobs] == sorted(job["started"] for job in jobs)
    assert {job["lane"] for job in jobs} == set(range(max((job["lane"] for job in jobs), default=-1) + 1))


def test_asking_a_run_twice_changes_nothing(tmp_path: Path) -> None:
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1), segment_lines=9) as run:
        for rows in a_search(20):
            run.append(*rows)
        with archive.open(run.path) as reader:
            newest = reader.agents["id"].to_pylist()[-1]
            questions = {
                "leaderboard": reader.leaderboard,
                "matrix": reader.matrix,
                "flips": reader.flips,
                "ancestry": partial(reader.ancestry, newest),
                "clades": reader.clades,
                "gains": reader.gains,
                "costs": reader.costs,
                "timeline": reader.timeline,
            }
            assert questions.keys() == ANSWERS.keys()
            before = {table: getattr(reader, table) for table in SCHEMAS}
            for question, ask in questions.items():
                first = ask()
                assert first.schema.equals(ANSWERS[question], check_metadata=True)
                assert first.num_rows > 0
                assert ask().equals(first)
                first.validate(full=True)
            with archive.open(run.path) as again:
                assert {table: getattr(again, table) for table in SCHEMAS} == before
            with pytest.raises(UnknownAgentError, match="no agent 'none' in "):
                reader.ancestry("none")


def test_a_run_without_rows_has_answers_without_rows(tmp_path: Path) -> None:
    create_run(tmp_path / "run", RunInfo(id="run", seed=1)).close()
    with archive.open(tmp_path / "run") as reader:
        for ask in (
            reader.leaderboard,
            reader.matrix,
            reader.flips,
            reader.clades,
            reader.gains,
            reader.costs,
        ):
            assert ask().num_rows == 0


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables_and_answers_go_on_to_pandas_and_polars(library: str, tmp_path: Path) -> None:
    module = pytest.importorskip(library)
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1), segment_lines=9) as run:
        for rows in a_search(20):
            run.append(*rows)
    with archive.open(tmp_path / "run") as reader:
        found = [*(getattr(reader, table) for table in SCHEMAS), reader.matrix(), reader.timeline()]
        for data in found:
            frame = data.to_pandas() if library == "pandas" else module.from_arrow(data)
            assert (len(frame), list(frame.columns)) == (data.num_rows, data.column_names)
