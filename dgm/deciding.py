"""What is decided next: a pure function of the rows so far, the bounds in force, the free slots and the number `seq`.

The driver asks while it searches, `dgm replay` asks again afterwards; both must be told the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

import numpy as np
from numpy.random import default_rng

from archive import AgentId, Decision, DecisionKind, Evaluation, Json, Row, RunReader, Split, TaskId
from dgm.asking import NO_MIX, Asker, Mix
from dgm.choosing import NO_CHOICES, Choices, Chooser
from dgm.ending import CLOSED, ENDS, RANKED_BY, EndBounds, Ending, Finalist
from dgm.policies import Evaluate, Expand, Parents, Policy, Ranks, View, Wait
from dgm.streams import Purpose, stream
from dgm.tree import Tree

Belief = TypeVar("Belief")

FINAL = "final"
"""Stands for the policy in decisions of the end: confirmation and final test."""


class DriverError(Exception):
    """The search cannot go on; running the same command again is safe."""


class PolicyError(DriverError):
    """The policy chose what cannot be done. Nothing of it was recorded."""


@dataclass(frozen=True, kw_only=True)
class Bounds(EndBounds):
    """What bounds a search and its end. `evaluations` and `expansions` count non-void ones on the search split.

    With an `expansion_cost` an expansion uses up so many of the `evaluations`, whatever comes of it. `parents` says
    which agents an archive lets be parents, `known` what was evaluated beforehand (see `dgm.policies.View`).
    """

    seed: int
    evaluations: int
    expansions: int
    expansion_cost: float = 0.0
    parents: Parents = Parents.ALL
    known: int = 0


class Decider(Generic[Belief]):
    """Folds the rows of one run into the tree and the policy's belief, and decides from them.

    `confirm` and `tests` are the tasks of those splits in frozen order; `operator` is the name that an expansion's
    decision gives it, unless it is drawn from a `mix`. `choices` are the roles whose models are learned.
    """

    def __init__(
        self,
        *,
        policy: Policy[Belief],
        tree: Tree,
        tests: tuple[TaskId, ...],
        operator: str,
        confirm: tuple[TaskId, ...] = (),
        choices: Choices = NO_CHOICES,
        mix: Mix = NO_MIX,
    ) -> None:
        self.tree = tree
        self.ending = Ending(confirm, tests)
        self._policy = policy
        self._operator = operator
        self._belief = policy.start()
        self._ranked: list[int] | None = None
        self._models = Chooser(choices)
        self._asker = Asker(mix)

    def recall(self, run: RunReader) -> None:
        """Fold all rows of `run` in, before any other row. They are read one by one only for who needs that."""
        self.tree.fold(run)
        if self._belief is not None or self._models.learns or self._asker.chooses:
            for entry in run.entries():
                for row in entry.rows:
                    self._believe(row)
        self.ending.recall(run, self.tree)

    def observe(self, row: Row) -> None:
        """Fold one row in. Rows come in the archive's order, each once."""
        self.tree.observe(row)
        self._believe(row)
        self.ending.observe(row)
        if not isinstance(row, Decision | Evaluation) or row.split not in ENDS:
            self._ranked = None

    def _believe(self, row: Row) -> None:
        if self._belief is not None:
            self._belief = self._policy.observe(self._belief, row)
        self._models.observe(row)
        self._asker.observe(row, self.tree)

    def leaders(self, count: int) -> list[AgentId]:
        """The `count` agents that the policy holds to be best, best first; best-belief agents unless it says."""
        if not isinstance(self._policy, Ranks):
            return self.tree.leaders(count)
        if self._ranked is None:  # a ranking reads every result: once, not at each decision of the end
            merit = self._policy.merit(self._belief, self.tree)
            self._ranked = np.argsort(-merit, kind="stable").tolist()
        return [self.tree.ids[i] for i in self._ranked[:count]]

    def decide(self, seq: int, bounds: Bounds, slots: int, closed: int | None = None) -> Decision | None:
        """The decision with number `seq`, for the search or for its end; None when there is none to make now.

        `slots` is how many jobs of this search may run at once: its width. `closed` is the cap on money in
        micro-dollars that ended the search before its time. Raises PolicyError.
        """
        if closed is not None:
            end = self._of_end(seq, bounds, slots)
            return None if end is None else replace(end, saw={**end.saw, CLOSED: closed})
        made = self._of_policy(seq, bounds, slots) or self._of_end(seq, bounds, slots)
        if made is None or not self._models.learns:
            return made
        model = self._models.draw(made.kind, made.split, self.tree, stream(bounds.seed, seq, Purpose.MODEL))
        return replace(made, saw={**made.saw, **model}) if model else made

    def _of_policy(self, seq: int, bounds: Bounds, slots: int) -> Decision | None:
        view = View(
            tree=self.tree,
            slots=slots,
            evaluations_budget=bounds.evaluations,
            evaluations_started=self.tree.evaluations_started - bounds.known,
            expansions_budget=bounds.expansions,
            expansions_started=self.tree.expansions_started,
            expansion_cost=bounds.expansion_cost,
            parents=bounds.parents,
            known=bounds.known,
        )
        action = self._policy.decide(
            self._belief, view, default_rng(stream(bounds.seed, seq, Purpose.DECIDE))
        )
        if isinstance(action, Wait):
            return None
        # Looked at here, since a decision is on disk before it is folded: a wrong one would be there for good.
        self._check(action)
        decision = partial(
            Decision,
            seq=seq,
            policy=self._policy.name,
            policy_version=self._policy.version,
            saw={"slots": slots, **action.saw},
            runners_up=action.runners_up,
        )
        match action:
            case Expand():
                return self._asked(
                    decision(
                        kind=DecisionKind.EXPAND,
                        agent=action.parent,
                        context_parents=action.context_parents,
                        operator=self._operator,
                    ),
                    bounds.seed,
                )
            case Evaluate():
                return decision(
                    kind=DecisionKind.EVALUATE, agent=action.agent, task=action.task, split=Split.SEARCH
                )

    def _asked(self, expands: Decision, seed: int) -> Decision:
        """With the operator that is drawn for it, where there are several."""
        question = self._asker.draw(expands.agent, self.tree, stream(seed, expands.seq, Purpose.OPERATOR))
        if question is None:
            return expands
        return replace(
            expands,
            operator=question.operator,
            context_parents=tuple(dict.fromkeys((*expands.context_parents, *question.context))),
            saw={**expands.saw, **question.saw},
        )

    def _check(self, action: Expand | Evaluate) -> None:
        """Raises PolicyError for an action that cannot be done."""
        match action:
            case Expand():
                unknown = [id for id in (action.parent, *action.context_parents) if id not in self.tree]
                if unknown:
                    raise PolicyError(
                        f"policy {self._policy.name} chose agents that nobody knows: {', '.join(unknown)}"
                    )
            case Evaluate():
                known = action.agent in self.tree
                if not known or not self.tree.is_unused(self.tree.index(action.agent), action.task):
                    raise PolicyError(
                        f"policy {self._policy.name} chose task {action.task!r} for agent {action.agent}, "
                        "which is unknown, of another split, or used already"
                    )

    def _of_end(self, seq: int, bounds: Bounds, slots: int) -> Decision | None:
        """What confirmation or final test still lacks."""
        if self.ending.waits(self.tree) or not len(self.tree):
            return None
        led = self.leaders(bounds.finalists)
        found = self.ending.next(self.tree, bounds, led)
        if found is None:
            return None
        split, meeting = found
        saw: Json = {"finalists": self.ending.finalists(self.tree, bounds, led)}
        standings: tuple[Finalist, ...] = ()
        if split is Split.TEST:
            saw = {"best": self.ending.best(self.tree, bounds, led)}
            standings = self.ending.standings(self.tree, bounds, led)
        if isinstance(self._policy, Ranks):
            saw = {**saw, RANKED_BY: self._policy.name}
        return Decision(
            seq=seq,
            kind=DecisionKind.EVALUATE,
            agent=meeting.agent,
            task=meeting.task,
            split=split,
            repeat=meeting.repeat,
            policy=FINAL,
            policy_version=1,
            saw={"slots": slots, **saw},
            runners_up=tuple(_told(one) for one in standings),
        )


def _told(one: Finalist) -> Json:
    """A finalist as the decisions of the final test have it: the winner stands first."""
    both = one.search + one.confirm
    return {
        "agent": one.agent,
        "value": one.belief,
        "resolved": both.resolved,
        "unresolved": both.unresolved,
    }
