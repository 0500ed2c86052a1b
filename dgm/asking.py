"""Which operator an expansion is asked by, where a run has several: drawn with the decision, from the rows before it.

The decision says so, in `operator`, and in `saw` under `operator` the probability of each; an agent to compare with
is one of its `context_parents`. So a later try, a resumed run and a replay ask the same. Weights are shared among the
operators that have what they need; without any of them `single_failure` acts, which needs nothing. What each needs,
on the search split:

- `same_agent_many_tasks`: two tasks or more that the parent failed.
- `two_lineages_one_task`: an agent that is neither ancestor nor descendant of the parent and did otherwise on a task:
  it resolved what the parent failed, or, where there is none such, failed what the parent resolved. Drawn is one of
  these pairs of agent and task.

With `learned` the operators are the arms of a bandit. What an expansion counts (void never): 0 without a child, else
the probability that the child is better than its parent (`dgm.choosing.improved`): a half while nobody has evaluated
it. An older expansion counts `KEEP` times as much as the one after it. Expansions in flight count as having ended at
the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from archive import AgentId, Decision, DecisionKind, Evaluation, Expansion, Json, Outcome, Row, Split, TaskId
from dgm.bandit import Arm, Bandit, credited, fading
from dgm.choosing import Family, improvements
from dgm.tree import Tree

SINGLE, MANY, TWO = "single_failure", "same_agent_many_tasks", "two_lineages_one_task"
"""The operators, by the names that rows give them."""

KEEP = 0.98
"""The last 50 expansions or so carry the weight."""

SAW = "operator"
"""In what a decision saw: how likely each operator was."""

FELL_BACK = "fallback"
"""A flag of expansions: none of the operators that the run asks for had what it needs."""

NOT, FAILED, RESOLVED = 0, 1, 2
"""What is known of an agent on a task."""

Marks = NDArray[np.int8]

NO_PAIRS: NDArray[np.int64] = np.empty((0, 2), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """The weight of each operator; none stands for a run with one. `bandit` says how `learned` ones are weighed."""

    weights: Mapping[str, float] = field(default_factory=dict)
    learned: bool = False
    bandit: Bandit = field(default_factory=Bandit)

    @property
    def arms(self) -> Mapping[str, Arm]:
        return {name: Arm(weight=weight) for name, weight in self.weights.items() if weight > 0}


NO_MIX = Mix()

BY_WEIGHT = Bandit(explore=1.0)
"""Draws by the weights alone."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a decision says of its operator; `context` are the agents to compare with."""

    operator: str
    context: tuple[AgentId, ...] = ()
    saw: Json = field(default_factory=dict)


