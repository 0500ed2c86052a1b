from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dgm.jobs.files import KEPT_BYTES, kept_files, packed_files, unpacked_files
from dgm.jobs.texts import REASON_CHARACTERS, clipped, one_line


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
