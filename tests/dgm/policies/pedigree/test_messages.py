"""Beliefs along a lineage against a dense Gaussian solve, plain loops, and a case worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from dgm.policies.pedigree.abilities import Abilities
from dgm.policies.pedigree.messages import SEED_MEAN, SEED_VARIANCE, Floats, Walk, collect, down, jumps

WALK = Walk(drift=-0.07, step=0.31)


def a_lineage(generator: Generator, agents: int, walk: Walk = WALK, sites: int = 60) -> Abilities:
    """Agents that hang on random earlier ones, and sites of random agents."""
    abilities = Abilities()
    abilities.walk = walk
    for n in range(agents):
        abilities.add(-1 if n == 0 else int(generator.integers(n)))
    for _ in range(sites):
        abilities.tell(int(generator.integers(agents)), *generator.normal([1.0, 0.0], [0.2, 2.0]))
    return abilities


def dense(abilities: Abilities, more: dict[int, float] | None = None) -> tuple[Floats, Floats]:
    """Mean and covariance of all abilities by the precision matrix of the whole lineage."""
    own_p, own_h = abilities.own
    walk, agents = abilities.walk, len(abilities)
    matrix, shift = np.diag(own_p), own_h.copy()
    matrix[0, 0] += 1 / SEED_VARIANCE
    shift[0] += SEED_MEAN / SEED_VARIANCE
    for child, parent in enumerate(abilities.parents):
        if parent >= 0:
            matrix[child, child] += 1 / walk.step
            matrix[parent, parent] += 1 / walk.step
            matrix[child, parent] -= 1 / walk.step
            matrix[parent, child] -= 1 / walk.step
            shift[child] += walk.drift / walk.step
            shift[parent] -= walk.drift / walk.step
    for agent, precision in (more or {}).items():
        matrix[agent, agent] += precision
    covariance = np.linalg.inv(matrix)
    assert covariance.shape == (agents, agents)
    return covariance @ shift, covariance


@pytest.mark.parametrize("agents", [1, 2, 3, 17, 60])
def test_the_posterior_is_that_of_a_dense_solve(agents: int) -> None:
    abilities = a_lineage(default_rng(agents), agents)
    mean, covariance = dense(abilities)
    found = abilities.all()
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.variance, np.diag(covariance), rtol=0, atol=1e-10)
    for i in range(agents):
        assert abilities.at(i) == pytest.approx((mean[i], covariance[i, i]), abs=1e-10)


@pytest.mark.parametrize("agents", [1, 2, 17, 60])
def test_covariances_with_one_agent_are_those_of_a_dense_solve(agents: int) -> None:
    abilities = a_lineage(default_rng(100 + agents), agents)
    _, covariance = dense(abilities)
    found = abilities.all()
    for of in range(0, agents, 7):
        one = abilities.covariances(of, found.variance, found.gain)
        np.testing.assert_allclose(one, covariance[of], rtol=0, atol=1e-10)


def test_what_is_running_counts_in_the_variances_alone() -> None:
    abilities = a_lineage(default_rng(3), 40)
    before = abilities.all()
    held = {7: 0.4, 0: 1.5, 39: 0.2, 38: 0.9}
    _, covariance = dense(abilities, held)
    variance, gain = abilities.with_running(held)
    np.testing.assert_allclose(variance, np.diag(covariance), rtol=0, atol=1e-10)
    np.testing.assert_allclose(abilities.covariances(11, variance, gain), covariance[11], rtol=0, atol=1e-10)
    after = abilities.all()
    assert np.array_equal(before.mean, after.mean)
    assert np.array_equal(before.variance, after.variance)


def test_messages_passed_one_by_one_are_those_of_a_rebuild() -> None:
    abilities = a_lineage(default_rng(5), 50, sites=500)
    passed = abilities.all()
    found = collect(abilities.parents, *abilities.own, abilities.walk)
    abilities.replace(*abilities.own, found, abilities.walk)
    rebuilt = abilities.all()
    np.testing.assert_allclose(passed.mean, rebuilt.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(passed.variance, rebuilt.variance, rtol=0, atol=1e-9)


def test_a_case_of_three_agents_worked_by_hand() -> None:
    """Seed, child and its brother. The child's site (p 5, h 2) says (5, 2) / (1 + 5 * 0.2) = (2.5, 1) of the seed."""
    abilities = Abilities()
    for parent in (-1, 0, 0):
        abilities.add(parent)
    abilities.tell(0, 1.0, 1.0)
    abilities.tell(1, 5.0, 2.0)
    v = 1 / (0.25 + 1 + 2.5)
    m = v * (SEED_MEAN / 4 + 1 + 1)
    found = abilities.all()
    assert found.mean.tolist() == pytest.approx([m, 0.5 * m + 0.1 * 2, m])
    assert found.variance.tolist() == pytest.approx([v, 0.25 * v + 0.1, v + 0.2])
    assert found.gain.tolist() == pytest.approx([0.0, 0.5, 1.0])
    with_child = abilities.covariances(1, found.variance, found.gain)
    assert with_child.tolist() == pytest.approx([0.5 * v, 0.25 * v + 0.1, 0.5 * v])


def test_a_chain_of_thousands_is_solved_in_a_dozen_rounds() -> None:
    agents = 3_000
    generator = default_rng(9)
    gain, add = generator.uniform(0.1, 0.99, agents), generator.normal(size=agents)
    gain[0] = 0.0
    parents = np.arange(-1, agents - 1, dtype=np.int64)
    ancestors = jumps(parents, agents - 1)
    expected = add.copy()
    for i in range(1, agents):
        expected[i] += gain[i] * expected[i - 1]
    assert len(ancestors) == 12
    np.testing.assert_allclose(down(ancestors, gain, add), expected, rtol=0, atol=1e-12)
