"""What an archive must remember to refuse a wrong entry: ids, open decisions, counts. No row is kept whole
but those."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum

from .errors import (
    AlreadyRecordedError,
    EntryError,
    UnknownAgentError,
    UnknownDecisionError,
    UnknownEvaluationError,
    WrongSeqError,
)
from .records import (
    ROW_TYPES,
    TABLE_OF,
    Agent,
    AgentId,
    Call,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    Row,
)

_About = tuple[DecisionKind, AgentId, str | None]
_NOTHING: _About = (DecisionKind.EXPAND, "", None)
_Closed = dict[int, _About]


class _State(IntEnum):
    """Of each number: is it a decision, and has it a counted result?"""

    NO_DECISION = 0
    OPEN = 1
    DONE = 2


class Ledger:
    """`check` refuses what must not be recorded, `record` takes note of what was."""

    def __init__(self) -> None:
        self.steady = True
        """False after an interrupt in the middle of a change: what this says is worth nothing then."""
        self.rows_by_table: Counter[str] = Counter(dict.fromkeys(ROW_TYPES, 0))
        self._states = bytearray()
        self._open: dict[int, _About] = {}
        self._subjects = _Subjects()
        self._depths: dict[AgentId, int] = {}
        self._expansions: set[str] = set()
        self._evaluations: dict[str, int] = {}
        self._rollouts: set[str] = set()

    @property
    def next_seq(self) -> int:
        return len(self._states)

    def check(self, rows: Sequence[Row]) -> None:
        """Raise an `EntryError` unless `rows`, in the order of their tables, may become the next entry."""
        if not rows:
            raise EntryError("an entry has at least one row, got none")
        self._check_ids(rows)
        for row in rows:
            if row.seq != self.next_seq:
                raise WrongSeqError(f"the next entry is number {self.next_seq}, got a row with seq {row.seq}")
        new = {row.id: row.depth for row in rows if isinstance(row, Agent)}
        for row in rows:
            match row:
                case Decision():
                    self._check_agents([row.agent, *row.context_parents], new)
                case Expansion():
                    self._check_result(row, (DecisionKind.EXPAND, row.parent, None))
                    self._check_agents([row.child] if row.child else [], new)
                case Agent():
                    self._check_agent(row, new)
                case Evaluation() if row.replaces is None:
                    self._check_result(row, (DecisionKind.EVALUATE, row.agent, row.task))
                case Evaluation():
                    self._check_regrade(row)

    def check_many(self, entries: Sequence[Sequence[Row]]) -> None:
        """`check` for entries that are to follow each other; the ledger is as before, also when it refuses them."""
        self.steady = False
        noted: list[tuple[Sequence[Row], _Closed]] = []
        refused: EntryError | None = None
        try:
            for rows in entries:
                self.check(rows)
                noted.append((rows, self.record(rows)))
        except EntryError as error:
            refused = error
        for rows, closed in reversed(noted):
            self._forget(rows, closed)
        self.steady = True
        if refused is not None:
            raise refused

    def record_many(self, entries: Iterable[Iterable[Row]]) -> None:
        """`record` for entries that follow each other."""
        self.steady = False
        for rows in entries:
            self.record(rows)
        self.steady = True

    def record(self, rows: Iterable[Row]) -> _Closed:
        """Take note of an entry that was checked. Gives the decisions that it closed, with what they were about."""
        state, about, closed = _State.NO_DECISION, _NOTHING, dict[int, _About]()
        for row in rows:
            self.rows_by_table[TABLE_OF[type(row)]] += 1
            match row:
                case Decision():
                    state, about = _State.OPEN, (row.kind, row.agent, row.task)
                    self._open[row.seq] = about
                case Agent():
                    self._depths[row.id] = row.depth
                case Expansion():
                    self._expansions.add(row.id)
                    closed |= self._close(row.decision, row.outcome.counted)
                case Evaluation():
                    self._evaluations[row.id] = row.decision
                    closed |= self._close(row.decision, row.outcome.counted)
                case Call():
                    self._rollouts.add(row.rollout)
        self._states.append(state)
        self._subjects.grow(1)
        self._subjects.put(-1, about)
        return closed

    def _forget(self, rows: Iterable[Row], closed: _Closed) -> None:
        """Undo the last `record`, which closed these decisions."""
        self._states.pop()
        self._subjects.pop()
        for row in rows:
            self.rows_by_table[TABLE_OF[type(row)]] -= 1
            match row:
                case Decision():
                    del self._open[row.seq]
                case Agent():
                    del self._depths[row.id]
                case Expansion():
                    self._expansions.remove(row.id)
                case Evaluation():
                    del self._evaluations[row.id]
                case Call():
                    self._rollouts.discard(row.rollout)
        for decision, about in closed.items():
            self._states[decision] = _State.OPEN
            self._open[decision] = about

    def restore(
        self,
        entries: int,
        *,
        rows_by_table: dict[str, int],
        decisions: Iterable[tuple[int, _About]],
        agents: Iterable[tuple[AgentId, int]],
        expansions: Iterable[tuple[str, int, bool]],
        evaluations: Iterable[tuple[str, int, bool]],
        rollouts: Iterable[str],
    ) -> None:
        """Take note of many recorded entries at once, from columns.

        Decisions are (seq, (kind, agent, task)), agents (id, depth), results (id, decision, counted).
        """
        self.rows_by_table.update(rows_by_table)
        self._states.extend(bytes(entries))
        self._subjects.grow(entries)
        for seq, about in decisions:
            self._states[seq] = _State.OPEN
            self._open[seq] = about
            self._subjects.put(seq, about)
        self._depths.update(agents)
        for id, decision, counted in expansions:
            self._expansions.add(id)
            self._close(decision, counted)
        for id, decision, counted in evaluations:
            self._evaluations[id] = decision
            self._close(decision, counted)
        self._rollouts.update(rollouts)

    def _check_ids(self, rows: Sequence[Row]) -> None:
        seen: set[tuple[str, str]] = set()
        for row in rows:
            match row:
                case Agent(id=id):
                    what, known = "agent", id in self._depths
                case Expansion(id=id):
                    what, known = "expansion", id in self._expansions
                case Evaluation(id=id):
                    what, known = "evaluation", id in self._evaluations
                case Call():
                    id, what, known = f"{row.rollout} {row.n}", "call", row.rollout in self._rollouts
                case _:
                    continue
            if known or (what, id) in seen:
                raise AlreadyRecordedError(
                    f"{what} {id} is recorded already; it is recorded once and never changes"
                )
            seen.add((what, id))

    def _check_agents(self, ids: Iterable[AgentId], new: dict[AgentId, int]) -> None:
        for id in ids:
            if id not in self._depths and id not in new:
                raise UnknownAgentError(f"no agent {id!r} in this run; record it before naming it")

    def _check_agent(self, agent: Agent, new: dict[AgentId, int]) -> None:
        if agent.parent is not None:
            self._check_agents([agent.parent, *agent.context_parents], new)
            depth = new.get(agent.parent, self._depths.get(agent.parent, 0)) + 1
            if agent.depth != depth:
                raise EntryError(
                    f"agent {agent.id} must have depth {depth}, one more than its parent, got {agent.depth}"
                )

    def _check_result(self, result: Expansion | Evaluation, about: _About) -> None:
        state = self._state(result.decision)
        if state is _State.NO_DECISION:
            raise UnknownDecisionError(
                f"result {result.id} names decision {result.decision}, which nobody made"
            )
        if state is _State.DONE:
            raise AlreadyRecordedError(
                f"decision {result.decision} has its result already, got {result.id}; "
                "only a re-grade may follow"
            )
        if self._open[result.decision] != about:
            decided = self._open[result.decision]
            raise EntryError(
                f"decision {result.decision} is about {decided}, but result {result.id} is about {about}"
            )

    def _check_regrade(self, evaluation: Evaluation) -> None:
        if evaluation.replaces not in self._evaluations:
            raise UnknownEvaluationError(
                f"evaluation {evaluation.id} replaces {evaluation.replaces}, which is not recorded"
            )
        decision = self._evaluations[evaluation.replaces]
        if evaluation.decision != decision:
            raise EntryError(
                f"{evaluation.replaces} is a result of decision {decision}, but evaluation {evaluation.id}, which "
                f"replaces it, names decision {evaluation.decision}"
            )
        if self._state(decision) is not _State.DONE:
            raise EntryError(
                f"decision {decision} has no counted result, so {evaluation.id} cannot be a re-grade of it"
            )
        if not self._subjects.fits(decision, evaluation.agent, evaluation.task):
            raise EntryError(
                f"evaluation {evaluation.id} is of agent {evaluation.agent} on {evaluation.task}, which is not what "
                f"decision {decision}, whose result it replaces, is about"
            )

    def _state(self, decision: int) -> _State:
        return _State(self._states[decision]) if decision < len(self._states) else _State.NO_DECISION

    def _close(self, decision: int, counted: bool) -> _Closed:
        if not counted or decision not in self._open:
            return {}
        self._states[decision] = _State.DONE
        return {decision: self._open.pop(decision)}


class _Subjects:
    """Agent and task of each decision, by number: 8 bytes each, since a run has a million."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {}
        self._agents = array("i")
        self._tasks = array("i")

    def grow(self, entries: int) -> None:
        for numbers in (self._agents, self._tasks):
            numbers.frombytes(bytes(entries * numbers.itemsize))

    def pop(self) -> None:
        self._agents.pop()
        self._tasks.pop()

    def put(self, seq: int, about: _About) -> None:
        _, agent, task = about
        self._agents[seq] = self._number(agent)
        self._tasks[seq] = self._number(task)

    def fits(self, seq: int, agent: AgentId, task: str | None) -> bool:
        return (self._agents[seq], self._tasks[seq]) == (self._numbers.get(agent), self._numbers.get(task))

    def _number(self, name: str | None) -> int:
        return self._numbers.setdefault(name, len(self._numbers))
