"""Rows survive the log line and the Parquet part exactly."""

from __future__ import annotations

import io
import json
from dataclasses import fields
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from archive import (
    ROW_TYPES,
    SCHEMAS,
    Agent,
    Call,
    Change,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    GateVerdict,
    Outcome,
    Row,
    Split,
    TestResult,
    TestStatus,
    Usage,
)
from archive.codec import decode, encode
from archive.log import decode_line, encode_line
from archive.schema import from_arrow, to_arrow
from archive.testing import a_call, a_change, a_decision, an_agent, an_evaluation, an_expansion

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts.filter(bool)
counts = st.integers(0, 2**63 - 1)
attempts = st.integers(1, 2**63 - 1)
seconds = st.floats(0, allow_nan=False, allow_infinity=False) | st.integers(0, 2**53)
times = st.datetimes(datetime(1970, 1, 1), datetime(2300, 1, 1), timezones=st.just(UTC))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
jsons = st.dictionaries(texts, json_values, max_size=3)
digests = st.dictionaries(texts, texts, max_size=3)
maybe = st.none() | texts


def tuples(of: SearchStrategy[object]) -> SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=3).map(tuple)


usages = st.builds(Usage, **{field.name: counts for field in fields(Usage)})
results = {
    "id": names,
    "seq": counts,
    "decision": counts,
    "attempt": attempts,
    "detail": texts,
    "usage": usages,
}
results |= {"transcript": maybe, "log": maybe, "queued_s": seconds, "started": times, "sandbox": texts}
results |= {"digests": digests, "flags": tuples(texts)}

decisions = st.one_of(
    st.builds(
        Decision,
        seq=counts,
        kind=st.just(kind),
        agent=names,
        policy=names,
        policy_version=st.integers(-(2**63), 2**63 - 1),
        task=task,
        split=split,
        repeat=counts,
        context_parents=tuples(texts),
        operator=maybe,
        saw=jsons,
        runners_up=tuples(jsons),
    )
    for kind, task, split in [
        (DecisionKind.EXPAND, st.none(), st.none()),
        (DecisionKind.EVALUATE, texts, st.sampled_from(Split)),
    ]
)
agents = st.one_of(
    st.builds(
        Agent,
        id=names,
        seq=counts,
        parent=parent,
        context_parents=tuples(texts),
        expansion=maybe,
        depth=depth,
        tree=names,
        patch_bytes=counts,
        patch_files=counts,
    )
    for parent, depth in [(st.none(), st.just(0)), (texts, attempts)]
)
expansions = st.one_of(
    st.builds(
        Expansion,
        **results,
        parent=names,
        context_parents=tuples(texts),
        operator=names,
        outcome=outcome,
        child=child,
        gates=tuples(st.builds(GateVerdict, gate=texts, passed=st.booleans(), detail=texts, seconds=seconds)),
        brief=maybe,
        patch=maybe,
        parent_evaluations=counts,
        parent_depth=counts,
        parent_patch_bytes=st.none() | counts,
        seconds=seconds,
    )
    for outcome, child in [
        (st.just(ExpansionOutcome.CHILD), texts),
        (st.sampled_from(ExpansionOutcome).filter(lambda o: o is not ExpansionOutcome.CHILD), st.none()),
    ]
)
evaluations = st.one_of(
    st.builds(
        Evaluation,
        **{**results, "usage": usage},
        agent=names,
        task=names,
        split=st.sampled_from(Split),
        repeat=counts,
        outcome=outcome,
        score=score,
        tests=tuples(st.builds(TestResult, name=texts, status=st.sampled_from(TestStatus))),
        tier=texts,
        answer=maybe,
        solve_s=seconds,
        grade_s=seconds,
        sample=texts,
        limits=digests,
        replaces=replaces,
    )
    for usage, replaces in [(usages, st.none()), (st.just(Usage()), names)]
    for outcome, score in [
        (st.just(Outcome.RESOLVED), st.floats(0, 1)),
        (st.just(Outcome.VOID), st.none()),
        (st.sampled_from(sorted(set(Outcome) - {Outcome.RESOLVED, Outcome.VOID})), st.just(0.0)),
    ]
)
calls = st.builds(
    Call,
    rollout=names,
    seq=counts,
    n=counts,
    model=texts,
    role=texts,
    status=counts,
    **{field.name: counts for field in fields(Usage) if field.name != "calls"},
    latency_s=seconds,
    journal=st.booleans(),
    request=texts,
    response=texts,
    estimated=st.booleans(),
    cache=st.booleans(),
)
changes = st.builds(Change, seq=counts, kind=names, before=texts, after=texts, at=times)

