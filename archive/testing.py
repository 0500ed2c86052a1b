"""For tests: builders of valid rows, and the contract that every archive inherits.

class TestMemoryArchive(ArchiveContract):
    @pytest.fixture
    def archive(self) -> Archive:
        return MemoryArchive()
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from .base import Archive
from .errors import (
    AlreadyRecordedError,
    EntryError,
    NotWritableError,
    RowError,
    UnknownAgentError,
    UnknownDecisionError,
    UnknownEvaluationError,
    WrongSeqError,
)
from .records import (
    Agent,
    AgentId,
    Call,
    Change,
    Decision,
    DecisionKind,
    Entry,
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
    job_id,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def agent_id(name: object) -> AgentId:
    """An id that looks like a commit."""
    return hashlib.sha1(str(name).encode()).hexdigest()


def id_at(seq: int) -> AgentId:
    """The id that `an_agent(seq)` has."""
    return agent_id(f"agent {seq}")


def an_agent(seq: int = 0, *, parent: Agent | None = None, id: AgentId | None = None) -> Agent:
    """A seed, or a child of `parent`."""
    id = id or id_at(seq)
    return Agent(
        id=id,
        seq=seq,
        parent=None if parent is None else parent.id,
        expansion=None if parent is None else job_id("run", seq, "expand", 1),
        depth=0 if parent is None else parent.depth + 1,
        tree=agent_id(f"tree of {id}"),
        patch_bytes=0 if parent is None else 120,
        patch_files=0 if parent is None else 1,
    )


def a_decision(seq: int = 1, *, agent: AgentId | None = None, task: str | None = "katas/anagram") -> Decision:
    """To evaluate on `task`, or to expand if that is None."""
    return Decision(
        seq=seq,
        kind=DecisionKind.EXPAND if task is None else DecisionKind.EVALUATE,
        agent=agent or id_at(0),
        policy="huxley",
        policy_version=1,
        task=task,
        split=None if task is None else Split.SEARCH,
        operator="single_failure" if task is None else None,
        saw={"counts": [[0, 0]], "tau": 1.5, "in_flight": {}},
        runners_up=({"agent": "…", "value": 0.25},),
    )


def an_evaluation(
    seq: int = 2,
    *,
    decision: int | None = None,
    attempt: int = 1,
    agent: AgentId | None = None,
    task: str = "katas/anagram",
    outcome: Outcome = Outcome.RESOLVED,
) -> Evaluation:
    """The result of `decision`, by default the one just before."""
    decision = seq - 1 if decision is None else decision
    status = TestStatus.PASSED if outcome is Outcome.RESOLVED else TestStatus.FAILED
    return Evaluation(
        id=job_id("run", decision, "evaluate", attempt),
        seq=seq,
        decision=decision,
        attempt=attempt,
        agent=agent or id_at(0),
        task=task,
        split=Split.SEARCH,
        outcome=outcome,
        score=None if outcome is Outcome.VOID else float(outcome is Outcome.RESOLVED),
        tests=(TestResult(name="test_rule_1", status=status), TestResult(name="test_ünicode", status=status)),
        tier="A",
        answer="a" * 64,
        detail="2 tests",
        usage=Usage(calls=2, input_tokens=100, output_tokens=20, cost_microusd=340),
        queued_s=0.25,
        solve_s=1.5,
        grade_s=0.1,
        started=NOON + timedelta(seconds=seq, microseconds=1),
        sandbox="bubblewrap",
        digests={"task": "b" * 64, "runtime": "c" * 64},
        flags=("weak_sandbox",),
    )


def a_regrade(
    seq: int, of: Evaluation, *, attempt: int = 1, outcome: Outcome = Outcome.RESOLVED
) -> Evaluation:
    """The answer of `of` graded again: the `attempt`-th time."""
    return replace(
        of,
        id=job_id("run", of.decision, "regrade", attempt),
        seq=seq,
        attempt=attempt,
        outcome=outcome,
        score=None if outcome is Outcome.VOID else float(outcome is Outcome.RESOLVED),
        usage=Usage(),
        solve_s=0.0,
        replaces=of.id,
    )


def an_expansion(
    seq: int = 2,
    *,
    decision: int | None = None,
    attempt: int = 1,
    parent: AgentId | None = None,
    child: AgentId | None = None,
    outcome: ExpansionOutcome | None = None,
) -> Expansion:
    """The result of `decision`, by default the one just before; a `child` makes it one that ended so."""
    decision = seq - 1 if decision is None else decision
    return Expansion(
        id=job_id("run", decision, "expand", attempt),
        seq=seq,
        decision=decision,
        attempt=attempt,
        parent=parent or id_at(0),
        operator="single_failure",
        outcome=outcome or (ExpansionOutcome.NO_CHANGE if child is None else ExpansionOutcome.CHILD),
        child=child,
        gates=(GateVerdict(gate="paths", passed=True, seconds=0.01), GateVerdict(gate="smoke", passed=False)),
        usage=Usage(calls=1, input_tokens=1000, output_tokens=200),
        seconds=4.0,
        started=NOON + timedelta(seconds=seq),
    )


def a_call(seq: int = 2, *, rollout: str | None = None, n: int = 0) -> Call:
    """Call number `n` of a rollout, by default of the evaluation that `an_evaluation(seq)` gives."""
    return Call(
        rollout=rollout or job_id("run", seq - 1, "evaluate", 1),
        seq=seq,
        n=n,
        model="rehearsal",
        role="solve",
        status=200,
        input_tokens=50,
        cached_tokens=0,
        output_tokens=10,
        reasoning_tokens=0,
        cost_microusd=170,
        latency_s=0.002,
        journal=False,
        request="d" * 64,
        response="e" * 64,
    )


def a_change(seq: int = 0) -> Change:
    return Change(seq=seq, kind="budget.evaluations", before="100", after="200", at=NOON)


def a_search(decisions: int, id_of: Callable[[int], AgentId] = id_at) -> list[tuple[Row, ...]]:
    """The entries of a small search: a seed, then decisions, each with its result; every fifth makes a child.

    `id_of` gives the id of the agent that the entry of this number makes.
    """
    newest = an_agent(0, id=id_of(0))
    entries: list[tuple[Row, ...]] = [(newest,)]
    for number in range(decisions):
        seq = len(entries)
        if number % 5 == 0:
            entries.append((a_decision(seq, agent=newest.id, task=None),))
            child = an_agent(seq + 1, parent=newest, id=id_of(seq + 1))
            child = replace(child, expansion=job_id("run", seq, "expand", 1))
            entries.append((an_expansion(seq + 1, parent=newest.id, child=child.id), child))
            newest = child
        else:
            outcome = list(Outcome)[number % len(Outcome)]
            entries.append((a_decision(seq, agent=newest.id),))
            evaluation = an_evaluation(seq + 1, agent=newest.id, outcome=outcome)
            entries.append((evaluation, a_call(seq + 1), a_call(seq + 1, n=1)))
    return entries


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
        entries: list[tuple[Row, ...]] = [
            (an_evaluation(3, decision=1), a_call(3)),
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

    @pytest.mark.parametrize("other", [{"agent": id_at(1)}, {"task": "katas/bowling"}])
    def test_a_regrade_is_of_the_agent_and_task_that_were_decided(
        self, archive: Archive, other: dict[str, str]
    ) -> None:
        first = an_evaluation(3, decision=2)
        self.fill(archive, (an_agent(0),), (an_agent(1),), (a_decision(2),), (first,))
        for reopened in (False, True):
            archive = self.reopen(archive) if reopened else archive
            with pytest.raises(EntryError, match="not what decision 2, whose result it replaces, is about"):
                archive.append(replace(a_regrade(4, first), **other))
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
