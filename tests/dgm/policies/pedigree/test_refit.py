"""Second thoughts against the same in plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from dgm.policies.pedigree.abilities import Abilities
from dgm.policies.pedigree.belief import Belief
from dgm.policies.pedigree.messages import TASK_VARIANCE, Floats, Walk
from dgm.policies.pedigree.refit import (
    DAMPING,
    LEAST_AGENT,
    LEAST_TASK,
    PRIOR_EDGES,
    fitted_walk,
    refitted,
    relinearised,
)
from dgm.policies.pedigree.sites import chance, site
from tests.dgm.policies.pedigree.lives import a_life


def rebuilt(belief: Belief, sites: Floats, walk: Walk) -> tuple[Abilities, list[float], list[float]]:
    """Abilities and tasks' (precision, shift) told site by site."""
    abilities = Abilities()
    abilities.walk = walk
    for parent in belief.abilities.parents:
        abilities.add(parent)
    task_p, task_h = [1 / TASK_VARIANCE] * len(belief.tasks), [0.0] * len(belief.tasks)
    for n in range(sites.shape[1]):
        abilities.tell(belief.results.agent[n], float(sites[0, n]), float(sites[1, n]))
        task_p[belief.results.task[n]] += float(sites[2, n])
        task_h[belief.results.task[n]] += float(sites[3, n])
    return abilities, task_p, task_h


def swept(belief: Belief, sites: Floats, walk: Walk) -> Floats:
    """One sweep, result by result, all against the same belief."""
    abilities, task_p, task_h = rebuilt(belief, sites, walk)
    after = sites.copy()
    for n in range(sites.shape[1]):
        agent, task = belief.results.agent[n], belief.results.task[n]
        mean, variance = abilities.at(agent)
        p, h, tp, th = (float(one) for one in sites[:, n])
        cavity_p, cavity_tp = 1 / variance - p, task_p[task] - tp
        if cavity_p < LEAST_AGENT or cavity_tp < LEAST_TASK:
            continue
        m, tm = (mean / variance - h) / cavity_p, (task_h[task] - th) / cavity_tp
        v, tv = 1 / cavity_p, 1 / cavity_tp
        whole = 1 - belief.broken[agent]
        new = site(m, v, tm, tv, belief.results.resolved[n], whole, chance(m - tm, v + tv))
        for row, value in enumerate((new.p, new.h, new.task_p, new.task_h)):
            after[row, n] += DAMPING * (value - after[row, n])
    return after


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sweeps_are_those_of_plain_loops(seed: int) -> None:
    belief = a_life(seed).belief
    walk = belief.abilities.walk
    expected = belief.sites()
    for _ in range(2):
        expected = swept(belief, expected, walk)
    found = relinearised(belief.evidence(), belief.sites(), walk, 2)
    np.testing.assert_allclose(found.sites, expected, rtol=0, atol=1e-9)
    abilities, task_p, task_h = rebuilt(belief, expected, walk)
    np.testing.assert_allclose(found.belief.mean, abilities.all().mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.task_p, task_p, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.task_h, task_h, rtol=0, atol=1e-9)


def test_sweeps_settle() -> None:
    """The site of a result ends where it would be taken again."""
    belief = a_life(4).belief
    walk = belief.abilities.walk
    found = relinearised(belief.evidence(), belief.sites(), walk, 200)
    once_more = swept(belief, found.sites, walk)
    np.testing.assert_allclose(found.sites, once_more, rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_walk_is_that_of_plain_loops(seed: int) -> None:
    belief = a_life(seed).belief
    found = relinearised(belief.evidence(), belief.sites(), belief.abilities.walk, 2)
    m, v, g = found.belief.mean, found.belief.variance, found.belief.gain
    edges = [(c, p, 1 - belief.broken[c]) for c, p in enumerate(belief.abilities.parents) if p >= 0]
    count = PRIOR_EDGES + sum(w for _, _, w in edges)
    drift = sum(w * (m[c] - m[p]) for c, p, w in edges) / count
    spread = sum(w * (v[c] + v[p] - 2 * g[c] * v[p] + (m[c] - m[p] - drift) ** 2) for c, p, w in edges)
    walk = fitted_walk(belief.evidence(), found.belief)
    assert (walk.drift, walk.step) == pytest.approx((drift, (PRIOR_EDGES * 0.20 + spread) / count))
    assert refitted(belief.evidence(), belief.sites(), belief.abilities.walk).walk == walk


def test_a_lone_seed_keeps_the_walk_that_was_assumed() -> None:
    belief = a_life(1, agents=1, results=0).belief
    assert refitted(belief.evidence(), belief.sites(), Walk()).walk == pytest.approx(Walk())