rows_of = {
    "decisions": decisions,
    "expansions": expansions,
    "agents": agents,
    "evaluations": evaluations,
    "calls": calls,
    "changes": changes,
}
a_row = {
    "decisions": a_decision(),
    "expansions": an_expansion(),
    "agents": an_agent(),
    "evaluations": an_evaluation(),
    "calls": a_call(),
    "changes": a_change(),
}


@pytest.mark.parametrize("table", ROW_TYPES)
@given(st.data())
def test_a_log_line_gives_back_the_row(table: str, data: st.DataObject) -> None:
    row: Row = data.draw(rows_of[table])
    line = encode_line({"row": encode(row)[1]})
    assert line.count(b"\n") == 1
    assert decode(table, decode_line(line[:-1])["row"]) == row


@pytest.mark.parametrize("table", ROW_TYPES)
@given(st.data())
def test_a_parquet_part_gives_back_the_rows(table: str, data: st.DataObject) -> None:
    rows: list[Row] = data.draw(st.lists(rows_of[table], max_size=3))
    part = io.BytesIO()
    pq.write_table(to_arrow(table, [encode(row)[1] for row in rows]), part)
    back = pq.read_table(part)
    assert back.schema == SCHEMAS[table]
    assert back.schema.metadata == SCHEMAS[table].metadata
    assert [field.metadata for field in back.schema] == [field.metadata for field in SCHEMAS[table]]
    assert from_arrow(table, back) == rows


@pytest.mark.parametrize("table", ROW_TYPES)
def test_a_schema_has_a_column_for_each_field_of_its_row(table: str) -> None:
    expected = [field.name for field in fields(ROW_TYPES[table])]
    if "usage" in expected:
        at = expected.index("usage")
        expected[at : at + 1] = [field.name for field in fields(Usage)]
    assert sorted(SCHEMAS[table].names) == sorted(expected)


@pytest.mark.parametrize("table", ROW_TYPES)
def test_every_column_is_described(table: str) -> None:
    for field in SCHEMAS[table]:
        assert field.metadata[b"description"]
        measured = field.name.endswith(("_s", "seconds", "_tokens", "_bytes", "_microusd", "started"))
        assert measured <= (b"unit" in field.metadata), field.name


@pytest.mark.parametrize("table", ROW_TYPES)
def test_a_column_that_an_older_release_did_not_write_takes_its_default(table: str) -> None:
    plain = encode(a_row[table])[1]
    defaults = {"flags", "repeat", "estimated", "cache", "patch_files"} & plain.keys()
    row = decode(table, {name: value for name, value in plain.items() if name not in defaults})
    assert encode(row)[1].keys() == plain.keys()


@pytest.mark.parametrize(
    ("value", "line"),
    [({"a": "ü\n"}, b'{"a":"\xc3\xbc\\n","crc32":"'), ({"a": [1.5, None]}, b'{"a":[1.5,null],"crc32":"')],
)
def test_a_line_is_plain_json_that_ends_in_its_checksum(value: dict[str, object], line: bytes) -> None:
    encoded = encode_line(value)
    assert encoded.startswith(line)
    assert json.loads(encoded).keys() == value.keys() | {"crc32"}
