"""How well signals foretell what descendants come to, on trees worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dgm.simulate.signals import correlation, signals
from tests.dgm.policies.test_policies import a_tree


def test_the_signals_of_a_tree_worked_by_hand() -> None:
    """Seed 0 (4/8) with children 1 (2/4) and 2 (1/4); 3 (3/4) is a child of 1, 4 (2/2) of 2, 5 (0/2) of 2."""
    tree = a_tree([(4, 4), (2, 2), (1, 3), (3, 1), (2, 0), (0, 2)], [0, 0, 0, 1, 2, 2])
    own, clade = signals(tree)
    assert own.foretold.tolist() == [0.5, 0.5, 0.25]
    assert own.empirical.tolist() == [1.0, 0.75, 1.0]
    assert own.weights.tolist() == [8, 4, 4]
    # The seed: its best is 4, below 2; what is left is the clade of 1. Agent 1: nothing left. Agent 2: 5 is left.
    assert clade.foretold.tolist() == [5 / 8, 0.0]
    assert clade.empirical.tolist() == [1.0, 1.0]
    assert clade.weights.tolist() == [8, 2]


def test_means_of_too_few_evaluations_do_not_count() -> None:
    tree = a_tree([(4, 4), (2, 2), (1, 3), (3, 1), (2, 0), (0, 2)], [0, 0, 0, 1, 2, 2])
    own, _ = signals(tree, least=4)
    assert own.foretold.tolist() == [0.5, 0.5]
    assert own.empirical.tolist() == [0.75, 0.75]


def test_a_correlation_is_pearson_s_and_weights_count_like_repeats() -> None:
    one, other = np.array([0.1, 0.4, 0.3]), np.array([0.2, 0.9, 0.1])
    assert correlation(one, other, np.ones(3)) == pytest.approx(np.corrcoef(one, other)[0, 1])
    repeated = np.corrcoef(np.repeat(one, [1, 3, 2]), np.repeat(other, [1, 3, 2]))[0, 1]
    assert correlation(one, other, np.array([1.0, 3.0, 2.0])) == pytest.approx(repeated)
    assert math.isnan(correlation(one[:1], other[:1], np.ones(1)))
    assert math.isnan(correlation(np.zeros(3), other, np.ones(3)))
