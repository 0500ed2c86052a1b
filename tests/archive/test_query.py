"""What people ask of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import beta

import archive
from archive import Outcome, Row, RunInfo, RunReader, Split, create_run
from archive.testing import a_decision, a_regrade, a_search, agent_id, an_agent, an_evaluation, an_expansion


@pytest.fixture
def half_sealed(tmp_path: Path) -> Iterator[RunReader]:
    """A reader of a run that has parts and a tail."""
    run = create_run(tmp_path / "run", RunInfo(id="run", seed=1), segment_lines=7)
    for rows in a_search(20):
        run.append(*rows)
    with archive.open(run.path) as reader:
        yield reader
    run.close()


def test_tables_are_parts_and_tail_as_one(half_sealed: RunReader) -> None:
    rows = [row for entry in half_sealed.entries() for row in entry.rows]
    for table in ("decisions", "expansions", "agents", "evaluations", "calls", "changes"):
        found = getattr(half_sealed, table)
        assert found.num_rows == sum(type(row).__name__.lower() + "s" == table for row in rows)
        assert found["seq"].to_pylist() == sorted(found["seq"].to_pylist())
    assert half_sealed.decisions["seq"].to_pylist() == list(range(1, 41, 2))
    assert half_sealed.evaluations["cost_microusd"].to_pylist()[0] == 340


def test_the_lineage_is_that_of_the_agents(half_sealed: RunReader) -> None:
    newest = half_sealed.agents["id"].to_pylist()[-1]
    assert half_sealed.lineage.ancestors(newest)[-1] == agent_id("agent 0")
    assert len(half_sealed.lineage) == half_sealed.agents.num_rows == 5


def write(tmp_path: Path, *results: tuple[str, Outcome, Split]) -> RunReader:
    """Agents a and its child b; then these evaluations (agent, outcome, split)."""
    a = an_agent(0, id="a")
    b = replace(an_agent(2, parent=a, id="b"))
    entries: list[tuple[Row, ...]] = [(a,), (a_decision(1, agent="a", task=None),)]
    entries.append((an_expansion(2, parent="a", child="b"), b))
    for agent, outcome, split in results:
        seq = len(entries)
        entries.append((replace(a_decision(seq, agent=agent), split=split),))
        entries.append((replace(an_evaluation(seq + 1, agent=agent, outcome=outcome), split=split),))
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1)) as run:
        for rows in entries:
            run.append(*rows)
    return archive.open(tmp_path / "run")


def test_the_leaderboard_counts_evidence_on_the_search_split(tmp_path: Path) -> None:
    reader = write(
        tmp_path,
        ("a", Outcome.UNRESOLVED, Split.SEARCH),
        ("a", Outcome.TIMED_OUT, Split.SEARCH),
        ("a", Outcome.VOID, Split.SEARCH),
        ("a", Outcome.RESOLVED, Split.TEST),
        ("b", Outcome.RESOLVED, Split.SEARCH),
        ("b", Outcome.RESOLVED, Split.SEARCH),
        ("b", Outcome.CRASHED, Split.SEARCH),
    )
    best, worst = reader.leaderboard().to_pylist()
    assert (best["agent"], best["parent"], best["depth"], best["children"]) == ("b", "a", 1, 0)
    assert (best["resolved"], best["unresolved"], best["mean"]) == (2, 1, 3 / 5)
    assert (best["low"], best["high"]) == pytest.approx((beta(3, 2).ppf(0.025), beta(3, 2).ppf(0.975)))
    assert (worst["agent"], worst["resolved"], worst["unresolved"], worst["children"]) == ("a", 0, 2, 1)
    on_test = reader.leaderboard(Split.TEST, mass=0.5).to_pylist()
    assert [(row["agent"], row["resolved"], row["unresolved"]) for row in on_test] == [
        ("a", 1, 0),
        ("b", 0, 0),
    ]
    assert on_test[1]["low"] == pytest.approx(0.25)


def test_agents_nobody_evaluated_stand_in_the_order_they_were_made(tmp_path: Path) -> None:
    assert write(tmp_path).leaderboard()["agent"].to_pylist() == ["a", "b"]
    with pytest.raises(ValueError, match="mass must lie between 0 and 1, got 1"):
        archive.open(tmp_path / "run").leaderboard(mass=1.0)


def test_of_an_evaluation_and_its_regrades_the_last_counts(tmp_path: Path) -> None:
    first = an_evaluation(2, agent="a")

    second = a_regrade(3, first, attempt=1, outcome=Outcome.UNRESOLVED)
    third = a_regrade(4, second, attempt=2)
    fourth = a_regrade(5, first, attempt=3, outcome=Outcome.UNRESOLVED)
    void = a_regrade(6, first, attempt=4, outcome=Outcome.VOID)
    expected = [(1, 0), (0, 1), (1, 0), (0, 1), (0, 1)]
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1)) as run:
        run.append(an_agent(0, id="a"))
        run.append(a_decision(1, agent="a"))
        for row, counts in zip((first, second, third, fourth, void), expected, strict=True):
            run.append(row)
            with archive.open(run.path) as reader:
                (line,) = reader.leaderboard().to_pylist()
                assert (line["resolved"], line["unresolved"]) == counts
                assert reader.counted_evaluations().num_rows == 1
        assert archive.open(run.path).evaluations.num_rows == 5


def test_code_and_blobs_are_at_hand(tmp_path: Path) -> None:
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1)) as run:
        seed = run.code.commit({"a": b"b"}, message="seed", seq=0)
        digest = run.blobs.put(b"transcript")
    with archive.open(tmp_path / "run") as reader:
        assert reader.code.files(seed) == {"a": b"b"}
        assert reader.blobs.get(digest) == b"transcript"


def test_sql_over_the_tables_of_a_run_that_is_written(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1), segment_lines=5) as run:
        for rows in a_search(12):
            run.append(*rows)
        with archive.open(run.path) as reader:
            found = reader.sql(
                "SELECT outcome, count(*) AS n, sum(calls.cost_microusd) AS cost FROM evaluations "
                "JOIN calls ON calls.rollout = evaluations.id GROUP BY outcome ORDER BY outcome"
            )
            assert sum(found["n"].to_pylist()) == reader.calls.num_rows
            assert sum(map(int, found["cost"].to_pylist())) == sum(reader.calls["cost_microusd"].to_pylist())
            with pytest.raises(duckdb.Error):
                reader.sql(f"SELECT * FROM read_csv('{run.path}/run.json')")
            with pytest.raises(duckdb.Error):
                reader.sql("INSTALL httpfs")
            with pytest.raises(
                duckdb.Error
            ):  # what it would find in an extension, it neither fetches nor loads
                reader.sql("SELECT '10.0.0.1'::INET")
            for setting in (
                "autoinstall_known_extensions",
                "autoload_known_extensions",
                "enable_external_access",
            ):
                found = reader.sql(f"SELECT current_setting('{setting}')::VARCHAR")
                assert found.to_pylist()[0].popitem()[1] == "false", setting
