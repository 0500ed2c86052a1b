"""The bandit's arithmetic: by hand where that can be done, by its own draws where not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from dgm.bandit import Arm, Bandit, chances, credited, fading

PLAIN = Bandit(explore=0.0)


def _chances(*arms: tuple[float, float, float]) -> list[float]:
    a, b, divisors = (np.array(column) for column in zip(*arms, strict=True))
    return [round(p, 3) for p in chances(a, b, divisors).tolist()]


def test_the_chance_to_be_best_is_what_integration_by_hand_gives() -> None:
    assert _chances((1, 1, 1)) == [1.0]
    assert _chances((1, 1, 1), (1, 1, 1), (1, 1, 1)) == [0.333] * 3
    # Beta(2, 1) against the uniform: the integral of x over 2x, that is 2/3.
    assert _chances((2, 1, 1), (1, 1, 1)) == [0.667, 0.333]
    # Two uniforms, the second at double cost: U > V / 2 with probability 3/4.
    assert _chances((1, 1, 1), (1, 1, 2)) == [0.75, 0.25]


def test_the_chance_to_be_best_is_how_often_draws_are() -> None:
    a, b, divisors = np.array([3.0, 9.0, 2.0]), np.array([5.0, 9.5, 1.0]), np.array([0.5, 1.0, 2.0])
    draws = default_rng(5).beta(a, b, (200_000, 3)) / divisors
    seen = np.bincount(draws.argmax(axis=1), minlength=3) / len(draws)
    assert chances(a, b, divisors) == pytest.approx(seen, abs=0.005)


def test_without_evidence_the_weights_alone_say() -> None:
    arms = {"b": Arm(weight=3), "a": Arm()}
    assert Bandit().probabilities(arms) == {"a": 0.25, "b": 0.75}
    assert Bandit().probabilities({"only": Arm(failures=9)}) == {"only": 1.0}


def test_success_is_drawn_more_and_nothing_is_given_up() -> None:
    arms = {"good": Arm(successes=60, failures=40), "bad": Arm(successes=20, failures=80)}
    shares = Bandit(explore=0.1).probabilities(arms)
    assert shares["bad"] == pytest.approx(0.05, abs=0.001)
    assert PLAIN.probabilities(arms)["bad"] < 1e-4


def test_a_dear_arm_must_be_better_by_as_much() -> None:
    dear, cheap = Arm(successes=60, failures=40, cost=40_000), Arm(successes=50, failures=50, cost=10_000)
    assert PLAIN.probabilities({"dear": dear, "cheap": cheap})["cheap"] > 0.99
    assert Bandit(explore=0, frugality=0).probabilities({"dear": dear, "cheap": cheap})["dear"] > 0.9


def test_what_costs_nothing_is_not_infinitely_good() -> None:
    hopeless = Arm(successes=0, failures=1000, cost=0.0)
    paid = Arm(successes=500, failures=500, cost=1000.0)
    assert PLAIN.probabilities({"free": hopeless, "paid": paid})["paid"] > 0.99
    assert PLAIN.probabilities({"a": Arm(cost=0.0), "b": Arm(cost=0.0)}) == {"a": 0.5, "b": 0.5}
    assert PLAIN.probabilities({"a": Arm(), "b": Arm(cost=7.0)}) == {"a": 0.5, "b": 0.5}


def test_one_lucky_pull_is_shrunk_towards_the_others() -> None:
    """A single success beside a well-known arm that succeeds in nine of ten says next to nothing."""
    known = Arm(successes=90, failures=10)
    alone = Bandit(explore=0, shrinkage=0.01).probabilities({"known": known, "new": Arm(failures=1)})
    shrunk = Bandit(explore=0, shrinkage=20).probabilities({"known": known, "new": Arm(failures=1)})
    assert shrunk["new"] > 0.2 > alone["new"]


def test_pulls_in_flight_narrow_a_belief_and_move_it_nowhere() -> None:
    sure, unsure = Arm(successes=50, failures=50), Arm(successes=2, failures=3)
    still = PLAIN.probabilities({"sure": sure, "unsure": unsure})
    flying = PLAIN.probabilities({"sure": sure, "unsure": Arm(successes=2, failures=3, in_flight=30)})
    assert flying["unsure"] < still["unsure"]
    even = PLAIN.probabilities({"a": Arm(successes=4, failures=4, in_flight=9), "b": sure})
    assert even["a"] == pytest.approx(0.5, abs=0.01)


def test_the_draw_follows_the_probabilities_and_takes_one_number() -> None:
    arms = {"good": Arm(successes=6, failures=4), "bad": Arm(successes=4, failures=6)}
    generator = default_rng(7)
    drawn = [Bandit().draw(arms, generator) for _ in range(400)]
    assert generator.random() == default_rng(7).random(401)[-1]
    expected = Bandit().probabilities(arms)["good"]
    assert sum(one.name == "good" for one in drawn) / 400 == pytest.approx(expected, abs=0.08)
    assert drawn[0].probability == drawn[0].probabilities[drawn[0].name]
    assert Bandit().draw(dict(reversed(arms.items())), default_rng(7)) == drawn[0]


def test_credit_adds_up_and_fades() -> None:
    known = {"a": Arm(), "b": Arm(weight=3)}
    success, paid = np.array([1.0, 0.0, 0.25]), np.array([30.0, 10.0, 7.0])
    arms = credited(
        known, ["a", "a", "b"], success, np.array([0.5, 0.5, 1.0]), paid=paid, in_flight=["b", "b"]
    )
    assert arms["a"] == Arm(successes=0.5, failures=0.5, cost=20)
    assert arms["b"] == Arm(successes=0.25, failures=0.75, cost=7, in_flight=2, weight=3)
    assert fading(3, 0.5).tolist() == [0.25, 0.5, 1.0]
    free = credited(known, ["a"], np.array([1.0]), fading(1, 0.5))
    assert free == {"a": Arm(successes=1), "b": Arm(weight=3)}
    assert credited(known, [], np.zeros(0), fading(0, 0.5), paid=np.zeros(0)) == known


def test_the_best_arm_is_found() -> None:
    """Three arms, the middle one best per cost: most pulls go there within a few hundred."""
    truth = {"weak": (0.2, 10.0), "best": (0.5, 10.0), "dear": (0.6, 40.0)}
    generator, names, success = default_rng(3), list[str](), list[float]()
    for pulls in range(300):
        paid = np.array([truth[name][1] for name in names])
        arms = credited(dict.fromkeys(truth, Arm()), names, np.array(success), fading(pulls, 1.0), paid=paid)
        names.append(Bandit().draw(arms, generator).name)
        success.append(float(generator.random() < truth[names[-1]][0]))
    assert names.count("best") > 200


@pytest.mark.parametrize("wrong", [{"shrinkage": 0}, {"frugality": -1}, {"explore": 1.5}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Bandit(**wrong)
    with pytest.raises(ValueError, match="at least one arm"):
        Bandit().probabilities({})
