"""Thin logs: whether children of parents with few results are worse, however lucky those parents were."""

from __future__ import annotations

import numpy as np
import pytest

from dgm.simulate.chains import Priors
from dgm.simulate.fitting import fit
from dgm.simulate.thin import thin_logs, told
from tests.dgm.simulate.archives import generator, lucky_parents, naive_thin_effect

SWEEPS = 100


@pytest.mark.parametrize("effect", [0.0, 0.6])
def test_luck_of_thin_parents_is_not_taken_for_worse_children(effect: float) -> None:
    """By scores alone children of thin parents lose several points more in both cases."""
    pasts = [lucky_parents(generator(seed), thin=effect, drift=-0.1 + effect / 2) for seed in (0, 1)]
    assert min(map(naive_thin_effect, pasts)) > 0.15
    found = [thin_logs(past, fit(past, 1, Priors(), SWEEPS)) for past in pasts]
    assert all(one.effect.low <= effect <= one.effect.high for one in found)
    assert abs(np.mean([one.effect.mean for one in found]) - effect) < 0.3
    assert [one.missing for one in found] == [0, 0]


def test_below_200_children_nothing_is_said_but_the_interval_is_given() -> None:
    past = lucky_parents(generator(1), children=20)
    found = thin_logs(past, fit(past, 1, Priors(), 20))
    assert (found.children, found.missing, found.shown) == (20, 180, False)
    assert found.effect.low < 0 < found.effect.high
    lines = "\n".join(told(found))
    assert "nothing can be said yet: 20 children, 180 more are needed (200)" in lines
    assert f"[{found.effect.low:+.2f}, {found.effect.high:+.2f}]" in lines
    assert sum(group.children for group in found.groups) == 20
    assert all((group.change is None) == (group.children == 0) for group in found.groups)
