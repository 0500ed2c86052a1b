from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import patch_between
from dgm.jobs.files import KEPT_BYTES, kept_files, packed_files, unpacked_files
from dgm.jobs.patches import CONTENT_BYTES, NAMED, bounded_patch
from dgm.jobs.texts import REASON_CHARACTERS, clipped, one_line


def test_a_small_change_is_shown_whole() -> None:
    before, after = (
        {"a": b"1\n2\n", "b": b"same\n", "gone": b"x\n"},
        {"a": b"1\n3\n", "b": b"same\n", "new": b"y"},
    )
    patch = bounded_patch(before, after)
    assert patch.text == patch_between(before, after)
    assert patch.size == len(patch.text.encode())


@pytest.mark.parametrize("content", [b"\0binary", b"\xff\xfe not utf-8", b"x" * (CONTENT_BYTES + 1)])
def test_what_cannot_be_shown_is_named_and_counted(content: bytes) -> None:
    patch = bounded_patch({}, {"f": content, "g": b"text\n"})
    assert f"Files a/f and b/f differ (0 and {len(content)} bytes)" in patch.text
    assert "+text" in patch.text
    assert patch.size >= len(content)
    assert len(patch.text) < 300


def test_many_files_are_not_all_named() -> None:
    patch = bounded_patch({}, {f"f{n}": b"\0" for n in range(NAMED + 7)})
    assert patch.text.endswith("7 more files differ\n")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(b"a%d\nx%d\n", b"b%d\nx%d\n"), (b"x%d\n%d\n", b"%d\nx%d\n"), (b"\n%d\n%d", b"%d\n\n%d")],
)
def test_no_pair_of_trees_takes_long(ours: bytes, theirs: bytes) -> None:
    def tree(line: bytes) -> dict[str, bytes]:
        return {
            f"{lines}-{n}": b"".join(line % (i % 50, i) for i in range(lines))
            for lines in (100, 900, 1900, 30_000)
            for n in range(40)
        }

    began = time.monotonic()
    bounded_patch(tree(ours), tree(theirs))
    assert time.monotonic() - began < 6


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.binary(max_size=50)))
def test_a_packed_tree_comes_back(files: dict[str, bytes]) -> None:
    try:
        packed = packed_files(files)
    except UnicodeEncodeError:
        return  # no box gives such a name out
    assert unpacked_files(packed) == files
    assert packed_files(dict(reversed(files.items()))) == packed


def test_of_a_large_answer_the_solution_and_the_small_files_are_kept() -> None:
    answer = {
        "junk": b"x" * KEPT_BYTES,
        "s.py": b"y" * (KEPT_BYTES // 2),
        "given": b"g" * 1000,
        "small": b"z",
    }
    kept = kept_files(answer, first=("s.py",), given=("given", "s.py"))
    assert kept == {name: content for name, content in answer.items() if name != "junk"}


def test_many_tiny_files_count_by_their_names() -> None:
    answer = {f"{n:0200}": b"" for n in range(10_000)}
    assert len(kept_files(answer, first=(), given=())) == KEPT_BYTES // 200


def test_texts_are_cut_in_the_middle() -> None:
    assert clipped(b"abc", 3) == b"abc"
    assert clipped(b"abcdefgh", 4) == b"ab\n[4 bytes left out]\ngh"


def test_a_reason_is_one_printable_line() -> None:
    assert one_line("a\n b\x1b[31m \u202e\ud800 c") == "a b?[31m ?? c"
    assert len(one_line("x" * 10_000)) == REASON_CHARACTERS
