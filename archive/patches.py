"""What changed between two trees that nobody vouches for: a unified diff whose size and cost are bounded.

Small text files are shown in the form that `git apply` and `patch -p1` read; whatever is binary, or would take long to
compare or much room to show, is only named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff

CONTENT_BYTES = 1 << 20
"""Bytes of all files that are shown, old and new, names included."""

COMPARISONS = 50_000_000
"""Steps that comparing lines may take at worst, over all files: about two seconds."""

NAMED = 200
"""Files that are named without being shown."""

_POPULAR = (
    200  # lines of a new file; `difflib` then leaves out those that make up more than a hundredth of it
)


@dataclass(frozen=True, kw_only=True)
class Patch:
    """`text` is a unified diff. `size`, in bytes, counts it and, of files that are only named, all that they hold."""

    text: str
    size: int


def bounded_patch(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Patch:
    """What leads from `before` to `after`, as far as it is small enough to be shown."""
    shown: list[str] = []
    named: list[str] = []
    content, steps, hidden = CONTENT_BYTES, COMPARISONS, 0
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        sizes = len(old or b""), len(new or b"")
        room = sum(sizes) + 6 * len(path.encode())  # a header names the file four times
        a, b = (_lines(old), _lines(new)) if room <= content else (None, None)
        needed = COMPARISONS + 1 if a is None or b is None else comparisons(a, b)
        if a is None or b is None or needed > steps:
            named.append(f"Files a/{path} and b/{path} differ ({sizes[0]} and {sizes[1]} bytes)\n")
            hidden += sum(sizes)
            continue
        content, steps = content - room, steps - needed
        header = _header(path, is_new=old is None, is_gone=new is None)
        shown.append("".join((*header, *_hunks(path, old is None, new is None, a, b))))
    if len(named) > NAMED:
        named[NAMED:] = [f"{len(named) - NAMED} more files differ\n"]
    text = "".join((*shown, *named))
    return Patch(text=text, size=len(text.encode()) + hidden)


def comparisons(a: Sequence[str], b: Sequence[str]) -> int:
    """Steps that `difflib` takes at most: it looks at all pairs of equal lines again for each run that it finds."""
    theirs = Counter(b)
    if len(b) >= _POPULAR:
        most = len(b) // 100 + 1
        theirs = Counter({line: count for line, count in theirs.items() if count <= most})
    ours = Counter(line for line in a if line in theirs)
    pairs = sum(count * theirs[line] for line, count in ours.items())
    runs = min(ours.total(), sum(theirs[line] for line in ours))
    return len(b) + (len(a) + pairs) * (2 * runs + 1)


def _header(path: str, *, is_new: bool, is_gone: bool) -> Iterator[str]:
    yield f"diff --git a/{path} b/{path}\n"
    if is_new:
        yield "new file mode 100644\n"
    if is_gone:
        yield "deleted file mode 100644\n"


def _hunks(path: str, is_new: bool, is_gone: bool, a: Sequence[str], b: Sequence[str]) -> Iterator[str]:
    name_a = "/dev/null" if is_new else f"a/{path}"
    name_b = "/dev/null" if is_gone else f"b/{path}"
    for line in unified_diff(a, b, name_a, name_b):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(content: bytes | None) -> list[str] | None:
    """The lines with their ends, or None for a binary file. Only a newline ends a line, as in git."""
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else re.findall(r"[^\n]*\n|[^\n]+", text)
