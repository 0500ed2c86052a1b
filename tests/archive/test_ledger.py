"""What the ledger remembers, and that an interrupt in the middle of it is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from archive import Evaluation, Outcome, RunInfo, create_run
from archive.ids import Ids
from archive.ledger import Ledger
from archive.recall import past_of
from archive.records import Row
from archive.snapshot import Snapshot
from archive.testing import a_call, a_change, a_decision, a_regrade, a_search, an_agent, an_evaluation


class Interrupting(tuple[Row, ...]):
    """Rows that are interrupted when they are looked at for the second time, which is when they are taken note of."""

    looks = 0

    def __iter__(self) -> Iterator[Row]:
        self.looks += 1
        if self.looks > 2:
            raise KeyboardInterrupt
        return super().__iter__()


def test_an_interrupt_while_entries_are_noted_is_noticed() -> None:
    ledger, entries = Ledger(), a_search(3)
    with ledger.noting(entries[:1]):
        assert not ledger.steady
    assert ledger.steady
    with pytest.raises(KeyboardInterrupt), ledger.noting([entries[1], Interrupting(entries[2])]):
        pytest.fail("they were not all noted")
    assert not ledger.steady


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_entries_that_did_not_become_durable_are_forgotten(failure: type[BaseException]) -> None:
    ledger, entries = Ledger(), a_search(20)
    with ledger.noting(entries[:10]):
        pass
    with pytest.raises(failure), ledger.noting(entries[10:]):
        raise failure
    assert ledger.steady
    assert ledger.next_seq == 10
    with ledger.noting(entries[10:]):
        pass
    assert ledger.next_seq == len(entries)


def test_it_remembers_of_a_run_what_it_remembered_of_its_rows(tmp_path: Path) -> None:
    """With decisions open and void, re-grades, sealed segments in the index and out of it, and a tail in the log."""
    entries = list(a_search(40))
    graded = next(
        row for rows in entries for row in rows if isinstance(row, Evaluation) and row.outcome.counted
    )
    first = len(entries)
    entries += [
        (a_regrade(first, graded),),
        (a_decision(first + 1),),
        (an_evaluation(first + 2, decision=first + 1, outcome=Outcome.VOID), a_call(first + 2)),
        (a_decision(first + 3, task=None),),
        (a_change(first + 4),),
    ]
    expected = Ledger()
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1), segment_lines=4) as run:
        for rows in entries:
            expected.check(rows)
            expected.record(rows)
            run.append(*rows)
        found = Ledger(past_of(Snapshot(run.path)))
    assert found.next_seq == len(entries)
    assert found.rows_by_table == expected.rows_by_table
    for name in ("_states", "_open", "_depths"):
        assert getattr(found, name) == getattr(expected, name)
    for rows in entries:
        for row in rows:
            if isinstance(row, Evaluation):
                assert found._evaluations.get(row.id) == row.decision
                assert found._subjects.fits(row.decision, row.agent, row.task)
                assert not found._subjects.fits(row.decision, "another", row.task)
    assert found._evaluations.get("unknown") is None
    assert an_agent(0).id in found._depths


def test_ids_are_told_apart_whatever_they_begin_with() -> None:
    names = [
        "",
        "a",
        "ab",
        "abcdefgh",
        "abcdefghi",
        "abcdefgh\0",
        "ähnlich",
        "z" * 40,
        "z" * 39 + "y",
        "0" * 32,
    ]
    column = pa.chunked_array([pa.array(["left out", *names[:4]])[1:], pa.array(names[4:])])
    ids = Ids(column, np.arange(len(names)))
    assert [ids.get(name) for name in names] == list(range(len(names)))
    for unknown in ("b", "abcdefg", "abcdefghj", "z" * 41, "left out"):
        assert unknown not in ids
    ids.add("b", 99)
    assert ids.get("b") == 99
    ids.remove("b")
    assert ids.get("b") is None
    assert "a" not in Ids()
