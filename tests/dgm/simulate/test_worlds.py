"""Made-up worlds draw what they say they draw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng

from dgm.simulate import Inherited, Made, Plateaus, Rasch, Skills, Sparse, World

WORLDS: list[World] = [
    Inherited(),
    Rasch(),
    Sparse(),
    Plateaus(),
    Rasch(difficulty_sd=0.0),
    Rasch(task_sd=0.6),
]


def children(world: World, count: int = 4000) -> list[Made | None]:
    generator = default_rng(1)
    _, root = world.instance(generator)
    return [world.child(root, generator) for _ in range(count)]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_the_seed_resolves_the_share_that_was_drawn(world: World) -> None:
    shares = []
    for seed in range(200):
        tasks, root = world.instance(default_rng(seed))
        odds = tasks.odds(root)
        assert odds.shape == (60,)
        assert ((odds > 0) & (odds < 1)).all()
        shares.append(float(odds.mean()))
    assert min(shares) >= 0.25 - 1e-6
    assert max(shares) <= 0.40 + 1e-6
    assert np.mean(shares) == pytest.approx(0.325, abs=0.012)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_children_are_missing_broken_or_unchanged_as_often_as_it_says(world: World) -> None:
    assert isinstance(world, Rasch)
    made = children(world)
    born = [child for child in made if child is not None]
    assert 1 - len(born) / len(made) == pytest.approx(world.no_child, abs=0.02)
    assert np.mean([child.broken for child in born]) == pytest.approx(world.broken, abs=0.025)
    unchanged = [child.ability == 0 and not child.broken and not child.shift.any() for child in born]
    assert np.mean(unchanged) == pytest.approx(world.no_op, abs=0.025)


def test_a_broken_agent_and_all_its_descendants_resolve_nothing() -> None:
    world, generator = Rasch(), default_rng(0)
    tasks, root = world.instance(generator)
    broken = replace(root, broken=True)
    assert not tasks.odds(broken).any()
    born = [child for _ in range(200) if (child := world.child(broken, generator)) is not None]
    assert all(child.broken for child in born)


def test_steps_have_the_moments_of_their_world() -> None:
    world = Rasch(no_child=0.0, broken=0.0, no_op=0.0)
    steps = [child.ability for child in children(world) if child is not None]
    assert np.mean(steps) == pytest.approx(-0.12, abs=0.02)
    assert np.std(steps) == pytest.approx(0.35, abs=0.015)


def test_a_trait_is_inherited_and_moves_the_grandchildren() -> None:
    world = Inherited(no_child=0.0, broken=0.0, no_op=0.0)
    generator = default_rng(0)
    gifted = replace(world.seed_agent(), trait=0.5)
    born = [child for _ in range(4000) if (child := world.child(gifted, generator)) is not None]
    assert np.mean([child.ability for child in born]) == pytest.approx(0.5 - 0.22, abs=0.02)
    assert np.mean([child.trait for child in born]) == pytest.approx(0.95 * 0.5, abs=0.015)
    assert np.std([child.trait for child in born]) == pytest.approx(0.16, abs=0.01)


def test_gains_shrink_below_the_ceiling_that_some_children_raise() -> None:
    world = Plateaus(no_child=0.0, broken=0.0, no_op=0.0)
    generator = default_rng(0)
    high = replace(world.seed_agent(), ability=0.9)
    born = [child for _ in range(4000) if (child := world.child(high, generator)) is not None]
    assert max(child.ability for child in born) <= 0.9
    low = replace(world.seed_agent(), ability=-3.0)
    born = [child for _ in range(4000) if (child := world.child(low, generator)) is not None]
    assert np.mean([child.ability for child in born]) == pytest.approx(-3.05, abs=0.02)
    assert np.std([child.ability for child in born]) == pytest.approx(0.42, abs=0.02)
    born = [child for _ in range(4000) if (child := world.child(high, generator)) is not None]
    assert np.mean([child.ceiling > 0.9 for child in born]) == pytest.approx(0.08, abs=0.015)


def test_a_task_works_if_all_the_skills_that_it_needs_do() -> None:
    world = Skills(tasks=400)
    tasks, seed = world.instance(default_rng(3))
    every = replace(seed, skills=np.ones(40, dtype=np.bool_))
    shares = {1: 0.95, 2: 0.95**2, 3: 0.95**3}
    assert set(tasks.odds(every).round(9)) == {round(share, 9) for share in shares.values()}
    none = replace(seed, skills=np.zeros(40, dtype=np.bool_))
    assert set(tasks.odds(none).round(9)) == {round(0.15**n, 9) for n in shares}
    assert not tasks.odds(replace(every, broken=True)).any()


def test_the_seed_of_the_world_of_skills_resolves_about_the_share_that_was_drawn() -> None:
    shares = []
    for seed in range(100):
        tasks, root = Skills().instance(default_rng(seed))
        assert not root.skills[36:].any()
        shares.append(float(tasks.odds(root).mean()))
    assert max(shares) <= 0.40
    assert np.mean(shares) == pytest.approx(0.31, abs=0.03)


@pytest.mark.parametrize(("meta", "gain"), [(0, 0.05), (2, 0.10)])
def test_meta_skills_make_children_learn_more(meta: int, gain: float) -> None:
    world = Skills(no_child=0.0, broken=0.0, no_op=0.0)
    skills = np.zeros(40, dtype=np.bool_)
    skills[:20] = skills[36 : 36 + meta] = True
    parent, generator = Made(skills=skills), default_rng(0)
    born = [child for _ in range(2000) if (child := world.child(parent, generator)) is not None]
    assert np.mean([child.skills[20:36].mean() for child in born]) == pytest.approx(gain, abs=0.007)
    assert np.mean([child.skills[:20].mean() for child in born]) == pytest.approx(0.95, abs=0.007)


def fates(world: World, parent: Made, count: int = 4000) -> list[Made]:
    generator = default_rng(2)
    return [child for _ in range(count) if (child := world.child(parent, generator)) is not None]


@pytest.mark.parametrize("world", [Rasch(broken_per_level=0.04), Skills(broken_per_level=0.04)])
def test_deep_parents_may_have_more_broken_children(world: World) -> None:
    _, seed = world.instance(default_rng(0))
    for depth, share in ((0, 0.05), (5, 0.25), (40, 1.0)):
        born = fates(world, replace(seed, depth=depth))
        assert np.mean([child.broken for child in born]) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    ("world", "depth", "results", "change"),
    [
        (Rasch(drag_per_level=0.03, no_op=0.0), 4, 0, -0.24),
        (Rasch(thin=0.6, no_op=0.0), 7, 4, -0.48),
        (Rasch(thin=0.6, no_op=0.0), 7, 15, -0.12),
        (Rasch(thin=0.6, rich=20, no_op=0.0), 0, 15, -0.27),
        (Sparse(thin=0.3, drift=0.15, no_op=0.0, win=0.0, harm=0.0), 0, 0, -0.15),
    ],
)
def test_depth_and_thin_logs_may_hold_changes_back(
    world: Rasch, depth: int, results: int, change: float
) -> None:
    born = fates(world, replace(world.seed_agent(), ability=1.0, depth=depth, results=results))
    sound = [child.ability - 1.0 for child in born if not child.broken]
    assert np.mean(sound) == pytest.approx(change, abs=0.02)


def test_thin_logs_may_teach_fewer_skills() -> None:
    world = Skills(thin=0.7, gain=0.2, no_child=0.0, broken=0.0, no_op=0.0)
    ignorant = Made(skills=np.zeros(40, dtype=np.bool_))
    for results, gain in ((0, 0.06), (5, 0.13), (60, 0.2)):
        born = fates(world, replace(ignorant, results=results), 500)
        assert np.mean([child.skills.mean() for child in born]) == pytest.approx(gain, abs=0.01)


def test_a_world_of_skills_says_what_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match=r"world\.meta less than world\.skills"):
        Skills(meta=40)


@pytest.mark.parametrize(
    ("make", "given", "told"),
    [
        (Rasch, {"tasks": 0}, "world.tasks"),
        (Rasch, {"root": (0.5, 0.2)}, "world.root"),
        (Rasch, {"broken": 1.5}, "world.broken"),
        (Rasch, {"drag_per_level": -0.1}, "world.drag_per_level"),
        (Skills, {"rich": 0}, "world.rich must be at least 1"),
        (Rasch, {"difficulty_sd": -1.0}, "world.difficulty_sd must be at least 0"),
        (Rasch, {"student": -2.0}, "world.student"),
        (Inherited, {"trait_sd": -0.1}, "world.trait_sd"),
        (Sparse, {"win": 2.0}, "world.win"),
        (Plateaus, {"room": 0.0}, "world.room must be above 0"),
        (Plateaus, {"root": (0.0, 0.2)}, "world.root"),
        (Skills, {"gain": -3.0}, "world.gain"),
        (Skills, {"boost": float("nan")}, "world.boost"),
    ],
)
def test_bad_parameters_are_refused(
    make: type[Rasch] | type[Skills], given: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        make(**given)
