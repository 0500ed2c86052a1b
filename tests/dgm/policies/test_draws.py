"""The largest of many draws, made without drawing them all, are distributed as if all had been drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator, default_rng
from scipy.stats import beta, chisquare, ks_2samp, kstest

from dgm.policies.draws import ALIKE, FEW, SMALL, Draw, leaders, leading, thompson

KINDS = {(2, 3): 40, (4, 3): 18, (3, 3): 18, (4, 4): 20, (1, 2): 18, (0, 1): 16}
MANY = [kind for kind, size in KINDS.items() for _ in range(size)]
MANY += [(6, 1), (0, 9), (6, 5)] + [(SMALL + 50, SMALL + 40)] * 20
"""Kinds of candidates that are drawn together, some that are alone, and some whose counts are large."""
COUNT = 4
RUNS = 2500


def many(generator: Generator, few: int) -> list[Draw]:
    resolved, unresolved = np.array(MANY).T
    return leading(resolved, unresolved, 1.3, generator, COUNT, few=few)


@pytest.fixture(scope="module")
def both() -> tuple[list[list[Draw]], list[list[Draw]]]:
    """The leaders of many rounds: with all draws made, and with those of equals made together."""
    one, other = default_rng(1), default_rng(2)
    return [many(one, FEW) for _ in range(RUNS)], [many(other, 0) for _ in range(RUNS)]


@pytest.mark.parametrize("place", range(COUNT))
def test_each_of_the_largest_draws_has_its_distribution(
    both: tuple[list[list[Draw]], list[list[Draw]]], place: int
) -> None:
    values = [[leading[place][1] for leading in one] for one in both]
    assert ks_2samp(*values).pvalue > 0.001


@pytest.mark.parametrize("place", range(COUNT))
def test_each_kind_leads_as_often(both: tuple[list[list[Draw]], list[list[Draw]]], place: int) -> None:
    kinds = sorted(set(MANY))
    shares = []
    for one in both:
        found = Counter(MANY[leading[place][0]] for leading in one)
        shares.append([found[kind] / RUNS for kind in kinds])
    assert shares[0] == pytest.approx(shares[1], abs=0.04)


def test_among_equals_anyone_leads_and_nobody_twice(both: tuple[list[list[Draw]], list[list[Draw]]]) -> None:
    for one in both:
        assert all(len({who for who, _ in leading}) == COUNT for leading in one)
        led = Counter(who for leading in one for who, _ in leading)
        for kind in KINDS:
            times = [led[who] for who, counts in enumerate(MANY) if counts == kind]
            assert sum(times) > 10 * len(times)
            assert chisquare(times).pvalue > 0.001


def test_all_that_are_alike_together_are_plain_draws() -> None:
    resolved, unresolved, generator = np.full(ALIKE, 2), np.full(ALIKE, 3), default_rng(4)
    rounds = [leading(resolved, unresolved, 1.0, generator, ALIKE, few=0) for _ in range(200)]
    values = [value for found in rounds for _, value in found]
    assert kstest(values, beta(3, 4).cdf).pvalue > 0.001


def test_where_only_two_differ_the_better_one_wins_as_often_as_all_draws_say() -> None:
    """By numbers: of 30 draws of Beta(1, 2) and one of Beta(6, 2), how often is the one the largest."""
    resolved, unresolved = np.array([0] * 30 + [5]), np.array([1] * 30 + [1])
    x = np.linspace(0, 1, 100_001)
    density = 42 * x**5 * (1 - x)
    expected = float(np.mean(density * (1 - (1 - x) ** 2) ** 30))
    generator = default_rng(3)
    won = [leading(resolved, unresolved, 1.0, generator, 1, few=0)[0][0] == 30 for _ in range(4000)]
    assert np.mean(won) == pytest.approx(expected, abs=0.025)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=120),
    st.integers(1, 2 * ALIKE),
    st.floats(1.0, 500.0),
)
def test_leaders_are_distinct_and_the_largest_comes_first(
    counts: list[tuple[int, int]], count: int, tau: float
) -> None:
    resolved, unresolved = np.array(counts).T
    found = leading(resolved, unresolved, tau, default_rng(0), count, few=0)
    values = [value for _, value in found]
    assert values == sorted(values, reverse=True)
    assert all(0 <= value <= 1 for value in values)
    assert len({who for who, _ in found}) == len(found) == min(count, len(counts))


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), max_size=30), st.integers(1, 6))
def test_leaders_are_the_first_of_a_stable_sort(values: list[float], count: int) -> None:
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:count]
    assert leaders(np.array(values, dtype=np.float64), count) == expected


def test_draws_sharpen_with_tau() -> None:
    resolved, unresolved = np.array([6, 8]), np.array([6, 4])

    def wrong(tau: float, generator: Generator) -> float:
        return float(
            np.mean([np.argmax(thompson(resolved, unresolved, tau, generator)) == 0 for _ in range(2000)])
        )

    assert wrong(50.0, default_rng(1)) < wrong(1.0, default_rng(1)) / 4
