"""The policy: whose next evaluation or expansion is worth most for its cost, by the belief over the whole lineage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from archive import Json, Row
from dgm.policies.base import Action, Evaluate, Expand, View, Wait
from dgm.policies.huxley import situation
from dgm.policies.pedigree.belief import BROKEN, Belief, Prices
from dgm.policies.pedigree.messages import Floats
from dgm.policies.pedigree.refit import relinearised
from dgm.policies.pedigree.sites import chance
from dgm.policies.pedigree.told import reach
from dgm.policies.pedigree.value import (
    Standing,
    first_of_largest,
    informations,
    masked,
    of_evaluations,
    of_expansions,
    typical,
)
from dgm.tree import Ints, Tree

SEED = 0
RUNNERS_UP = 3
CAUTION = 4.0
"""How much ln P(whole) weighs, in logits, when agents are ranked."""

LOWER = 0.5
FINAL_SWEEPS = 5
RESERVE = 0.05
MANY_SLOTS = 20
FLOOR, FLOOR_MANY = 3, 5
KNOWN_EXPANSIONS = 5.0
MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True)
class Pedigree:
    """Abilities of a lineage, difficulties of tasks, and the value of the next action for its cost.

    The belief is that of `dgm.policies.pedigree.messages` (abilities along the lineage) and `.sites` (what a result
    says of agent and task), the values are those of `.value`; this is our own rule, found and measured in simulation.

    - First the seed meets its tasks, as many as there are or as `seed_share` of the budget pays.
    - Running evaluations count as if they had arrived, but only in the variances. The value of an expansion is divided
      by (1 + running expansions of that parent)^`sharing`. When the best value is then below `patience` of what it
      would be undivided, a slot idles rather than wastes.
    - An agent but the seed is a parent only with `floor` own results: a child is made from its parent's logs. Unset it
      is 3, and 5 where 20 jobs or more may be in flight.
    - No expansion unless it and the results looked ahead leave 5 % of the budget and one evaluation per running job.
    - The task: the one that tells most, w / (1 + w (tv + TAU2)) + br (1 - br) p; the first of equals; with probability
      `mix` any that is left.
    - What an expansion costs in evaluations is what the run measured, in money or else in tokens; until then it is
      what the budget charges, or `expansion_cost` where that is nothing.
    - `level_penalty` (logits for each level below the seed) and `patch_penalty` (for each megabyte of patches between
      the seed and the parent) hold back deep lineages; both are 0 unless set.
    - In the end the largest m - 0.5 sqrt(v) + 4 ln P(whole), after further sweeps.
    """

    mix: float = 0.0
    floor: int | None = None
    seed_share: float = 0.25
    sharing: float = 0.5
    patience: float = 0.35
    expansion_cost: float = 3.0
    level_penalty: float = 0.0
    patch_penalty: float = 0.0
    name: str = "pedigree"
    version: int = 2

    def __post_init__(self) -> None:
        for key in ("mix", "seed_share", "patience"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"policy.{key} must lie in [0, 1], got {getattr(self, key)}")
        for key in ("sharing", "level_penalty", "patch_penalty"):
            if getattr(self, key) < 0:
                raise ValueError(f"policy.{key} must not be negative, got {getattr(self, key)}")
        if self.floor is not None and self.floor < 0:
            raise ValueError(f"policy.floor must not be negative, got {self.floor}")
        if self.expansion_cost <= 0:
            raise ValueError(f"policy.expansion_cost must be above 0, got {self.expansion_cost}")

    def start(self) -> Belief:
        return Belief()

    def observe(self, belief: Belief, row: Row) -> Belief:
        belief.observe(row)
        return belief

    def decide(self, belief: Belief, view: View, generator: Generator) -> Action:
        tree = view.tree
        if not len(tree) or not tree.tasks or view.left < 1:
            return Wait("nothing to do or nothing to pay it with")
        if tree.used[SEED] < self._first_results(view):
            return Evaluate(agent=tree.ids[SEED], task=tree.unused_tasks(SEED)[0], saw=situation(view))
        difficulties = belief.difficulties(tree.tasks)
        options = self._options(belief, view, *difficulties)
        best = first_of_largest(options.shared)
        if options.shared[best] == -np.inf:
            return Wait("nothing may be evaluated or expanded")
        if tree.open and options.shared[best] < self.patience * options.values.max():
            return Wait("what is running will tell more than another job")
        saw = {**situation(view), **options.saw}
        agent = best % len(tree)
        if best >= len(tree):
            others = self._told(belief, tree, options, None, *difficulties)
            return Expand(parent=tree.ids[agent], saw=saw, runners_up=others)
        task = self._task(belief, tree, agent, generator, *difficulties)
        others = self._told(belief, tree, options, task, *difficulties)
        return Evaluate(agent=tree.ids[agent], task=tree.tasks[task], saw=saw, runners_up=others)

    def merit(self, belief: Belief, tree: Tree) -> Floats:
        """How good each agent is held to be when one is chosen in the end: m - 0.5 sqrt(v) + 4 ln P(whole)."""
        found = relinearised(belief.evidence(), belief.sites(), belief.abilities.walk, FINAL_SWEEPS).belief
        return ranked(found.mean, belief.whole()) - LOWER * np.sqrt(found.variance)

    def price(self, belief: Belief, view: View) -> float:
        """What an expansion costs in evaluations.

        The mean of the measured ones beside so many of the assumed cost that five measurements weigh as much as it.
        """
        assumed = view.expansion_cost or self.expansion_cost
        measured = ratio(belief.expansions, belief.evaluations)
        if measured is None:
            return assumed
        jobs = belief.expansions.jobs
        return (KNOWN_EXPANSIONS * assumed + jobs * measured) / (KNOWN_EXPANSIONS + jobs)

    def _first_results(self, view: View) -> int:
        """How many tasks the seed meets before anything else."""
        return min(len(view.tree.tasks), max(1, int(self.seed_share * view.evaluations_budget)))

    def _options(self, belief: Belief, view: View, tm: Floats, tv: Floats) -> Options:
        tree, abilities = view.tree, belief.abilities
        now = self._standing(belief)
        told = typical(informations(float(now.mean[now.best]), float(now.variance[now.best]), tm, tv))
        price = self.price(belief, view)
        evaluations = of_evaluations(now, told, view.left)
        expansions = of_expansions(
            now,
            told,
            abilities.walk,
            cost=price,
            penalty=self._penalty(belief, tree),
            sound=1 - BROKEN,
            left=view.left - view.expansion_cost - RESERVE * view.evaluations_budget - len(tree.open),
        )
        evaluations = masked(evaluations, tree.used < len(tree.tasks))
        expansions = masked(expansions, self.parents(view))
        return Options(
            values=np.concatenate([evaluations, expansions]),
            shared=np.concatenate([evaluations, expansions / (1 + tree.expanding) ** self.sharing]),
            whole=now.whole,
            price=price,
            saw={
                "best": tree.ids[now.best],
                "best_mean": _short(now.mean[now.best]),
                "drift": _short(abilities.walk.drift),
                "step": _short(abilities.walk.step),
                "expansion_costs": _short(price),
            },
        )

    def _standing(self, belief: Belief) -> Standing:
        abilities, whole = belief.abilities, belief.whole()
        mean = abilities.means()
        order = ranked(mean, whole)
        best = first_of_largest(order)
        order[best] = -np.inf
        variance, gain = abilities.with_running(belief.running_by_agent())
        return Standing(
            mean=mean,
            variance=variance,
            covariance=abilities.covariances(best, variance, gain),
            whole=whole,
            best=best,
            second=first_of_largest(order) if len(order) > 1 else None,
        )

    def _penalty(self, belief: Belief, tree: Tree) -> Floats:
        penalty: Floats = self.level_penalty * (tree.depths.astype(np.float64) + 1)
        if self.patch_penalty:
            penalty += self.patch_penalty / MEGABYTE * np.array(belief.patches, dtype=np.float64)
        return penalty

    def parents(self, view: View) -> NDArray[np.bool_]:
        """Who may be expanded: with results enough, or with none to come; see `View.parents_among`."""
        tree = view.tree
        may = np.zeros(len(tree), dtype=bool)
        if not view.may_expand:
            return may
        ready = tree.resolved + tree.unresolved >= floor_of(self.floor, view.slots)
        ready |= (tree.used == len(tree.tasks)) & (tree.evaluating == 0)
        ready[SEED] = True
        may[view.parents_among(ready)] = True
        return may

    def _task(
        self, belief: Belief, tree: Tree, agent: int, generator: Generator, tm: Floats, tv: Floats
    ) -> int:
        """Place of the task that tells most of `agent`, at what arrived results say of it."""
        unused = np.flatnonzero(tree.unused(agent))
        if self.mix and generator.random() < self.mix:
            return int(unused[generator.integers(len(unused))])
        return self._most_telling(belief, agent, unused, tm, tv)

    def _most_telling(self, belief: Belief, agent: int, unused: Ints, tm: Floats, tv: Floats) -> int:
        tm, tv = tm[unused], tv[unused]
        m, v = belief.abilities.at(agent)
        broken = belief.broken[agent]
        p = chance(m - tm, v + tv).p
        return int(unused[first_of_largest(informations(m, v, tm, tv) + broken * (1 - broken) * p)])

    def _told(
        self, belief: Belief, tree: Tree, options: Options, task: int | None, tm: Floats, tv: Floats
    ) -> tuple[Json, ...]:
        """The best few for the decision row, the chosen first; `task` is the chosen one's if it is an evaluation."""
        walk, rows, left = belief.abilities.walk, list[Json](), options.shared.copy()
        while len(rows) < 1 + RUNNERS_UP:
            i = first_of_largest(left)
            if left[i] == -np.inf:
                break
            left[i] = -np.inf
            agent, expands = i % len(tree), i >= len(tree)
            m, v = belief.abilities.at(agent)
            found = reach(m + walk.drift, v + walk.step, tm, tv) if expands else reach(m, v, tm, tv)
            row: dict[str, object] = {
                "kind": "expand" if expands else "evaluate",
                "agent": tree.ids[agent],
                "value": _short(options.shared[i]),
                "costs": _short(options.price) if expands else 1.0,
                "share": _brief(found.mean),
                "share_sd": _brief(found.sd),
                "broken": _brief(1 - options.whole[agent]),
                "resolved": int(tree.resolved[agent]),
                "unresolved": int(tree.unresolved[agent]),
            }
            if not expands:
                place = task
                if rows or place is None:
                    place = self._most_telling(belief, agent, np.flatnonzero(tree.unused(agent)), tm, tv)
                row["task"] = tree.tasks[place]
            rows.append(row)
        return tuple(rows)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The value of evaluating each agent and then of expanding each, shape (2 agents,); `shared` is what decides.

    `whole` is P(not broken) of each agent, `price` what an expansion costs in evaluations.
    """

    values: Floats
    shared: Floats
    whole: Floats
    price: float
    saw: Json


def floor_of(asked: int | None, slots: int) -> int:
    """How many own results a parent needs: as many as asked for, or what goes with so many jobs in flight."""
    return asked if asked is not None else FLOOR_MANY if slots >= MANY_SLOTS else FLOOR


def ranked(mean: Floats, whole: Floats) -> Floats:
    """m + 4 ln P(whole)."""
    return mean + CAUTION * np.log(np.maximum(whole, 1e-300))


def ratio(expansions: Prices, evaluations: Prices) -> float | None:
    """How many mean evaluations a mean expansion has cost, in money or else in tokens; None while nobody knows."""
    for spent, on in (
        (expansions.cost_microusd, evaluations.cost_microusd),
        (expansions.tokens, evaluations.tokens),
    ):
        if spent and on:
            return spent / expansions.jobs * evaluations.jobs / on
    return None


def _short(value: float) -> float:
    """Six digits: what is told must not depend on how a machine rounds."""
    return float(f"{value:.6g}")


def _brief(value: float) -> float:
    """Three decimals, as a reader wants a share."""
    return round(float(value), 3)
