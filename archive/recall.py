"""What the ledger of a run remembers of it, from columns, without making rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .arrays import coded, integers
from .ids import Ids
from .ledger import About, Past, State, Subjects
from .records import DecisionKind, ExpansionOutcome, Outcome
from .snapshot import Snapshot


def past_of(snapshot: Snapshot) -> Past:
    """Everything in `snapshot`."""
    states = np.zeros(snapshot.next_seq, dtype=np.uint8)
    decisions = _Decisions(snapshot)
    states[decisions.seq] = State.OPEN
    expansions, answered = _results(snapshot, "expansions", ExpansionOutcome.VOID)
    evaluations, graded = _results(snapshot, "evaluations", Outcome.VOID)
    for done in (answered, graded):
        states[done[states[done] == State.OPEN]] = State.DONE
    agents = snapshot.coded("agents", ["id", "depth"])
    return Past(
        rows_by_table=snapshot.row_counts(),
        states=bytearray(states.tobytes()),
        open=decisions.about(states[decisions.seq] == State.OPEN),
        subjects=decisions.subjects(snapshot.next_seq),
        depths=dict(zip(agents["id"].to_pylist(), agents["depth"].to_pylist(), strict=True)),
        expansions=expansions,
        evaluations=evaluations,
    )


class _Decisions:
    """All decisions in order: `seq`, and words with a code per decision of kind, agent and task."""

    def __init__(self, snapshot: Snapshot) -> None:
        data = snapshot.coded("decisions", ["seq", "kind", "agent", "task"])
        self.seq = integers(data["seq"])
        self._kinds, self._kind = coded(data["kind"])
        self._agents, self._agent = coded(data["agent"])
        self._tasks, self._task = coded(data["task"])

    def about(self, chosen: NDArray[np.bool_]) -> dict[int, About]:
        return {
            int(self.seq[place]): (
                DecisionKind(self._kinds[self._kind[place]]),
                self._agents[self._agent[place]],
                None if self._task[place] < 0 else self._tasks[self._task[place]],
            )
            for place in np.flatnonzero(chosen).tolist()
        }

    def subjects(self, entries: int) -> Subjects:
        agents, tasks = np.zeros(entries, dtype=np.int32), np.zeros(entries, dtype=np.int32)
        agents[self.seq] = self._agent
        tasks[self.seq] = np.where(self._task < 0, len(self._tasks), self._task)
        return Subjects(self._agents, [*self._tasks, None], (agents.tobytes(), tasks.tobytes()))


def _results(snapshot: Snapshot, table: str, void: str) -> tuple[Ids, NDArray[np.int64]]:
    """The ids of a table with their decisions, and the decisions of those that are counted."""
    data = snapshot.coded(table, ["decision", "outcome"])
    decision = integers(data["decision"])
    words, codes = coded(data["outcome"])
    counted = np.array([word != void for word in words], dtype=np.bool_)
    return Ids(snapshot.table(table, ["id"])["id"], decision), decision[counted[codes]] if len(
        codes
    ) else decision
