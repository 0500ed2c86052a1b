"""Runs side by side: what is one group, whose differences are paired, what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive import RunInfo, Split, Usage, create_run
from archive.testing import an_agent
from dgm.cmp import Counts
from dgm.errors import LookUpError
from dgm.matching import Costs
from dgm.report import Finalist, Finals
from dgm.report.compare import Side, compare, pool
from dgm.report.compared import compared_text
from dgm.report.grouping import group_names
from dgm.results import Attempts, Score, gain
from tests.dgm.commands import dgm
from tests.dgm.report.ended import ended_run

TASKS = ("katas/a", "katas/b")
SPLITS = {split: frozenset(TASKS if split is Split.TEST else ()) for split in Split}
NONE, HALF, WHOLE = (0.0, 0.0), (0.5, 0.5), (1.0, 1.0)


def policy(name: str, **keys: object) -> dict[str, Any]:
    return {"name": name, **keys}


@pytest.mark.parametrize(
    ("configs", "names"),
    [
        (
            [{"policy": policy("huxley"), "seed": 1}, {"policy": policy("huxley"), "seed": 2}],
            ["policy=huxley"] * 2,
        ),
        (
            [{"policy": policy("huxley", alpha=0.6)}, {"policy": policy("darwin", top=2)}],
            ["policy=huxley", "policy=darwin"],
        ),
        (
            [{"policy": policy("huxley", alpha=n)} for n in (0.5, 0.6)],
            ["policy.alpha=0.5", "policy.alpha=0.6"],
        ),
        (
            [
                {"policy": policy("huxley", alpha=0.5)},
                {"policy": policy("huxley", alpha=0.6)},
                {"policy": policy("uniform", alpha=0.6)},
            ],
            ["policy=huxley, policy.alpha=0.5", "policy=huxley, policy.alpha=0.6", "policy=uniform"],
        ),
        (
            [{"operator": {"_target_": f"dgm.operators.{name}"}, "improver": name} for name in ("A", "B")],
            ["operator=A, improver=A", "operator=B, improver=B"],
        ),
        (
            [{"name": name, "runs_dir": name, "workers": {"address": name, "slots": 2}} for name in "ab"],
            ["policy=?"] * 2,
        ),
        (
            [
                {"policy": policy("huxley"), "budget": {"test_repeats": 2}},
                {"policy": policy("attempts", like="runs/a"), "budget": {"test_repeats": 9}},
                {"policy": policy("attempts", like="runs/b"), "budget": {"test_repeats": 5}},
            ],
            ["policy=huxley", "policy=attempts", "policy=attempts"],
        ),
    ],
    ids=["seeds", "policies", "a key", "a key of one policy", "no names", "places", "attempts at equal cost"],
)
def test_a_group_is_named_by_what_it_differs_in(
    configs: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> None:
    assert group_names(configs) == names


def a_score(values: Sequence[float]) -> Score:
    return Score(agent="a" * 40, counts=Counts(), by_task=dict(zip(TASKS, values, strict=True)))


def a_side(name: str, seed: int, best: Sequence[float], base: Sequence[float], **more: Any) -> Side:
    first = Finalist(agent="s" * 40, search=Counts(), confirm=None, test=a_score(base))
    winner = replace(first, agent="a" * 40, test=a_score(best))
    tried = Attempts(k=2, single=first.test, frequent=first.test, any=first.test)
    found = Finals(best=winner, seed=first, gain=gain(winner.test, first.test), confirmed=(), attempts=tried)
    usual = {
        "config": {"policy": {"name": name}},
        "splits": SPLITS,
        "digests": dict.fromkeys(TASKS, "0"),
        "costs": Costs(
            search=Usage(calls=9, cost_microusd=2_000_000), test=Usage(), seed=Usage(), attempts=4
        ),
    }
    return Side(
        name=f"{name}-{seed}",
        seed=seed,
        ended=True,
        finals=found,
        searched=30,
        progression=(),
        **usual | more,
    )


def attempted(seed: int, k: int) -> Side:
    """The unchanged seed with k attempts per task: the most frequent answer is half right, any of them wholly."""
    one = a_side(
        "attempts",
        seed,
        NONE,
        NONE,
        costs=Costs(
            search=Usage(), test=Usage(calls=12, cost_microusd=1_900_000), seed=Usage(), attempts=2 * k
        ),
    )
    tried = Attempts(k=k, single=a_score(NONE), frequent=a_score(HALF), any=a_score(WHOLE))
    return replace(one, searched=0, finals=replace(one.finals, best=one.finals.seed, attempts=tried))


def test_a_line_per_group_and_two_for_the_seed() -> None:
    sides = [
        attempted(1001, 4),
        attempted(1000, 9),
        a_side("huxley", 1001, WHOLE, HALF),
        a_side("huxley", 1000, WHOLE, NONE),
        a_side("uniform", 1000, HALF, NONE),
        a_side("uniform", 1001, HALF, HALF),
    ]
    lines = [re.split(r" *\| *", line.strip("| ")) for line in compared_text(compare(sides)).splitlines()[2:]]
    assert lines == [
        ["policy=huxley", "2", "100.0", "25.0", "+75.0 [+50.0, +100.0]", "", "2.000", "9", "30"],
        [
            "policy=uniform",
            "2",
            "50.0",
            "25.0",
            "+25.0 [+0.0, +50.0]",
            "-50.0 [-50.0, -50.0]",
            "2.000",
            "9",
            "30",
        ],
        [
            *(
                "policy=attempts, most frequent answer of k = 9, 4",
                "2",
                "50.0",
                "0.0",
                "+50.0 [+50.0, +50.0]",
            ),
            *("-50.0 [-50.0, -50.0]", "1.900", "12", "13"),
        ],
        [
            *("policy=attempts, any of them: chosen by the hidden tests", "2", "100.0", "0.0"),
            *("+100.0 [+100.0, +100.0]", "+0.0 [+0.0, +0.0]", "1.900", "12", "13"),
        ],
    ]


def test_a_run_that_has_not_ended_and_a_seed_without_its_pair_are_told() -> None:
    sides = [
        a_side("huxley", 1, WHOLE, HALF),
        replace(a_side("huxley", 2, WHOLE, HALF), ended=False),
        a_side("uniform", 1, HALF, HALF),
        a_side("uniform", 2, WHOLE, HALF),
    ]
    found = compare(sides)
    first, second = found.lines
    assert (sorted(first.best), second.paired) == ([1], 1)
    assert second.against is not None
    assert second.against.mean == -0.5
    assert found.notes == (
        "not ended, left out of the test's figures: huxley-2",
        "policy=uniform: 1 of its 2 seeds are in the first group too",
    )
    nothing = compare([replace(sides[0], ended=False)])
    assert nothing.lines[0].gain is None
    assert "| -    " in compared_text(nothing)


def test_what_cannot_be_compared_is_refused() -> None:
    one = a_side("huxley", 1, WHOLE, HALF)
    others = {
        "differ in nothing but their names": replace(one, name="again"),
        "expected the same test tasks, got 2 and 1, 1 of them in both": a_side(
            "darwin", 1, WHOLE, HALF, splits={**SPLITS, Split.TEST: frozenset(TASKS[:1])}
        ),
        "tasks were changed between them: katas/b": a_side(
            "darwin", 1, WHOLE, HALF, digests={TASKS[0]: "0", TASKS[1]: "1"}
        ),
    }
    for told, other in others.items():
        with pytest.raises(LookUpError, match=told):
            compare([one, other])
    with pytest.raises(ValueError, match="tested on the same tasks"):
        pool([{"katas/a": 1.0}, {"katas/b": 1.0}])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    for name in ("huxley", "uniform"):
        for seed in (1, 2):
            ended_run(place / f"{name}-{seed}", seed=seed, policy=name)
    return place


def test_runs_in_a_directory_as_a_table_a_document_and_a_picture(runs: Path, tmp_path: Path) -> None:
    said = dgm("compare", str(runs), "--plot", str(tmp_path / "bands.png"))
    assert (said.status, said.err) == (0, "")
    assert "rehearsal: a stand-in answered" in said.out
    assert (tmp_path / "bands.png").read_bytes().startswith(b"\x89PNG")
    named = [str(runs / f"{name}-{seed}") for name in ("uniform", "huxley") for seed in (2, 1)]
    found = dgm("compare", *named, "--json").json
    assert [line["name"] for line in found["lines"]] == ["policy=uniform", "policy=huxley"]
    assert [one["seed"] for group in found["groups"] for one in group["runs"]] == [1, 2, 1, 2]
    assert all(one["ended"] for group in found["groups"] for one in group["runs"])
    best = dgm("best", str(runs / "huxley-1"), "--json").json
    alone = dgm("compare", str(runs / "huxley-1"), "--json").json["lines"][0]
    assert alone["gain"]["mean"] == pytest.approx(best["gain"]["mean"])
    assert alone["best"] == pytest.approx(best["test"]["best"]["mean"])


def test_what_is_no_run_or_picture_is_refused_in_one_line(runs: Path, tmp_path: Path) -> None:
    info = RunInfo(id="f" * 32, seed=3, config={}, splits={Split.SEARCH: ("other/task",)})
    with create_run(tmp_path / "other", info) as other:
        other.append(an_agent(0))
    (tmp_path / "empty").mkdir()
    for words, told in (
        ((str(tmp_path / "empty"),), "is no run and holds none"),
        (
            (str(runs), str(tmp_path / "other")),
            "expected the same search tasks, got 24 and 1, 0 of them in both",
        ),
        ((str(runs), "--plot", "bands.doc"), "--plot writes .png, .svg, .pdf"),
    ):
        said = dgm("compare", *words)
        assert (said.status, said.out) == (2, "")
        assert told in said.err
        assert said.err.count("\n") == 1
