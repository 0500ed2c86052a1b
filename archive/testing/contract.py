"""The contract that every archive inherits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from archive.base import Archive
from archive.errors import (
    AlreadyRecordedError,
    EntryError,
    NotWritableError,
    RowError,
    UnknownAgentError,
    UnknownDecisionError,
    UnknownEvaluationError,
    WrongSeqError,
)
from archive.records import (
    Decision,
    Entry,
    Evaluation,
    ExpansionOutcome,
    Outcome,
    Row,
)
from archive.testing.rows import (
    NOON,
    a_call,
    a_change,
    a_decision,
    a_regrade,
    a_search,
    an_agent,
    an_evaluation,
    an_expansion,
    id_at,
)


class ArchiveContract:
    """The promises of `archive.base`. Inherit it and give an empty `archive` as a fixture."""

    def reopen(self, archive: Archive) -> Archive:
        """The same archive, opened anew where it can be."""
        return archive

    def fill(self, archive: Archive, *entries: tuple[Row, ...]) -> list[Entry]:
        return [Entry(archive.append(*rows), rows) for rows in entries]

    def test_several_entries_at_once(self, archive: Archive) -> None:
        entries = a_search(20)
        assert archive.append_many([]) == []
        assert archive.append_many(entries[:1]) == [0]
        assert list(archive.append_many(entries[1:])) == list(range(1, 41))
        assert [entry.rows for entry in archive.entries()] == [Entry(0, rows).rows for rows in entries]
        assert [e.rows for e in self.reopen(archive).entries()] == [Entry(0, rows).rows for rows in entries]

    @pytest.mark.parametrize("wrong", range(3))
    def test_several_entries_are_there_together_or_not_at_all(self, archive: Archive, wrong: int) -> None:
        self.fill(archive, (an_agent(0),), (a_decision(1),), (a_decision(2, task=None),))
        child = an_agent(4, parent=an_agent(0))
        first = an_evaluation(3, decision=1)
        entries: list[tuple[Row, ...]] = [
            (first, a_call(3, rollout=first.id)),
            (an_expansion(4, decision=2, child=child.id), child),
            (a_decision(5, agent=child.id),),
        ]
        refused = [*entries]
        refused[wrong] = (a_change(7),)
        with pytest.raises(WrongSeqError):
            archive.append_many(refused)
        with pytest.raises(AlreadyRecordedError):
            archive.append_many([*entries, (an_evaluation(6, decision=1, attempt=2),)])
        assert archive.next_seq == 3 == len(list(archive.entries()))
        archive.append_many(entries)
        assert [e.rows for e in archive.entries(3)] == [Entry(0, rows).rows for rows in entries]

    def test_an_empty_archive_has_no_entries(self, archive: Archive) -> None:
        assert archive.next_seq == 0
        assert list(archive.entries()) == []

    def test_entries_come_back_equal_and_in_order(self, archive: Archive) -> None:
        written = self.fill(archive, *a_search(40))
        assert [entry.seq for entry in written] == list(range(81))
        assert list(archive.entries()) == written
        assert archive.next_seq == 81

    def test_entries_from_any_number_on(self, archive: Archive) -> None:
        written = self.fill(archive, *a_search(8))
        for since in range(len(written) + 2):
            assert list(archive.entries(since)) == written[since:]

    def test_reopening_gives_what_was_there(self, archive: Archive) -> None:
        written = self.fill(archive, *a_search(12))
        again = self.reopen(archive)
        assert list(again.entries()) == written
        assert again.next_seq == len(written)

    def test_after_reopening_it_goes_on(self, archive: Archive) -> None:
        entries = a_search(12)
        for rows in entries:
            archive = self.reopen(archive)
            archive.append(*rows)
        assert [entry.rows for entry in archive.entries()] == [Entry(0, rows).rows for rows in entries]

    def test_rows_of_an_entry_are_told_in_the_order_of_their_tables(self, archive: Archive) -> None:
        self.fill(archive, (an_agent(0),), (a_decision(1),))
        calls = [a_call(2, n=2), a_call(2, n=0), a_call(2, n=1)]
        archive.append(calls[0], an_evaluation(2), calls[1], calls[2])
        assert next(archive.entries(2)).rows == (an_evaluation(2), *calls)

    def test_entries_appended_meanwhile_are_not_in_an_iterator(self, archive: Archive) -> None:
        self.fill(archive, (an_agent(0),), (a_decision(1),))
        before = archive.entries()
        archive.append(an_evaluation(2))
        assert len(list(before)) == 2

    def test_what_the_caller_does_to_a_row_afterwards_is_not_seen(self, archive: Archive) -> None:
        saw: dict[str, object] = {"tau": 1.0}
        archive.append(an_agent(0))
        archive.append(replace(a_decision(1), saw=saw))
        saw["tau"] = 2.0
        assert [row.saw for row in next(archive.entries(1)).rows if isinstance(row, Decision)] == [
            {"tau": 1.0}
        ]

    @pytest.mark.parametrize("seq", [0, 2, 7])
    def test_every_row_carries_the_next_number(self, archive: Archive, seq: int) -> None:
        archive.append(an_agent(0))
        with pytest.raises(WrongSeqError, match=f"number 1, got a row with seq {seq}"):
            archive.append(a_change(seq))
        with pytest.raises(WrongSeqError):
            archive.append(a_change(1), a_change(seq))
        self.assert_holds(archive, 1)

    def test_an_entry_has_rows(self, archive: Archive) -> None:
        with pytest.raises(EntryError, match="at least one row"):
            archive.append()

    @pytest.mark.parametrize("changed", [True, False])
    def test_a_recorded_evaluation_never_changes(self, archive: Archive, changed: bool) -> None:
        done = an_evaluation(2)
        self.fill(archive, (an_agent(0),), (a_decision(1),), (done,))
        again = replace(done, outcome=Outcome.UNRESOLVED, score=0.0) if changed else done
        for row in (again, replace(again, seq=3)):
            with pytest.raises(AlreadyRecordedError, match=done.id):
                archive.append(row)
        self.assert_holds(archive, 3)

    def test_an_agent_is_recorded_once(self, archive: Archive) -> None:
        archive.append(an_agent(0))
        with pytest.raises(AlreadyRecordedError, match=id_at(0)):
            archive.append(replace(an_agent(1), id=id_at(0)))
        with pytest.raises(AlreadyRecordedError):
            archive.append(an_agent(1), an_agent(1))
        self.assert_holds(archive, 1)

    def test_an_expansion_is_recorded_once(self, archive: Archive) -> None:
        done = an_expansion(2, outcome=ExpansionOutcome.VOID)
        self.fill(archive, (an_agent(0),), (a_decision(1, task=None),), (done,))
        with pytest.raises(AlreadyRecordedError, match=done.id):
            archive.append(replace(done, seq=3))

    def test_the_calls_of_a_rollout_are_recorded_once(self, archive: Archive) -> None:
        void = an_evaluation(2, outcome=Outcome.VOID)
        self.fill(archive, (an_agent(0),), (a_decision(1),), (void, a_call(2)))
        with pytest.raises(AlreadyRecordedError, match=void.id):
            archive.append(an_evaluation(3, decision=1, attempt=2), a_call(3, rollout=void.id, n=1))

    def test_calls_come_with_their_result(self, archive: Archive) -> None:
        self.fill(archive, (an_agent(0),), (a_decision(1),))
        for rows in ((a_call(2),), (an_evaluation(2), a_call(2, rollout="another"))):
            with pytest.raises(EntryError, match="whose result is not in this entry"):
                archive.append(*rows)
        self.assert_holds(archive, 2)

    def test_a_decision_takes_one_result_after_any_voids(self, archive: Archive) -> None:
        self.fill(archive, (an_agent(0),), (a_decision(1),))
        archive.append(an_evaluation(2, outcome=Outcome.VOID))
        archive.append(an_evaluation(3, decision=1, attempt=2, outcome=Outcome.VOID))
        archive.append(an_evaluation(4, decision=1, attempt=3))
        for outcome in (Outcome.RESOLVED, Outcome.VOID):
            with pytest.raises(AlreadyRecordedError, match="decision 1"):
                archive.append(an_evaluation(5, decision=1, attempt=4, outcome=outcome))
        self.assert_holds(archive, 5)

    def test_a_regrade_stands_beside_what_it_replaces(self, archive: Archive) -> None:
        self.fill(archive, (an_agent(0),), (a_decision(1),), (an_evaluation(2),))
        regrade = a_regrade(3, an_evaluation(2), outcome=Outcome.UNRESOLVED)
        archive.append(regrade)
        assert next(archive.entries(3)).rows == (regrade,)
        with pytest.raises(UnknownEvaluationError, match="f00"):
            archive.append(replace(a_regrade(4, regrade, attempt=2), replaces="f00"))

    def test_a_regrade_is_about_the_counted_result_that_it_replaces(self, archive: Archive) -> None:
        first, void = an_evaluation(2), an_evaluation(4, outcome=Outcome.VOID)
        self.fill(archive, (an_agent(0),), (a_decision(1),), (first,), (a_decision(3),), (void,))
        with pytest.raises(EntryError, match="is a result of decision 1"):
            archive.append(a_regrade(5, replace(first, decision=3)))
        with pytest.raises(EntryError, match="decision 3 has no counted result"):
            archive.append(a_regrade(5, void))
        self.assert_holds(archive, 5)

    @pytest.mark.parametrize(
        "other",
        [an_evaluation(3, decision=2, agent=id_at(1)), an_evaluation(3, decision=2, task="katas/bowling")],
    )
    def test_a_regrade_is_of_the_agent_and_task_that_were_decided(
        self, archive: Archive, other: Evaluation
    ) -> None:
        first = an_evaluation(3, decision=2)
        self.fill(archive, (an_agent(0),), (an_agent(1),), (a_decision(2),), (first,))
        for reopened in (False, True):
            archive = self.reopen(archive) if reopened else archive
            with pytest.raises(EntryError, match="not what decision 2, whose result it replaces, is about"):
                archive.append(a_regrade(4, other))
        self.assert_holds(archive, 4)
        archive.append(a_regrade(5, first))

    @pytest.mark.parametrize(
        "result", [an_evaluation(1, decision=0), an_evaluation(1, decision=5), an_expansion(1, decision=0)]
    )
    def test_a_result_names_a_decision(self, archive: Archive, result: Row) -> None:
        archive.append(an_agent(0))
        with pytest.raises(UnknownDecisionError):
            archive.append(result)
        self.assert_holds(archive, 1)

    @pytest.mark.parametrize(
        "result", [an_expansion(3), replace(an_evaluation(3), task="other"), an_evaluation(3, agent="other")]
    )
    def test_a_result_is_about_what_was_decided(self, archive: Archive, result: Row) -> None:
        self.fill(archive, (an_agent(0),), (a_change(1),), (a_decision(2),))
        with pytest.raises(EntryError, match="decision 2 is about"):
            archive.append(result)
        self.assert_holds(archive, 3)

    def test_parents_and_children_are_recorded_agents(self, archive: Archive) -> None:
        self.fill(archive, (an_agent(0),), (a_decision(1, task=None),))
        orphan = an_agent(2, parent=an_agent(7))
        child = an_agent(2, parent=an_agent(0))
        for rows in (
            (orphan,),
            (replace(child, context_parents=("nobody",)),),
            (a_decision(2, agent="nobody"),),
            (replace(a_decision(2, task=None), context_parents=("nobody",)),),
            (an_expansion(2, child=child.id),),
        ):
            with pytest.raises(UnknownAgentError):
                archive.append(*rows)
        archive.append(an_expansion(2, child=child.id), child)
        self.assert_holds(archive, 3)

    def test_depth_is_one_more_than_the_parents(self, archive: Archive) -> None:
        archive.append(an_agent(0))
        with pytest.raises(EntryError, match="depth 1"):
            archive.append(replace(an_agent(1, parent=an_agent(0)), depth=2))

    @pytest.mark.parametrize("value", [(1, 2), {1, 2}, float("nan"), {1: "a"}, "\udc80", NOON])
    def test_json_columns_take_only_what_json_gives_back(self, archive: Archive, value: object) -> None:
        archive.append(an_agent(0))
        with pytest.raises(RowError, match=r"decisions\.saw must be"):
            archive.append(replace(a_decision(1), saw={"value": value}))
        self.assert_holds(archive, 1)

    @pytest.mark.parametrize(
        ("column", "make"),
        [
            ("detail", lambda row: replace(row, detail="\udc80")),
            ("detail", lambda row: replace(row, detail=None)),
            ("repeat", lambda row: replace(row, repeat=1.5)),
            ("tests", lambda row: replace(row, tests=list(row.tests))),
            ("split", lambda row: replace(row, split="search")),
        ],
    )
    def test_a_value_must_fit_its_column(
        self, archive: Archive, column: str, make: Callable[[Evaluation], Evaluation]
    ) -> None:
        self.fill(archive, (an_agent(0),), (a_decision(1),))
        with pytest.raises(RowError, match=rf"evaluations\.{column} must be"):
            archive.append(make(an_evaluation(2)))
        self.assert_holds(archive, 2)

    def test_a_closed_archive_is_read_only(self, archive: Archive) -> None:
        written = self.fill(archive, *a_search(3))
        archive.close()
        archive.close()
        with pytest.raises(NotWritableError):
            archive.append(a_change(archive.next_seq))
        assert list(archive.entries()) == written

    def assert_holds(self, archive: Archive, entries: int) -> None:
        """A refused append left the archive as it was, and the next one works."""
        assert archive.next_seq == entries == len(list(archive.entries()))
        assert archive.append(a_change(entries)) == entries
