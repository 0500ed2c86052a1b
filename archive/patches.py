"""Unified diffs between two trees of files, in the form that `git apply` and `patch -p1` read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import unified_diff


def patch_between(a: Mapping[str, bytes], b: Mapping[str, bytes]) -> str:
    """What leads from the files `a` to the files `b`. A changed binary file is named, its content left
    out."""
    return "".join(
        text
        for path in sorted(a.keys() | b.keys())
        if a.get(path) != b.get(path)
        for text in _file_patch(path, a.get(path), b.get(path))
    )


def _file_patch(path: str, old: bytes | None, new: bytes | None) -> Iterator[str]:
    yield f"diff --git a/{path} b/{path}\n"
    if old is None:
        yield "new file mode 100644\n"
    if new is None:
        yield "deleted file mode 100644\n"
    before, after = _lines(old), _lines(new)
    name_a = "/dev/null" if old is None else f"a/{path}"
    name_b = "/dev/null" if new is None else f"b/{path}"
    if before is None or after is None:
        yield f"Binary files {name_a} and {name_b} differ\n"
        return
    for line in unified_diff(before, after, name_a, name_b):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(content: bytes | None) -> list[str] | None:
    """The lines with their ends, or None for a binary file. Only a newline ends a line, as in git."""
    if content is None:
        return []
    if b"\0" in content:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return re.findall(r"[^\n]*\n|[^\n]+", text)
