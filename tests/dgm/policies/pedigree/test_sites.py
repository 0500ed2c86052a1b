"""What one result says, against numerical integration and against what it must not do."""

from __future__ import annotations

import numpy as np
import pytest

from dgm.policies.pedigree.sites import TAU2, chance, precision, site


@pytest.mark.parametrize(
    ("m", "v", "tm", "tv"), [(0.0, 0.2, 0.0, 0.5), (1.0, 2.0, -1.0, 4.0), (-2.0, 0.5, 1.5, 1.0)]
)
def test_the_chance_of_resolving_is_the_mean_over_both_beliefs(
    m: float, v: float, tm: float, tv: float
) -> None:
    sd = (v + tv + TAU2) ** 0.5
    x = np.linspace(-8, 8, 4001)
    density = np.exp(-x * x / 2) / np.exp(-x * x / 2).sum()
    exact = float((density / (1 + np.exp(-(m - tm + sd * x)))).sum())
    assert float(chance(m - tm, v + tv).p) == pytest.approx(exact, abs=0.01)


def test_a_result_moves_agent_and_task_apart_or_together() -> None:
    """A resolved task: the agent is better and the task easier than was thought, and the other way round."""
    at = chance(0.0, 2.0)
    won, lost = (site(0.0, 1.0, 0.0, 1.0, y, 1.0, at) for y in (1.0, 0.0))
    assert won.h > 0 > won.task_h
    assert lost.h < 0 < lost.task_h
    assert won.p == pytest.approx(lost.p)
    assert won.p == pytest.approx(precision(float(at.w), 1.0))


def test_what_a_broken_agent_does_says_nothing() -> None:
    at = chance(0.3, 2.0)
    told = site(0.3, 1.0, 0.0, 1.0, 0.0, 0.0, at)
    assert (told.p, told.h, told.task_p, told.task_h) == (0.0, 0.0, 0.0, 0.0)


def test_arrays_are_taken_as_numbers_are() -> None:
    m, v = np.array([0.1, -1.0, 2.0]), np.array([0.2, 1.0, 3.0])
    tm, tv = np.array([0.0, 1.0, -2.0]), np.array([4.0, 0.5, 1.0])
    y, whole = np.array([1.0, 0.0, 1.0]), np.array([1.0, 0.7, 0.9])
    all_at_once = site(m, v, tm, tv, y, whole, chance(m - tm, v + tv))
    for n in range(3):
        one = site(m[n], v[n], tm[n], tv[n], y[n], whole[n], chance(m[n] - tm[n], v[n] + tv[n]))
        assert (one.p, one.h) == pytest.approx((all_at_once.p[n], all_at_once.h[n]))
        assert (one.task_p, one.task_h) == pytest.approx((all_at_once.task_p[n], all_at_once.task_h[n]))
