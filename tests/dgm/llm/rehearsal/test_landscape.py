"""A better agent really scores better, a bad edit really hurts, and a careless agent has worse children.

Everything here is a pure function of fixed seeds: what passes once passes always, on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import rehearsal_harness as harness

from dgm.llm.backends.rehearsal.repertoire import BASE, EDITS

pytestmark = pytest.mark.whole

AGENTS = Path(__file__).parent / "agents"
PAGE = harness.ROOT / "docs" / "rehearsal.md"
Effects = Mapping[str, tuple[float, float]]


def mean(scores: np.ndarray) -> float:
    return float(scores.mean())


# 6: the order of agents


def check_order(
    bench: harness.Bench, seed: harness.Tree, search: Sequence[harness.Exercise], repeats: int
) -> None:
    floor, good = (harness.read_tree(AGENTS / name) for name in ("floor", "good"))
    assert mean(bench.score(floor, search, seed=1008, repeats=1)) <= 0.10
    assert 0.25 <= mean(bench.score(seed, search, seed=1008, repeats=repeats)) <= 0.45
    assert mean(bench.score(good, search, seed=1008, repeats=max(1, repeats // 6))) >= 0.80


def test_floor_seed_and_good_agent_stand_in_that_order(
    bench: harness.Bench, seed: harness.Tree, search: tuple[harness.Exercise, ...]
) -> None:
    check_order(bench, seed, search, repeats=6)


@pytest.mark.soak
def test_floor_seed_and_good_agent_stand_in_that_order_over_many_repeats(
    bench: harness.Bench, seed: harness.Tree, search: tuple[harness.Exercise, ...]
) -> None:
    check_order(bench, seed, search, repeats=60)


def test_a_child_that_differs_in_comments_only_is_its_parent(
    bench: harness.Bench, seed: harness.Tree, search: tuple[harness.Exercise, ...]
) -> None:
    placebo = {
        name: re.sub(rb"(?m)^( *)(def |return )", rb"\1# A remark that changes nothing.\n\1\2", text)
        if name.endswith(".py")
        else text
        for name, text in seed.items()
    }
    assert placebo != seed
    assert (
        bench.score(placebo, search, seed=1009, repeats=3) == bench.score(seed, search, seed=1009, repeats=3)
    ).all()


# 7: single edits and pairs


def table(mark: str) -> list[list[str]]:
    page = PAGE.read_text()
    part = page.split(f"<!-- {mark}: measured -->")[1].split(f"<!-- {mark}: end -->")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part.splitlines()
        if line.startswith("|")
    ]
    return rows[2:]


def check_effects(effects: Effects) -> None:
    """The rules that the whole repertoire keeps on the seed; `effects` in points with half an interval."""
    by_kind = {
        kind: [effects[n][0] for n, e in EDITS.items() if e.kind == kind and n in effects] for kind in BASE
    }
    assert sum(BASE[kind] * np.mean(values) for kind, values in by_kind.items()) <= 0
    assert max(effect for effect, _ in effects.values()) <= 12
    assert sum(effect - half > 0 for effect, half in effects.values()) >= 3
    assert sum(effect + half < 0 for effect, half in effects.values()) >= 3


def check_pairs(
    pairs: Sequence[tuple[tuple[float, float], tuple[float, float], tuple[float, float]]],
) -> None:
    """At least two pairs whose members do nothing alone that could be told from nothing, and help together."""
    together = [
        both
        for one, other, both in pairs
        if one[0] - one[1] <= 0 and other[0] - other[1] <= 0 and both[0] - both[1] > 0
    ]
    assert len(together) >= 2


def test_the_table_in_the_docs_keeps_the_rules_and_holds_every_edit() -> None:
    rows = table("effects")
    assert [row[1] for row in rows] == list(EDITS)
    assert all(EDITS[row[1]].kind == row[0] for row in rows)
    check_effects({row[1]: (float(row[3]), float(row[4])) for row in rows if row[4]})
    passing = {row[1]: (float(row[3]), float(row[4])) for row in rows if row[5] == "passes"}
    assert sum(BASE[EDITS[name].kind] * effect for name, (effect, _) in passing.items()) <= 0
    numbers = [[tuple(map(float, cell.split(" ± "))) for cell in row[2:]] for row in table("pairs")]
    check_pairs(numbers)  # type: ignore[arg-type]


def test_at_least_two_thirds_of_the_helpful_edits_act_by_mechanism() -> None:
    helpful = [edit for edit in EDITS.values() if edit.kind == "helpful"]
    wording = [edit.name for edit in helpful if any(way.line for way in edit.ways)]
    assert wording == ["ask for a test run", "ask for a second reading"]
    assert len(helpful) - len(wording) >= 2 / 3 * len(helpful)


def test_strong_edits_show_in_a_few_repeats(
    bench: harness.Bench, seed: harness.Tree, search: tuple[harness.Exercise, ...]
) -> None:
    base = bench.score(seed, search, seed=1010, repeats=4)
    for name, low, high in (("run the tests before stopping", 2, 20), ("refuse long calls", -30, -2)):
        effect = harness.measured(bench, seed, [name], base, search, seed=1010)
        assert effect is not None
        assert low < effect[0] < high


@pytest.mark.soak
def test_every_single_edit_measured_anew_keeps_the_rules(
    bench: harness.Bench, seed: harness.Tree, search: tuple[harness.Exercise, ...]
) -> None:
    base = bench.score(seed, search, seed=1011, repeats=30)
    found = {name: harness.measured(bench, seed, [name], base, search, seed=1011) for name in EDITS}
    effects = {name: effect for name, effect in found.items() if effect is not None}
    check_effects(effects)
    numbers = []
    for one, other, *_ in table("pairs"):
        both = harness.measured(bench, seed, [one, other], base, search, seed=1011)
        numbers.append((effects[one], effects[other], both))
    check_pairs(numbers)  # type: ignore[arg-type]


# 8 and 9: what parents make of their children


def with_edits(tree: harness.Tree, *names: str) -> harness.Tree:
    for name in names:
        changed = harness.edited(tree, name, harness.sample(1000, 7))
        assert changed is not None, name
        tree = changed
    return tree


def failures(
    bench: harness.Bench, tree: harness.Tree, search: Sequence[harness.Exercise], count: int
) -> list[dict[str, str]]:
    """Evidence of the first failed rollouts of an agent."""
    places = [(k, search[k % len(search)]) for k in range(3 * count)]
    rollouts = bench.solve(
        harness.Job(tree, exercise, harness.sample(1012, k), True) for k, exercise in places
    )
    failed = [
        harness.evidence(exercise, rollout)
        for (_, exercise), rollout in zip(places, rollouts, strict=True)
        if not rollout.resolved
    ]
    return failed[:count]


def gains(
    bench: harness.Bench,
    parent: harness.Tree,
    evidence: Sequence[Mapping[str, str]],
    search: Sequence[harness.Exercise],
    repeats: int,
) -> list[float]:
    """What each expansion of a parent that led to a child gained over that parent, in points."""
    jobs = [harness.Expansion(parent, shown, harness.sample(1013, k)) for k, shown in enumerate(evidence)]
    children = [child.tree for child in bench.expand(jobs) if child.outcome == "child"]
    base = bench.score(parent, search, seed=1014, repeats=repeats)
    return [100 * mean(bench.score(child, search, seed=1014, repeats=repeats) - base) for child in children]


def check_heredity(
    bench: harness.Bench, seed: harness.Tree, search: Sequence[harness.Exercise], count: int, repeats: int
) -> None:
    evidence = failures(bench, seed, search, count)
    careful = with_edits(seed, "show more of the evidence", "show whole files", "check after a change")
    careless = with_edits(
        seed, "less evidence, to avoid noise"
    )  # and less still, as little as its check allows
    source = careless["improve.py"].replace(b"TRANSCRIPT_LIMIT = 600", b"TRANSCRIPT_LIMIT = 24")
    careless = {**careless, "improve.py": source.replace(b"read_text()[-200:]", b"read_text()[-6:]")}
    assert careless["improve.py"].count(b"LIMIT = 24 ") == careless["improve.py"].count(b"[-6:]") == 1
    good, bad = (
        gains(bench, careful, evidence, search, repeats),
        gains(bench, careless, evidence, search, repeats),
    )
    error = (np.var(good) / len(good) + np.var(bad) / len(bad)) ** 0.5
    assert np.mean(good) - np.mean(bad) > error


def test_children_of_a_careful_parent_are_better_than_those_of_a_careless_one(
    bench: harness.Bench, seed: harness.Tree, search: tuple[harness.Exercise, ...]
) -> None:
    check_heredity(bench, seed, search[::2], count=24, repeats=1)


@pytest.mark.soak
def test_children_of_a_careful_parent_are_better_over_many_expansions(
    bench: harness.Bench, seed: harness.Tree, search: tuple[harness.Exercise, ...]
) -> None:
    check_heredity(bench, seed, search, count=120, repeats=3)


def test_without_evidence_children_are_no_better_than_their_parent(
    bench: harness.Bench, seed: harness.Tree, search: tuple[harness.Exercise, ...]
) -> None:
    assert np.mean(gains(bench, seed, [harness.NO_EVIDENCE] * 24, search[::2], repeats=1)) <= 0


@pytest.mark.soak
def test_without_evidence_children_are_no_better_over_many_expansions(
    bench: harness.Bench, seed: harness.Tree, search: tuple[harness.Exercise, ...]
) -> None:
    assert np.mean(gains(bench, seed, [harness.NO_EVIDENCE] * 150, search, repeats=3)) <= 0


# an agent of another make


def test_the_same_repertoire_improves_a_second_agent(
    bench: harness.Bench, search: tuple[harness.Exercise, ...]
) -> None:
    second = harness.read_tree(AGENTS / "second")
    base = bench.score(second, search, seed=1015, repeats=3)
    better = []
    for name in (name for name, edit in EDITS.items() if edit.kind == "helpful"):
        effect = harness.measured(bench, second, [name], base, search, seed=1015)
        better += [name] if effect is not None and effect[0] - effect[1] > 0 else []
    assert len(better) >= 3
    whole = with_edits(second, *better)
    assert mean(bench.score(whole, search, seed=1015, repeats=3)) >= mean(base) + 0.2


def test_a_second_agent_edits_itself_with_what_it_has(
    bench: harness.Bench, search: tuple[harness.Exercise, ...]
) -> None:
    second = harness.read_tree(AGENTS / "second")
    evidence = failures(bench, second, search, 16)
    jobs = [harness.Expansion(second, shown, harness.sample(1016, k)) for k, shown in enumerate(evidence)]
    outcomes = [child.outcome for child in bench.expand(jobs)]
    assert outcomes.count("child") >= 4
