"""The commands that print published figures beside ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dgm.config import build
from dgm.simulate.published import COLUMNS, DESIGN, HELD_OUT, PAIRED, STRESSED, TOLD, WIDTHS, WORLDS
from tests.dgm.commands import composed

ROOT = Path(__file__).parents[2]


def said(script: str, *words: str) -> str:
    command = [sys.executable, str(ROOT / "scripts" / script), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_a_configuration_with_a_figure_for_every_world(column: str) -> None:
    config = composed(*COLUMNS[column], name="simulate")
    assert build(config, "policy").name == dict(key.split("=") for key in COLUMNS[column])["policy"]
    assert tuple(TOLD.get(column, WORLDS)) == WORLDS


@pytest.mark.parametrize("stressed", STRESSED)
def test_every_stressed_world_is_a_configuration(stressed: str) -> None:
    held_back = build(composed(*STRESSED[stressed], name="simulate"), "world")
    assert held_back.name == stressed[0]
    assert held_back.broken_per_level or held_back.drag_per_level or held_back.thin


def test_the_study_tells_a_difference_for_every_world_and_width() -> None:
    for where in (*DESIGN, *HELD_OUT, "design", "held-out"):
        assert all((where, workers, 800) in PAIRED for workers in WIDTHS)


def test_worlds_are_told_beside_the_study_and_what_is_kept_is_not_searched_again(tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    words = ("published-worlds", "Z", "--seeds", "2", "--total", "90", "--column", "P", "--column", "HGM")
    told = said(*words, "--workers", "20", "--keep", str(kept))
    head, policy, hgm, _, what, difference = told.splitlines()
    assert head.split() == ["world", "column", "seeds", "told", "ours", "gain", "nodes", "depth", "within"]
    assert policy.split()[:3] == ["Z", "P", "2"]
    assert hgm.split()[:3] == ["Z", "HGM", "2"]
    assert what.startswith("P - HGM: 20 workers, 90;")
    assert difference.split()[:2] == ["Z", "2"]
    found = kept.read_text()
    assert said(*words, "--workers", "20", "--keep", str(kept)) == told
    assert said(*words, "--workers", "20", "--keep", str(kept), "--told") == told
    assert kept.read_text() == found
    assert found.count("\n") == 4


def test_numbers_that_need_no_model_are_told_beside_the_papers() -> None:
    told = said("published-numbers", "--seeds", "1", "--world", "B")
    assert "B =  800:  57   56" in told
    assert "p = 0.85" in told
    assert "B HGM   own score" in told
