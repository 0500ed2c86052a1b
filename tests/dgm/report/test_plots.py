"""Pictures of a whole run, of one in which nothing was evaluated, and of names that try to be something else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import archive
from archive import Outcome, RunInfo, Split, create_run
from archive.testing import a_decision, an_agent, an_evaluation
from dgm.errors import LookUpError
from dgm.report import RunView, view_of
from tests.dgm.report.ended import ended_run
from tests.dgm.report.hostile import hostile_run

plots = pytest.importorskip("dgm.report.plots", reason="needs dgm[plot]")

KINDS = ("tree", "leaderboard", "clades", "matrix", "progress", "cost_per_gain")


def words(draw: Callable[[RunView], object], view: RunView, place: Path) -> str:
    """Draws, and gives the text of the picture."""
    made = draw(view)
    assert isinstance(made, plots.Picture)
    made.save(place / "made.svg")
    return " ".join(
        re.findall(r"<text[^>]*>([^<]*)</text>", (place / "made.svg").read_text(encoding="utf-8"))
    )


def test_pictures_tell_what_the_tables_say(tmp_path: Path) -> None:
    with archive.open(ended_run(tmp_path / "run", seed=1)) as run:
        view = view_of(run)
        text = {kind: words(getattr(plots, kind), view, tmp_path) for kind in KINDS}
        agents, first, best = len(view.agents), view.tree().ids[0], view.best()
        assert f"{agents} agents" in text["tree"]
        for row in run.leaderboard().to_pylist():
            if row["resolved"] + row["unresolved"]:
                assert row["agent"][:10] in text["leaderboard"]
                assert f"{row['resolved']}/{row['resolved'] + row['unresolved']}" in text["leaderboard"]
        clade = next(row for row in run.clades().to_pylist() if row["agent"] == first)
        assert f"{clade['resolved']}/{clade['resolved'] + clade['unresolved']}" in text["clades"]
        assert all(agent.id[:10] in text["matrix"] for agent in view.agents)
        assert all(split in text["matrix"] for split in Split)
        assert "counted search evaluations" in text["progress"]
        made = [row["gain"] > 0 for row in run.gains().to_pylist() if row["gain"] is not None]
        assert f"better than its parent ({sum(made)})" in text["cost_per_gain"]
        assert "(made up)" in text["cost_per_gain"]
        assert "winner" in text["tree"]
        assert f"winner {best[:10]}" in text["leaderboard"]
        assert plots.tree(view, "mean")._repr_png_().startswith(b"\x89PNG")
        with pytest.raises(ValueError, match="colour must be one of cmp, mean, got 'size'"):
            plots.tree(view, "size")


def test_a_seed_alone_has_pictures_but_no_progress(tmp_path: Path) -> None:
    splits = {Split.SEARCH: ("katas/anagram",), Split.TEST: ("katas/tested",)}
    with create_run(tmp_path / "run", RunInfo(id="f" * 32, seed=0, config={}, splits=splits)) as run:
        run.append(an_agent(0))
        run.append(a_decision(1))
        run.append(an_evaluation(2, outcome=Outcome.VOID))
    with archive.open(tmp_path / "run") as run:
        view = view_of(run)
        for kind in KINDS:
            if kind != "progress":
                words(getattr(plots, kind), view, tmp_path)
        with pytest.raises(LookUpError, match="no counted search evaluation"):
            plots.progress(view)


def test_names_are_shown_as_text(tmp_path: Path) -> None:
    with archive.open(hostile_run(tmp_path / "run", {"llm": {"name": "rehearsal"}})) as run:
        view = view_of(run)
        text = words(plots.matrix, view, tmp_path)
        assert r"\x1b[2J" in text
        assert "\x1b" not in (tmp_path / "made.svg").read_text(encoding="utf-8")
