"""What evidence of several attempts teaches: signs that the failures have in common, and what a better agent does.

An attempt ends at a line `== outcome ==`, under which stands how it ended. How another agent's source differs is a
unified diff; only one that resolved the task is learnt from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_DIFF = re.compile(r"^--- (?:a/|/dev/null)[^\n]*\n\+\+\+ [^\n]*\n(?:[@ +\\-][^\n]*\n?)*", re.MULTILINE)
_ENDED = re.compile(r"^== outcome ==\n(\w+)(, another agent)?$", re.MULTILINE)
_NUMBER = re.compile(r"\d+")

Lines = Mapping[str, tuple[int, ...]]
"""A line without its numbers -> these."""


def without_diffs(text: str) -> str:
    """The text without what another agent's files hold."""
    return _DIFF.sub("", text)


def common(text: str, signs: Mapping[str, re.Pattern[str]]) -> frozenset[str]:
    """The signs that at least half of the agent's own failures show, and those that stand behind all attempts."""
    failures, begins = [], 0
    ends = list(_ENDED.finditer(text))
    for end in ends:
        if end.group(1) != "resolved" and not end.group(2):
            failures.append(text[begins : end.end()])
        begins = end.end()
    if len(ends) < 2:
        return _seen(text, signs)
    found = Counter(name for failure in failures for name in _seen(failure, signs))
    often = (name for name, count in found.items() if 2 * count >= len(failures))
    return _seen(text[begins:], signs).union(often)


def better_lines(texts: Iterable[str]) -> Lines:
    """The lines that an agent which resolved what this one failed has and this one has not."""
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        if any(end.group(1) == "resolved" and end.group(2) for end in _ENDED.finditer(text)):
            for diff in _DIFF.findall(text):
                added = (line[1:] for line in diff.split("\n") if line.startswith("+") and line[:3] != "+++")
                found.update(_plain(line) for line in added if line.strip())
    return found


def is_shown(before: str, after: str, lines: Lines) -> bool:
    """Whether an edit makes lines that the better agent has, their numbers changed in the direction of its own."""
    old = dict(_plain(line) for line in before.split("\n"))
    new = [_plain(line) for line in after.split("\n") if line.strip() and line not in before.split("\n")]
    return bool(new) and all(
        line in lines and _same_way(old.get(line, ()), numbers, lines[line]) for line, numbers in new
    )


def _same_way(old: Sequence[int], new: Sequence[int], shown: Sequence[int]) -> bool:
    return all((b - a) * (c - a) > 0 for a, b, c in zip(old, new, shown, strict=False) if a != b)


def _plain(line: str) -> tuple[str, tuple[int, ...]]:
    return _NUMBER.sub("0", line.strip()), tuple(int(number[:18]) for number in _NUMBER.findall(line))


def _seen(text: str, signs: Mapping[str, re.Pattern[str]]) -> frozenset[str]:
    return frozenset(name for name, pattern in signs.items() if pattern.search(text))
