"""What an archive must remember to refuse a wrong entry: ids, open decisions, counts. No row is kept whole
but those."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum

from .errors import (
    AlreadyRecordedError,
    EntryError,
    UnknownAgentError,
    UnknownDecisionError,
    UnknownEvaluationError,
    WrongSeqError,
)
from .ids import Ids
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

About = tuple[DecisionKind, AgentId, str | None]
_NOTHING: About = (DecisionKind.EXPAND, "", None)
_Closed = dict[int, About]


class State(IntEnum):
    """Of each number: is it a decision, and has it a counted result?"""

    NO_DECISION = 0
    OPEN = 1
    DONE = 2


class Subjects:
    """Agent and task of each decision, by number: 8 bytes each, since a run has a million."""

    def __init__(
        self,
        agents: Iterable[AgentId] = (),
        tasks: Iterable[str | None] = (),
        codes: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        """`codes` are the places in `agents` and in `tasks` of each entry's, as integers of 32 bits."""
        self._agent_numbers = {agent: number for number, agent in enumerate(agents)}
        self._task_numbers = {task: number for number, task in enumerate(tasks)}
        self._agents, self._tasks = array("i", codes[0]), array("i", codes[1])

    def append(self, about: About) -> None:
        _, agent, task = about
        self._agents.append(self._agent_numbers.setdefault(agent, len(self._agent_numbers)))
        self._tasks.append(self._task_numbers.setdefault(task, len(self._task_numbers)))

    def pop(self) -> None:
        self._agents.pop()
        self._tasks.pop()

    def fits(self, seq: int, agent: AgentId, task: str | None) -> bool:
        found = (self._agents[seq], self._tasks[seq])
        return found == (self._agent_numbers.get(agent), self._task_numbers.get(task))


@dataclass(kw_only=True)
class Past:
    """What a ledger begins with, by default nothing. It is the ledger's from then on.

    `open` are the decisions without a counted result and what they are about, `states` one `State` per entry,
    `expansions` and `evaluations` ids with the number of their decision.
    """

    rows_by_table: Mapping[str, int] = field(default_factory=dict)
    states: bytearray = field(default_factory=bytearray)
    open: dict[int, About] = field(default_factory=dict)
    subjects: Subjects = field(default_factory=Subjects)
    depths: dict[AgentId, int] = field(default_factory=dict)
    expansions: Ids = field(default_factory=Ids)
    evaluations: Ids = field(default_factory=Ids)


class Ledger:
    """`check` refuses what must not be recorded, `record` takes note of what was."""

    def __init__(self, past: Past | None = None) -> None:
        past = past or Past()
        self.steady = True
        """False after an interrupt in the middle of a change: what this says is worth nothing then."""
        self.rows_by_table: Counter[str] = Counter({**dict.fromkeys(ROW_TYPES, 0), **past.rows_by_table})
        self._states = past.states
        self._open = past.open
        self._subjects = past.subjects
        self._depths = past.depths
        self._expansions = past.expansions
        self._evaluations = past.evaluations

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
        results = [row.id for row in rows if isinstance(row, Evaluation | Expansion)]
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
                case Call() if row.rollout not in results:
                    raise EntryError(
                        f"call {row.n} is of rollout {row.rollout}, whose result is not in this entry; "
                        "record calls together with it"
                    )

    @contextmanager
    def noting(self, entries: Sequence[Sequence[Row]]) -> Iterator[None]:
        """Check entries that follow each other and take note of them, while the block makes them durable.

        The ledger is as before if one of them is refused or the block fails.
        """
        self.steady = False
        noted: list[tuple[Sequence[Row], _Closed]] = []
        try:
            for rows in entries:
                self.check(rows)
                noted.append((rows, self.record(rows)))
        except EntryError:
            self._forget_all(noted)
            raise
        try:
            yield
        except BaseException:
            self._forget_all(noted)
            raise
        self.steady = True

    def record(self, rows: Iterable[Row]) -> _Closed:
        """Take note of an entry that was checked. Gives the decisions that it closed, with what they were about."""
        state, about, closed = State.NO_DECISION, _NOTHING, dict[int, About]()
        for row in rows:
            self.rows_by_table[TABLE_OF[type(row)]] += 1
            match row:
                case Decision():
                    state, about = State.OPEN, (row.kind, row.agent, row.task)
                    self._open[row.seq] = about
                case Agent():
                    self._depths[row.id] = row.depth
                case Expansion():
                    self._expansions.add(row.id, row.decision)
                    closed |= self._close(row.decision, row.outcome.counted)
                case Evaluation():
                    self._evaluations.add(row.id, row.decision)
                    closed |= self._close(row.decision, row.outcome.counted)
        self._states.append(state)
        self._subjects.append(about)
        return closed

    def _forget_all(self, noted: Sequence[tuple[Sequence[Row], _Closed]]) -> None:
        for rows, closed in reversed(noted):
            self._forget(rows, closed)
        self.steady = True

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
                    self._evaluations.remove(row.id)
        for decision, about in closed.items():
            self._states[decision] = State.OPEN
            self._open[decision] = about

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
                    id, what = f"{row.rollout} {row.n}", "call"
                    known = row.rollout in self._evaluations or row.rollout in self._expansions
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

    def _check_result(self, result: Expansion | Evaluation, about: About) -> None:
        state = self._state(result.decision)
        if state is State.NO_DECISION:
            raise UnknownDecisionError(
                f"result {result.id} names decision {result.decision}, which nobody made"
            )
        if state is State.DONE:
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
        decision = None if evaluation.replaces is None else self._evaluations.get(evaluation.replaces)
        if decision is None:
            raise UnknownEvaluationError(
                f"evaluation {evaluation.id} replaces {evaluation.replaces}, which is not recorded"
            )
        if evaluation.decision != decision:
            raise EntryError(
                f"{evaluation.replaces} is a result of decision {decision}, but evaluation {evaluation.id}, which "
                f"replaces it, names decision {evaluation.decision}"
            )
        if self._state(decision) is not State.DONE:
            raise EntryError(
                f"decision {decision} has no counted result, so {evaluation.id} cannot be a re-grade of it"
            )
        if not self._subjects.fits(decision, evaluation.agent, evaluation.task):
            raise EntryError(
                f"evaluation {evaluation.id} is of agent {evaluation.agent} on {evaluation.task}, which is not what "
                f"decision {decision}, whose result it replaces, is about"
            )

    def _state(self, decision: int) -> State:
        return State(self._states[decision]) if decision < len(self._states) else State.NO_DECISION

    def _close(self, decision: int, counted: bool) -> _Closed:
        if not counted or decision not in self._open:
            return {}
        self._states[decision] = State.DONE
        return {decision: self._open.pop(decision)}
