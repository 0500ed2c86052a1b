"""Every policy given nonsense waits or ends cleanly, and on a bandit whose best arm is known does what it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from numpy.random import default_rng

from archive import Agent, Decision, DecisionKind, ExpansionOutcome, Outcome, Row, Split
from archive.testing import an_evaluation, an_expansion
from dgm.policies import Action, Evaluate, Expand, Policy, View, Wait
from dgm.simulate import Rasch, Setting, Simulation
from dgm.tree import Tree
from tests.dgm.commands import dgm
from tests.dgm.scripted import POLICIES

EACH = pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
PATIENCE = 200
"""So many decisions are more than any of these budgets can pay for."""


def name(n: int) -> str:
    return f"{n:040x}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A search so far: of each agent (the seed, then its children) how many tasks it resolved, how many not, and how
    many are pending, out of `tasks`; and what may still be started."""

    agents: Sequence[tuple[int, int, int]]
    tasks: int = 6
    evaluations: int = 20
    expansions: int = 5
    pending_expansions: int = 0
    slots: int = 3


CASES = {
    "nobody": Case(agents=[]),
    "a budget of 0": Case(agents=[(0, 0, 0)], evaluations=0),
    "a budget of 1": Case(agents=[(0, 0, 0)], evaluations=1),
    "nobody evaluated": Case(agents=[(0, 0, 0)] * 4),
    "everything pending": Case(agents=[(0, 0, 6)] * 2, expansions=0),
    "everything and an expansion pending": Case(agents=[(0, 0, 6)], expansions=1, pending_expansions=1),
    "all tasks used": Case(agents=[(2, 4, 0)] * 3, expansions=0),
    "everybody resolves everything": Case(agents=[(6, 0, 0)] * 3),
    "all children broken": Case(agents=[(3, 3, 0), *[(0, 6, 0)] * 4]),
    "the seed broken": Case(agents=[(0, 6, 0)]),
    "one task": Case(agents=[(0, 0, 0)], tasks=1, slots=50),
    "one task, used by all": Case(agents=[(1, 0, 0), (0, 1, 0)], tasks=1),
}
ENDED = ("nobody", "a budget of 0", "everything pending", "all tasks used")
"""Where nothing at all can be done, whatever the policy is."""


class Played:
    """One search, told to tree and policy row by row."""

    def __init__(self, policy: Policy[Any], case: Case) -> None:
        self.case, self._policy, self._belief = case, policy, policy.start()
        self.tree = Tree(tuple(f"katas/t{n}" for n in range(case.tasks)))
        self._seq = 1000
        for n in range(len(case.agents)):
            parent = None if n == 0 else name(0)
            self.tell(Agent(id=name(n), seq=n, parent=parent, depth=int(n > 0), tree=name(n)))
        for n, (resolved, unresolved, pending) in enumerate(case.agents):
            for place, task in enumerate(self.tree.tasks[: resolved + unresolved + pending]):
                self.start(Evaluate(agent=name(n), task=task))
                if place < resolved + unresolved:
                    self.finish(Outcome.RESOLVED if place < resolved else Outcome.UNRESOLVED)
        for _ in range(case.pending_expansions):
            self.start(Expand(parent=name(0)))
        self._started = self.tree.evaluations_started, self.tree.expansions_started - case.pending_expansions

    def tell(self, row: Row) -> None:
        self.tree.observe(row)
        self._belief = self._policy.observe(self._belief, row)

    def start(self, action: Expand | Evaluate) -> None:
        self._seq += 1
        common = {"seq": self._seq, "policy": self._policy.name, "policy_version": self._policy.version}
        if isinstance(action, Expand):
            self.tell(Decision(kind=DecisionKind.EXPAND, agent=action.parent, **common))
        else:
            self.tell(
                Decision(
                    kind=DecisionKind.EVALUATE,
                    agent=action.agent,
                    task=action.task,
                    split=Split.SEARCH,
                    **common,
                )
            )

    def finish(self, outcome: Outcome = Outcome.UNRESOLVED) -> None:
        """The newest job ends; an expansion comes to nothing."""
        decision = self.tree.open[max(self.tree.open)].decision
        seq = 10_000 + decision.seq
        if decision.task is None:
            none = ExpansionOutcome.NO_CHANGE
            self.tell(an_expansion(seq, decision=decision.seq, parent=decision.agent, outcome=none))
        else:
            self.tell(
                an_evaluation(
                    seq, decision=decision.seq, agent=decision.agent, task=decision.task, outcome=outcome
                )
            )

    @property
    def spent(self) -> tuple[int, int]:
        """Evaluations and expansions that were started since the case began."""
        return (
            self.tree.evaluations_started - self._started[0],
            self.tree.expansions_started - self._started[1],
        )

    def ask(self, seed: int = 0) -> Action:
        """What the policy would do, which must be something that can be done."""
        evaluations, expansions = self.spent
        view = View(
            tree=self.tree,
            slots=self.case.slots,
            evaluations_budget=self.case.evaluations,
            evaluations_started=evaluations,
            expansions_budget=self.case.expansions,
            expansions_started=expansions,
        )
        action = self._policy.decide(self._belief, view, default_rng(seed))
        match action:
            case Expand():
                assert action.parent in self.tree
                assert view.may_expand
            case Evaluate():
                assert self.tree.is_unused(self.tree.index(action.agent), action.task)
                assert view.left >= 1
        return action


