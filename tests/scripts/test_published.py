"""The commands that print published figures beside ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dgm.config import build
from dgm.simulate.published import COLUMNS, TOLD, WORLDS
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
    assert tuple(TOLD[column]) == WORLDS


def test_worlds_are_told_beside_the_study() -> None:
    head, row = said("published-worlds", "B", "--seeds", "2", "--column", "SICA").splitlines()
    assert head.split() == ["world", "column", "told", "ours", "gain", "nodes", "depth", "within"]
    assert row.split()[:3] == ["B", "SICA", "38.2"]
    assert "standard errors" in row


def test_numbers_that_need_no_model_are_told_beside_the_papers() -> None:
    told = said("published-numbers", "--seeds", "1", "--world", "B")
    assert "B =  800:  57   56" in told
    assert "p = 0.85" in told
    assert "B HGM   own score" in told
