"""What a conversation about improving an agent shows: the agent's files, and signs of what went wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from .lessons import common, without_diffs

IMPROVING = re.compile(
    r"\bimprove (?:this|the|your|its) (?:own )?(?:coding )?(?:agent|code|source)|\bimprove (?:yourself|itself)",
    re.I,
)
SIGNS = {
    name: re.compile(pattern, re.MULTILINE)
    for name, pattern in tomllib.loads(
        (Path(__file__).parent / "repertoire" / "signs.toml").read_text()
    ).items()
}

_HEADER = re.compile(
    r"^(?:[=*\-]{2,}>?|#{2,}|<file\b[^>]*?[\"' ]|File:|\[)"  # how a line with a file's name begins
    r" *`?([\w./-]+\.[a-z]+)`?[\"']?(?: \([^)]*\))? *"
    r"(?:<?[=*\-]{2,}|>|\])?:?$"  # and how it ends
)
_LONGEST = 1000  # characters of a line that may be one of these
_NOTE = re.compile(r"^\[[^\]]*\b(?:cut|truncated|omitted|more lines?)\b[^\]]*\]$|^</file>$")
_EVIDENCE = re.compile(r"^(?:\./)?(?:rollouts?|evidence)\b|(?:transcript|visible_tests|answer|brief)\.\w+$")


@lru_cache(maxsize=256)
def split(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """The agent's files as (path, shown text), and everything else."""
    files: list[tuple[str, str]] = []
    rest: list[str] = []
    for path, lines in _sections(without_diffs(text)):
        if path is None or _EVIDENCE.search(path):
            rest += lines
        elif lines:
            files.append((path.removeprefix("./"), "\n".join(lines) + "\n"))
    return tuple(files), "\n".join(rest)


def _sections(text: str) -> Iterator[tuple[str | None, Sequence[str]]]:
    path: str | None = None
    fenced = False
    lines: list[str] = []
    for line in text.split("\n"):
        header = _HEADER.match(line) if len(line) <= _LONGEST else None
        ends = (len(line) <= _LONGEST and _NOTE.match(line)) or (fenced and line.startswith("```"))
        if header or (path is not None and ends):
            yield path, lines
            path, lines = (header.group(1) if header else None), []
            fenced = False
            if not header and not line.startswith("```"):
                lines.append(line)
        elif path is not None and not lines and line.startswith("```"):
            fenced = True
        else:
            lines.append(line)
    yield path, lines


def agent_files(messages: Sequence[str]) -> Mapping[str, str]:
    """The newest shown text of each of the agent's files, by path, in the order of the paths."""
    files: dict[str, str] = {}
    for text in messages:
        files.update(split(text)[0])
    return dict(sorted(files.items()))


def signs(messages: Sequence[str]) -> frozenset[str]:
    """Which signs of trouble stand in what was shown outside the agent's files."""
    rest = "\n".join(split(text)[1] for text in messages).replace("\\n", "\n")
    return common(rest, SIGNS)
