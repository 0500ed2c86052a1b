from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dgm.benchmarks.ladder import KATAS, read_ladders
from dgm.benchmarks.quality import (
    KILL_RATE,
    behaviour_faults,
    clashes,
    hidden_tests,
    shape_faults,
    survey,
    trials,
)

FOLDERS = sorted(path for path in KATAS.iterdir() if path.is_dir())


@pytest.fixture
def kata(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KATAS / "apricot-rows", tmp_path / "apricot-rows"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_files_of_every_kata_are_complete(folder: Path) -> None:
    assert shape_faults(folder) == ()


def test_no_two_katas_can_be_mistaken_for_each_other() -> None:
    assert clashes(read_ladders()) == ()


@pytest.mark.soak
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_drafts_fare_as_the_ladder_says(folder: Path) -> None:
    assert behaviour_faults(folder) == ()


@pytest.mark.soak
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_hidden_tests_notice_wrong_variants_of_the_reference(folder: Path) -> None:
    found = survey(folder)
    assert found.rate >= KILL_RATE, [(mutant.line, mutant.kind) for mutant in found.survivors]


def test_one_kata_behaves_as_its_ladder_says(kata: Path) -> None:
    assert behaviour_faults(kata) == ()


def test_a_draft_that_passes_the_hidden_tests_is_a_fault(kata: Path) -> None:
    reference = (kata / ".meta" / "example.py").read_text()
    (kata / ".meta" / "drafts" / "3.py").write_text(reference + "\n\nSPARE = 1\n")
    assert ".meta/drafts/3.py passes the hidden tests" in behaviour_faults(kata)


def test_missing_and_strange_files_are_faults(kata: Path) -> None:
    (kata / ".meta" / "drafts" / "4.py").write_text("")
    (fault,) = shape_faults(kata)
    assert "unexpected files ['.meta/drafts/4.py']" in fault


def test_a_changed_signature_is_a_fault(kata: Path) -> None:
    draft = kata / ".meta" / "drafts" / "1.py"
    draft.write_text(draft.read_text().replace("row: int", "line: int"))
    (fault,) = shape_faults(kata)
    assert fault.startswith(".meta/drafts/1.py does not define")


def test_weak_tests_let_mutants_live(kata: Path) -> None:
    weak = hidden_tests(kata).replace("assertEqual", "assertIsNot")
    (kata / "apricot_rows_test.py").write_text(weak)
    assert survey(kata).rate < KILL_RATE


def test_a_program_that_never_ends_or_leaves_early_fails() -> None:
    tests = "import unittest\nfrom loom import warp\nclass T(unittest.TestCase):\n"
    tests += "    def test_warp(self):\n        self.assertEqual(warp(), 1)\n"
    sources = [
        "def warp(): return 1",
        "def warp():\n    while True: pass",
        "import os\ndef warp(): os._exit(0)",
        "def warp(): return 2",
        "def warp(:",
    ]
    found = trials("loom", tests, sources)
    assert [trial.passed for trial in found] == [True, False, False, False, False]
    assert found[3].failed == ("loom_test.T.test_warp: AssertionError: 2 != 1",)
    assert found[2].errors == ("ended early",)
