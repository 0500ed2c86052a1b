"""What changed between two trees that nobody vouches for: a patch whose size and cost are bounded.

Comparing lines takes time that grows with the product of their numbers, so what is too large is named and not shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from archive import patch_between
from sandbox import Files

CONTENT_BYTES = 1 << 20
"""Bytes of all files, old and new, that are compared."""

LINE_PAIRS = 4_000_000
"""Sum over the files of old lines times new lines: about two seconds at worst."""

NAMED = 200
"""Files that are named without being shown."""


@dataclass(frozen=True, kw_only=True)
class Patch:
    """`text` is a unified diff. `size`, in bytes, counts it and, of files that are only named, all that they hold."""

    text: str
    size: int


def bounded_patch(before: Files, after: Files) -> Patch:
    """What leads from `before` to `after`, as far as it is small enough to be shown."""
    shown: list[str] = []
    named: list[str] = []
    content, pairs, hidden = CONTENT_BYTES, LINE_PAIRS, 0
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path, b""), after.get(path, b"")
        if before.get(path) == after.get(path):
            continue
        size, product = len(old) + len(new), old.count(b"\n") * new.count(b"\n")
        if size > content or product > pairs or not (_is_text(old) and _is_text(new)):
            named.append(f"Files a/{path} and b/{path} differ ({len(old)} and {len(new)} bytes)\n")
            hidden += size
            continue
        content, pairs = content - size, pairs - product
        shown.append(patch_between(_only(before, path), _only(after, path)))
    if len(named) > NAMED:
        named[NAMED:] = [f"{len(named) - NAMED} more files differ\n"]
    text = "".join((*shown, *named))
    return Patch(text=text, size=len(text.encode()) + hidden)


def _only(files: Files, path: str) -> Files:
    return {path: files[path]} if path in files else {}


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False
