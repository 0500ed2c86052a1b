"""Second thoughts: every result's site taken again at today's belief, and the walk fitted to the edges.

A site was taken at the belief of its day. One *sweep* takes all of them again against the same belief, each without
its own contribution (its cavity), and goes half of the way. (Our simulation study, section 12.4, point 5; the walk:
section 9.) Everything is a function of values, so the same sweeps serve the fold and the final choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dgm.policies.pedigree.messages import (
    TASK_VARIANCE,
    Collected,
    Floats,
    Ints,
    Posterior,
    Walk,
    collect,
    posterior,
)
from dgm.policies.pedigree.sites import chance, site

SWEEPS = 2
DAMPING = 0.5
LEAST_AGENT, LEAST_TASK = 0.05, 0.5 / TASK_VARIANCE
"""Precisions that a cavity must have; a result with less beside it keeps its site."""

PRIOR_EDGES = 30.0
DRIFTS, STEPS = (-0.3, 0.05), (0.08, 1.0)
CHUNK = 1 << 15


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The results (shape (results,) each), the lineage, and P(not broken) of each agent, shape (agents,)."""

    parents: list[int]
    ancestors: tuple[Ints, ...]
    whole: Floats
    tasks: int
    agent: Ints
    task: Ints
    resolved: Floats


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Sites of the results, shape (4, results), their sums over agents and tasks, and what follows from them."""

    sites: Floats
    own_p: Floats
    own_h: Floats
    task_p: Floats
    task_h: Floats
    walk: Walk
    collected: Collected
    belief: Posterior


def refitted(evidence: Evidence, sites: Floats, walk: Walk, sweeps: int = SWEEPS) -> Fitted:
    """The sites after so many sweeps, and the walk that fits the lineage then."""
    swept = relinearised(evidence, sites, walk, sweeps)
    return _fit(evidence, swept.sites, fitted_walk(evidence, swept.belief))


def relinearised(evidence: Evidence, sites: Floats, walk: Walk, sweeps: int) -> Fitted:
    """The sites after so many sweeps under the same walk."""
    now = _fit(evidence, sites, walk)
    for _ in range(sweeps):
        now = _fit(evidence, _swept(evidence, now), walk)
    return now


def _fit(evidence: Evidence, sites: Floats, walk: Walk) -> Fitted:
    agents = len(evidence.parents)
    own_p, own_h = (_summed(evidence.agent, row, agents) for row in sites[:2])
    task_p, task_h = (_summed(evidence.task, row, evidence.tasks) for row in sites[2:])
    found = collect(evidence.parents, own_p, own_h, walk)
    return Fitted(
        sites=sites,
        own_p=own_p,
        own_h=own_h,
        task_p=task_p + 1 / TASK_VARIANCE,
        task_h=task_h,
        walk=walk,
        collected=found,
        belief=posterior(found.p, found.h, evidence.ancestors, walk),
    )


def _summed(numbers: Ints, values: Floats, count: int) -> Floats:
    return np.bincount(numbers, weights=values, minlength=count).astype(np.float64)


def _swept(evidence: Evidence, now: Fitted) -> Floats:
    """All sites halfway to where they would be taken now; in pieces that fit a cache."""
    after = np.empty_like(now.sites)
    precision = 1 / now.belief.variance
    shift = now.belief.mean * precision
    for start in range(0, after.shape[1], CHUNK):
        part = slice(start, start + CHUNK)
        agent, task, old = evidence.agent[part], evidence.task[part], now.sites[:, part]
        p, task_p = precision[agent] - old[0], now.task_p[task] - old[2]
        able = (p >= LEAST_AGENT) & (task_p >= LEAST_TASK)
        v, tv = 1 / np.maximum(p, LEAST_AGENT), 1 / np.maximum(task_p, LEAST_TASK)
        m, tm = v * (shift[agent] - old[1]), tv * (now.task_h[task] - old[3])
        new = site(m, v, tm, tv, evidence.resolved[part], evidence.whole[agent], chance(m - tm, v + tv))
        step = DAMPING * able
        for row, value in enumerate((new.p, new.h, new.task_p, new.task_h)):
            after[row, part] = old[row] + step * (value - old[row])
    return after


def fitted_walk(evidence: Evidence, belief: Posterior) -> Walk:
    """Drift and step by empirical Bayes over the edges, each weighing as much as its child is whole.

    With d = m_child - m_parent and its variance vd = v_child + v_parent - 2 g v_parent: drift = sum d / (30 + n), step
    = (30 * 0.20 + sum (vd + (d - drift)^2)) / (30 + n), both kept in the boxes that proved safe: pessimism kills a
    search, optimism is cheap.
    """
    start = Walk()
    parents = np.array(evidence.parents[1:], dtype=np.int64)
    weight = evidence.whole[1:]
    mean, variance = belief.mean, belief.variance
    change = mean[1:] - mean[parents]
    spread = variance[1:] + variance[parents] - 2 * belief.gain[1:] * variance[parents]
    edges = PRIOR_EDGES + float(weight.sum())
    drift = (PRIOR_EDGES * start.drift + float((weight * change).sum())) / edges
    drift = min(max(drift, DRIFTS[0]), DRIFTS[1])
    total = float((weight * (spread + (change - drift) ** 2)).sum())
    step = (PRIOR_EDGES * start.step + total) / edges
    return Walk(drift=drift, step=min(max(step, STEPS[0]), STEPS[1]))