@EACH
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_policy_given_nonsense_waits_or_ends(policy: Policy[Any], case: Case) -> None:
    """Jobs run one after the other until the policy waits with nothing in flight."""
    played = Played(policy, case)
    for seed in range(PATIENCE):
        action = played.ask(seed)
        if not isinstance(action, Wait):
            played.start(action)
        elif not played.tree.open:
            break
        if played.tree.open:
            played.finish()
    assert isinstance(action, Wait)
    assert not played.tree.open
    evaluations, expansions = played.spent
    assert evaluations <= case.evaluations
    assert expansions <= case.expansions


@EACH
@pytest.mark.parametrize("case", [CASES[name] for name in ENDED], ids=ENDED)
def test_where_nothing_can_be_done_nothing_is(policy: Policy[Any], case: Case) -> None:
    assert isinstance(Played(policy, case).ask(), Wait)


@EACH
@pytest.mark.parametrize("case", ["a budget of 1", "nobody evaluated", "one task", "the seed broken"])
def test_where_something_can_be_done_it_is(policy: Policy[Any], case: str) -> None:
    """So that waiting at all times would not pass."""
    assert not isinstance(Played(policy, CASES[case]).ask(), Wait)


@EACH
@pytest.mark.parametrize(
    "world", [{"broken": 1.0}, {"no_child": 1.0}, {"no_op": 1.0, "broken": 0.0}], ids=str
)
@pytest.mark.parametrize("total", [0, 1, 2, 30])
@pytest.mark.parametrize("given", [{}, {"workers": 9, "seed_known": False}], ids=str)
def test_a_search_in_a_hopeless_world_ends(
    policy: Policy[Any], world: dict[str, float], total: int, given: dict[str, Any]
) -> None:
    setting = Setting(total=total, **given)
    found = Simulation(policy, Rasch(tasks=1, **world), 0, setting).run()
    assert found.evaluations + 3 * found.expansions <= total
    assert found.accuracy == found.reachable == found.seed_accuracy
    assert (found.agents == 1) or "no_child" not in world


def test_hopeless_worlds_can_be_told() -> None:
    sweep = ("-m", f"policy={','.join(POLICIES)}", "world=B", "budget.total=2")
    hopeless = ("world.tasks=1", "world.broken=1", "world.no_child=1", "budget.workers=5")
    said = dgm("simulate", *sweep, *hopeless, "budget.seed_known=false", "seeds=1", "processes=1")
    assert said.status == 0, said.err
    assert "uniform - huxley = +0.0 ± 0.0" in said.out


BANDIT = Case(
    agents=[(12, 48, 0)] * 4 + [(50, 10, 0)] + [(12, 48, 0)] * 5, tasks=60, evaluations=400, expansions=400
)
BEST = 4


def bandit(policy: Policy[Any]) -> dict[str, float]:
    """How often each agent is the parent. Every task of everyone is done, so expansions are all that is left."""
    played = Played(policy, BANDIT)
    actions = [played.ask(seed) for seed in range(300)]
    assert all(isinstance(action, Expand) for action in actions)
    chosen = Counter(action.parent for action in actions if isinstance(action, Expand))
    return {agent: chosen[agent] / len(actions) for agent in played.tree.ids}


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - {"uniform"}))
def test_the_best_arm_of_a_bandit_is_the_parent_most_often(policy: str) -> None:
    shares = bandit(POLICIES[policy])
    others = [share for agent, share in shares.items() if agent != name(BEST)]
    assert shares[name(BEST)] > 2 * max(others)


def test_the_control_prefers_no_arm_of_a_bandit() -> None:
    assert all(0.03 < share < 0.19 for share in bandit(POLICIES["uniform"]).values())