class Asker:
    """Folds a run's rows into who resolved what and what came of each operator; draws the operator of a decision."""

    def __init__(self, mix: Mix = NO_MIX) -> None:
        self._mix = mix
        self._marks: Marks = np.zeros((0, 0), dtype=np.int8)
        self._place: Mapping[TaskId, int] = {}
        self._pulls: list[tuple[str, Family]] = []

    @property
    def chooses(self) -> bool:
        return bool(self._mix.weights)

    def observe(self, row: Row, tree: Tree) -> None:
        """Fold one row in, which `tree` knows already. Rows come in the archive's order, each once."""
        if not self.chooses:
            return
        if isinstance(row, Evaluation) and row.split is Split.SEARCH and row.outcome.counted:
            self._mark(tree, row)
        elif isinstance(row, Expansion) and row.outcome.counted:
            self._pulls.append((row.operator, (row.parent, row.child)))

    def draw(self, parent: AgentId, tree: Tree, stream: SeedSequence) -> Question | None:
        """How an expansion of `parent` is asked; None where a run has one operator."""
        if not self.chooses:
            return None
        generator, marks = default_rng(stream), self._known(tree)
        place = tree.index(parent)
        pairs = contrasts(marks, place, tree.parents) if TWO in self._mix.arms else NO_PAIRS
        possible = {
            SINGLE: True,
            MANY: np.count_nonzero(marks[place] == FAILED) > 1,
            TWO: len(pairs) > 0,
        }
        wanted = self._mix.arms
        arms = {name: arm for name, arm in wanted.items() if possible[name]}
        missing = sorted(wanted.keys() - arms.keys())
        if not arms:
            return Question(operator=SINGLE, saw=_saw({SINGLE: 1.0}, missing, fallback=True))
        if self._mix.learned:
            arms = self._credited(arms, tree)
        drawn = (self._mix.bandit if self._mix.learned else BY_WEIGHT).draw(arms, generator)
        context = (_one_of(pairs, tree, generator),) if drawn.name == TWO else ()
        return Question(operator=drawn.name, context=context, saw=_saw(drawn.probabilities, missing))

    def _credited(self, arms: Mapping[str, Arm], tree: Tree) -> dict[str, Arm]:
        """The arms with what their expansions came to, as `tree` knows parents and children now."""
        pulls = [(name, family) for name, family in self._pulls if name in arms]
        return credited(
            arms,
            [name for name, _ in pulls],
            improvements([family for _, family in pulls], tree),
            fading(len(pulls), KEEP),
            in_flight=_asked(tree),
        )

    def _known(self, tree: Tree) -> Marks:
        """A row for every agent of `tree`, whether or not anything is known of it."""
        if len(tree) > len(self._marks):
            grown = np.zeros((max(16, 2 * len(tree)), len(tree.tasks)), dtype=np.int8)
            grown[: len(self._marks)] = self._marks if self._marks.size else NOT
            self._marks = grown
        return self._marks[: len(tree)]

    def _mark(self, tree: Tree, row: Evaluation) -> None:
        self._place = self._place or {task: place for place, task in enumerate(tree.tasks)}
        if row.task in self._place:
            resolved = row.outcome is Outcome.RESOLVED
            self._known(tree)[tree.index(row.agent), self._place[row.task]] = RESOLVED if resolved else FAILED


def contrasts(marks: Marks, parent: int, parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs (agent, task) that show what `parent` could learn from another lineage; shape (pairs, 2), in order."""
    mine, strange = marks[parent], ~kin(parent, parents)
    for own, other in ((FAILED, RESOLVED), (RESOLVED, FAILED)):
        tasks = np.flatnonzero(mine == own)
        found = np.argwhere((marks[:, tasks] == other) & strange[:, None])
        if len(found):
            return np.stack([found[:, 0], tasks[found[:, 1]]], axis=1)
    return NO_PAIRS


def kin(agent: int, parents: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Who is `agent`, one of its ancestors or one of its descendants; shape (agents,)."""
    below = np.zeros(len(parents), dtype=np.bool_)
    below[agent] = True
    while True:
        more = below | (below[parents] & (parents >= 0))
        if (more == below).all():
            break
        below = more
    above = int(parents[agent])
    while above >= 0:
        below[above] = True
        above = int(parents[above])
    return below


def fell_back(decision: Decision) -> bool:
    """Whether the operator of this decision stands in for those that the run asks for."""
    told = decision.saw.get(SAW)
    return isinstance(told, Mapping) and bool(told.get(FELL_BACK))


def _asked(tree: Tree) -> list[str]:
    decisions = (one.decision for one in tree.open.values())
    return [one.operator or "" for one in decisions if one.kind is DecisionKind.EXPAND]


def _one_of(pairs: NDArray[np.int64], tree: Tree, generator: Generator) -> AgentId:
    return tree.ids[int(pairs[int(generator.integers(len(pairs))), 0])]


def _saw(chances: Mapping[str, float], missing: list[str], *, fallback: bool = False) -> Json:
    """`missing` are the operators that lack what they need."""
    return {SAW: {"chances": dict(chances), "missing": missing, FELL_BACK: fallback}}
