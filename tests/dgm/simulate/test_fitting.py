"""Worlds fitted to runs: what is read, what is drawn, and that truth lies where the fit says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng

from archive import Evaluation, Expansion, ExpansionOutcome, Outcome, Split
from archive.testing import a_regrade
from dgm.policies import Huxley
from dgm.simulate import Rasch, Setting, Simulation
from dgm.simulate.chains import Chains, Priors, _polya_gamma
from dgm.simulate.fitting import SKEPTICAL, Fit, UnfitError, fit, shortest
from dgm.simulate.past import Past, Spent, past_of
from tests.dgm.simulate.archives import NOTHING, Recorded, generator, lucky_parents, recorded

WORLD = Rasch(tasks=30)
SWEEPS = 80


@pytest.fixture(scope="module")
def search() -> Recorded:
    return recorded(Huxley(), WORLD, 3, total=300, seed_known=False)


@pytest.fixture(scope="module")
def fitted(search: Recorded) -> Fit:
    return fit(past_of([search.rows], search.tree.tasks), 1, Priors(), SWEEPS)


def test_the_past_is_what_the_policy_saw(search: Recorded) -> None:
    past, tree = past_of([search.rows], search.tree.tasks), search.tree
    agents = len(tree)
    assert past.parents.tolist() == tree.parents.tolist()
    assert past.depths.tolist() == tree.depths.tolist()
    assert np.bincount(past.agent, minlength=agents).tolist() == (tree.resolved + tree.unresolved).tolist()
    assert np.bincount(past.agent, past.resolved, minlength=agents).tolist() == tree.resolved.tolist()
    made = {
        row.child: row.parent_evaluations for row in search.rows if isinstance(row, Expansion) and row.child
    }
    assert past.parent_results[1:].tolist() == [made[id] for id in tree.ids[1:]]
    expansions = [row for row in search.rows if isinstance(row, Expansion)]
    assert past.outcomes == Counter(row.outcome for row in expansions)
    assert past.children == past.outcomes[ExpansionOutcome.CHILD] == agents - 1


def test_only_counted_results_of_the_search_are_read_as_last_graded(search: Recorded) -> None:
    rows = search.rows
    place, first = next((n, row) for n, row in enumerate(rows) if isinstance(row, Evaluation))
    before = past_of([rows], search.tree.tasks)
    void = replace(first, outcome=Outcome.VOID, score=None)
    assert len(past_of([[*rows[:place], void, *rows[place + 1 :]]]).agent) == len(before.agent) - 1
    test = replace(first, split=Split.TEST)
    assert len(past_of([[*rows[:place], test, *rows[place + 1 :]]]).agent) == len(before.agent) - 1
    regraded = past_of([[*rows, a_regrade(10_000, first)]], search.tree.tasks)
    assert len(regraded.agent) == len(before.agent)
    assert regraded.resolved[0] == ~before.resolved[0]


def test_runs_with_the_same_seed_agent_make_one_tree(search: Recorded) -> None:
    other = recorded(Huxley(), WORLD, 4, total=60, seed_known=False)
    renamed = {id: f"{n + 500:040x}" for n, id in enumerate(other.tree.ids) if n}

    def name(id: str | None) -> str | None:
        return renamed.get(id, id) if id is not None else None

    rows = []
    for row in other.rows:
        fields = {key: name(getattr(row, key)) for key in ("parent", "child", "agent") if hasattr(row, key)}
        if hasattr(row, "tree"):
            fields["id"] = name(row.id)
        rows.append(replace(row, **fields))  # type: ignore[arg-type]
    both = past_of([search.rows, rows], search.tree.tasks)
    assert (both.parents < 0).sum() == 1
    assert both.children == len(search.tree) + len(other.tree) - 2
    assert len(both.agent) == sum(len(past_of([one]).agent) for one in (search.rows, rows))


def test_a_fit_is_a_function_of_rows_and_seed(search: Recorded, fitted: Fit) -> None:
    past = past_of([search.rows], search.tree.tasks)
    again, other = fit(past, 1, Priors(), SWEEPS), fit(past, 2, Priors(), SWEEPS)
    assert all((again.draws[name] == draws).all() for name, draws in fitted.draws.items())
    assert (other.draws["sd"] != fitted.draws["sd"]).any()


def test_truth_lies_in_the_intervals(search: Recorded, fitted: Fit) -> None:
    truth = {
        "drift": -0.108,
        "sd": 0.345,
        "broken": 0.05,
        "no_child": 0.10,
        "difficulty_sd": 2.0,
        "thin": 0.0,
    }
    for name, value in truth.items():
        found = fitted.estimate(name)
        assert found.low <= value <= found.high, name
        assert found.high - found.low < 4 * max(0.5, value), name
    told = [fitted.estimate(name).told or 0.0 for name in ("root", "no_child")]
    assert min(told) > 0.6


def test_a_fitted_world_is_one_to_search_in(fitted: Fit) -> None:
    for at in (None, 0, 99):
        config = fitted.world(at)
        assert config.pop("_target_") == "dgm.simulate.Rasch"
        world = Rasch(**config)
        assert min(world.thin, world.drag_per_level, world.broken_per_level) >= 0
        assert Simulation(Huxley(), world, 1, Setting(total=40)).run().evaluations > 0
    assert fitted.world(tasks=7)["tasks"] == 7


def test_a_fit_knows_how_much_it_was_made_from(search: Recorded, fitted: Fit) -> None:
    tree = search.tree
    assert (fitted.agents, fitted.children, fitted.tasks) == (len(tree), len(tree) - 1, 30)
    assert (fitted.results, fitted.depth) == (int((tree.resolved + tree.unresolved).sum()), tree.depths.max())


def test_a_broken_clade_is_told_from_a_hard_change() -> None:
    """Thirty of sixty children never resolve anything, the others do as the seed does."""
    past = lucky_parents(generator(1), children=60, results=(12,), sd=0.05, drift=0.0)
    resolved = past.resolved & ~np.isin(past.agent, np.arange(1, 61, 2))
    past = replace(
        past, parents=np.where(past.parents < 0, -1, 0), depths=np.minimum(past.depths, 1), resolved=resolved
    )
    broken = fit(past, 1, Priors(), SWEEPS).estimate("broken")
    assert 0.3 < broken.low < 0.5 < broken.high < 0.65


def test_the_variables_that_make_outcomes_gaussian_have_their_mean_and_variance() -> None:
    for z in (0.0, 1.0, 4.0):
        draws = _polya_gamma(np.full((40_000, 1), z), default_rng(1))
        mean = 0.25 if z == 0 else np.tanh(z / 2) / (2 * z)
        variance = 1 / 24 if z == 0 else (np.sinh(z) - z) / (4 * z**3 * np.cosh(z / 2) ** 2)
        assert draws.mean() == pytest.approx(mean, rel=0.02)
        assert draws.var() == pytest.approx(variance, rel=0.06)


def test_without_results_worth_the_name_the_draws_are_what_was_held_beforehand() -> None:
    """One result of one child: everything else is the prior, which a sampler must give back."""
    past = lucky_parents(generator(1), children=1, results=(1,))
    keep = slice(0, 1)
    past = replace(past, agent=past.agent[keep], task=past.task[keep], resolved=past.resolved[keep])
    told = list(Chains(past, Priors(), 8, default_rng(1)).run(600))[50:]
    drift, sd = (np.concatenate([one[name] for one in told]) for name in ("drift", "sd"))
    assert drift.mean() == pytest.approx(-0.1, abs=0.08)
    assert drift.std() == pytest.approx(0.3, abs=0.08)
    assert sd.mean() == pytest.approx(0.5 * (2 / np.pi) ** 0.5, abs=0.12)


def test_costs_are_by_money_else_tokens_else_seconds_else_assumed() -> None:
    past = lucky_parents(generator(1), children=2)
    ones, twos = np.ones(40), np.full(10, 2.0)
    nothing, none = np.zeros(40), np.zeros(10)
    evaluations = Spent(microusd=ones, tokens=ones, seconds=ones)
    expansions = Spent(microusd=twos, tokens=2 * twos, seconds=3 * twos)
    for basis, cost in (("microusd", 2.0), ("tokens", 4.0), ("seconds", 6.0)):
        known = fit(replace(past, evaluations=evaluations, expansions=expansions), 1, sweeps=8)
        assert known.cost_basis == basis
        assert known.estimate("expansion_cost").mean == pytest.approx(cost)
        assert known.estimate("expansion_time").mean == pytest.approx(6.0)
        evaluations, expansions = (
            replace(evaluations, **{basis: nothing}),
            replace(expansions, **{basis: none}),
        )
        if basis == "tokens":
            assert known.timed
    unknown = fit(replace(past, evaluations=NOTHING, expansions=NOTHING), 1, sweeps=8)
    assert (unknown.cost_basis, unknown.timed) == ("assumed", False)
    assert unknown.estimate("expansion_cost").mean == 3.0


def test_what_cannot_be_fitted_is_refused() -> None:
    past = lucky_parents(generator(1), children=2)
    seed_alone = Past(
        **{**past.__dict__, "parents": past.parents[:1], "outcomes": {ExpansionOutcome.GATED: 4}}
    )
    with pytest.raises(UnfitError, match="4 expansions counted, none made a child"):
        fit(seed_alone, 1)
    with pytest.raises(UnfitError, match="there are none, or all are void"):
        fit(replace(past, agent=past.agent[:0], task=past.task[:0], resolved=past.resolved[:0]), 1)


def test_the_shortest_interval_begins_at_0_where_nothing_speaks_against_it() -> None:
    draws = default_rng(1).exponential(1.0, 5000)
    low, high = shortest(draws)
    assert low < 0.01
    assert high == pytest.approx(3.0, abs=0.2)


def test_worlds_to_search_in_hold_depth_and_thin_logs_back_near_none() -> None:
    past = lucky_parents(generator(2), children=30)
    wide, skeptical = (fit(past, 1, priors, SWEEPS).estimate("thin") for priors in (Priors(), SKEPTICAL))
    assert skeptical.high - skeptical.low < 0.7 < wide.high - wide.low
