"""What changed between two trees is shown within bounds, whatever the trees."""

from __future__ import annotations

import time

import pytest

from archive import bounded_patch
from archive.patches import COMPARISONS, CONTENT_BYTES, NAMED, comparisons


def test_a_small_change_is_shown_whole() -> None:
    before, after = (
        {"a": b"1\n2\n", "b": b"same\n", "gone": b"x\n"},
        {"a": b"1\n3\n", "b": b"same\n", "new": b"y"},
    )
    patch = bounded_patch(before, after)
    assert "@@ -1,2 +1,2 @@\n 1\n-2\n+3\n" in patch.text
    assert "deleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n" in patch.text
    assert patch.text.endswith("+y\n\\ No newline at end of file\n")
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

    began = time.process_time()
    bounded_patch(tree(ours), tree(theirs))
    assert time.process_time() - began < 60


@pytest.mark.parametrize(
    ("ours", "theirs"), [(20_000, 198), (198, 20_000), (2_000, 198), (1_990, 1_990), (198, 198)]
)
def test_lines_that_match_everywhere_and_never_for_long_are_not_compared_for_long(
    ours: int, theirs: int
) -> None:
    """Every second line occurs all over the other file, the ones between nowhere: each run found is one line long."""

    def content(mark: str, lines: int) -> bytes:
        return "".join(
            f"{i % (lines // 40 if lines > 1000 else 1)}\n{mark}{i}\n" for i in range(lines // 2)
        ).encode()

    files = range(40)
    began = time.process_time()
    bounded_patch({f"{n}": content("a", ours) for n in files}, {f"{n}": content("b", theirs) for n in files})
    assert time.process_time() - began < 60


def test_a_large_file_of_plain_code_is_still_shown() -> None:
    old = "".join(f"def f{i}():\n    return {i}\n\n\n" for i in range(500))
    new = old.replace("return 7\n", "return 8\n")
    lines = [line + "\n" for line in old.split("\n")[:-1]]
    assert comparisons(lines, lines) < COMPARISONS
    assert "-    return 7\n+    return 8\n" in bounded_patch({"f": old.encode()}, {"f": new.encode()}).text
