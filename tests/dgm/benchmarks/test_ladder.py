from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dgm.benchmarks.ladder import (
    KATAS,
    Band,
    LadderError,
    normalised,
    read_ladder,
    read_ladders,
    rules,
    title,
)


@pytest.fixture
def kata(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KATAS / "apricot-rows", tmp_path / "apricot-rows"))


def test_a_kata_is_read_whole() -> None:
    ladder = read_ladder(KATAS / "apricot-rows")
    assert (ladder.slug, ladder.band, ladder.title) == ("apricot-rows", Band.EASY, "Apricot Row Labels")
    assert (ladder.module, ladder.names) == ("apricot_rows", ("row_label",))
    assert len(ladder.rules) == 3
    assert [draft.overlooks for draft in ladder.drafts] == [2, 2, 3]


def test_ladders_come_in_the_order_of_their_slugs() -> None:
    slugs = [ladder.slug for ladder in read_ladders()]
    assert slugs == sorted(slugs)


def test_rules_are_the_numbered_lines_of_their_section() -> None:
    text = "# Tide\n\nWords.\n\n## Rules\n\n1. First one.\n2. Second one.\n\n## Example\n\n1. No rule.\n"
    assert (title(text), rules(text)) == ("Tide", ("First one.", "Second one."))


def test_a_paragraph_after_a_blank_line_ends_the_rules() -> None:
    assert rules("## Rules\n\n1. First one.\n2. Second one.\n\nExample: 3 gives 4.\n") == (
        "First one.",
        "Second one.",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# A\n", "expected a section"),
        ("## Rules\n1. Only one.\n", "2 to 5 rules, found 1"),
        ("## Rules\n1. One.\n3. Three.\n", "starts with '2. '"),
        ("## Rules\n1. One that goes on\non a second line.\n2. Two.\n", "starts with '2. '"),
        ("## Rules\n" + "".join(f"{n}. Rule.\n" for n in range(1, 7)), "found 6"),
    ],
)
def test_rules_that_break_the_layout_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rules(text)


def test_normalising_is_blind_to_comments_docstrings_and_layout_only() -> None:
    one = 'def f(a):\n    """Text."""\n    return (a+1)  # why\n'
    assert normalised(one) == normalised("def f(a):\n\n    return a + 1")
    assert normalised(one) != normalised("def f(b):\n    return b + 1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"band": "huge"}, "huge"),
        ({"drafts": [{"file": ".meta/drafts/1.py", "overlooks": 1}]}, "at least 3 drafts"),
        ({"drafts": [{"file": f".meta/drafts/{n}.py", "overlooks": 4} for n in (1, 2, 3)]}, "rule 4"),
        (
            {"drafts": [{"file": ".meta/drafts/1.py", "overlooks": 1}] * 3},
            "same program as .meta/drafts/1.py",
        ),
        ({"drafts": [{"file": ".meta/drafts/9.py", "overlooks": 1}] * 3}, "9.py"),
        ({"drafts": [{"file": ".meta/drafts/1.py"}]}, "overlooks"),
    ],
)
def test_a_ladder_that_cannot_be_climbed_is_refused(
    kata: Path, change: dict[str, object], message: str
) -> None:
    path = kata / ".meta" / "ladder.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(LadderError, match=f"^apricot-rows: .*{message}"):
        read_ladder(kata)


def test_a_draft_that_is_the_reference_is_refused(kata: Path) -> None:
    shutil.copy(kata / ".meta" / "example.py", kata / ".meta" / "drafts" / "2.py")
    with pytest.raises(LadderError, match=r"2\.py is the same program as the reference"):
        read_ladder(kata)
