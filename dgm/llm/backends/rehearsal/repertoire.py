"""The self-edits that the stand-in knows, read from the data files in `repertoire/`, and how one is applied."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from .draws import pick
from .facts import parseable
from .patterns import Found, Source, fill, find, parse
from .speak import narrow

BASE = {"helpful": 0.25, "neutral": 0.30, "harmful": 0.30, "slip": 0.15}
"""Weight of each kind, shared evenly by its edits that fit."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One piece of syntax that an edit starts from, and what it becomes.

    `find` is a pattern in Python, or with `line` a regular expression for a line of a prompt. `also` are patterns in
    the same top-level statement that bind further holes. `where` and `between` limit what holes may stand for;
    `scale` are magnitudes for the number `Q_n`, giving `Q_scaled`. `helper` is put before the top-level statement.
    """

    find: str = ""
    line: str = ""
    also: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    between: tuple[int, int] | None = None
    scale: tuple[float, ...] = ()
    rewrite: str = ""
    helper: str = ""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One self-edit. A slip is the edit `of` with its new text `spoiled` by (pattern, replacement)."""

    name: str
    kind: str
    cures: tuple[str, ...] = ()
    unless: str = ""
    ways: tuple[Way, ...] = ()
    of: str = ""
    spoil: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Change:
    """An edit as it would be made: in which file, from which lines to which."""

    edit: Edit
    path: str
    before: str
    after: str


def _way(table: Mapping[str, object]) -> Way:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return Way(**fields)


def _read(kind: str) -> list[Edit]:
    tables = tomllib.loads((Path(__file__).parent / "repertoire" / f"{kind}.toml").read_text())["edit"]
    return [
        Edit(
            name=table["name"],
            kind=kind,
            cures=tuple(table.get("cures", ())),
            unless=table.get("unless", ""),
            ways=tuple(_way(way) for way in table.get("way", ())),
            of=table.get("of", ""),
            spoil=tuple(table.get("spoil", ("", ""))),
        )
        for table in tables
    ]


EDITS = {edit.name: edit for kind in BASE for edit in _read(kind)}


def change(edit: Edit, files: Mapping[str, str], sample: bytes) -> Change | None:
    """The edit made to the first shown file that it fits, or None."""
    if edit.of:
        right = change(EDITS[edit.of], files, sample)
        after = right and re.sub(*edit.spoil, right.after, count=1, flags=re.MULTILINE)
        return (
            Change(edit, right.path, right.before, after)
            if right and after and after != right.after
            else None
        )
    if edit.unless and any(re.search(edit.unless, text) for text in files.values()):
        return None
    for way in edit.ways:
        for path, text in files.items():
            if (hunk := _made(way, path, text, edit.name, sample)) is not None:
                return Change(edit, path, *hunk)
    return None


def _made(way: Way, path: str, text: str, name: str, sample: bytes) -> tuple[str, str] | None:
    if way.line:
        line = None if path.endswith((".py", ".toml")) else re.search(way.line, text, re.MULTILINE)
        return (
            narrow(text, text[: line.start()] + line.expand(way.rewrite) + text[line.end() :])
            if line
            else None
        )
    source = _longest(text) if path.endswith(".py") else None
    for place in find(source, way.find, {}) if source else ():
        bindings = _bound(way, source, place) if source else None
        if source is None or bindings is None:
            continue
        if way.scale:
            scale = way.scale[pick(sample, len(way.scale), "scale", name)]
            bindings["Q_scaled"] = str(round(int(bindings["Q_n"]) * scale))
        after = text[: place.start] + fill(way.rewrite, bindings, place.column) + text[place.end :]
        if way.helper:
            at = source.span(place.within, place.within)[0]
            after = after[:at] + fill(way.helper, bindings, 0) + "\n\n\n" + after[at:]
        return narrow(text, after)
    return None


def _bound(way: Way, source: Source, place: Found) -> dict[str, str] | None:
    """What every hole of a way stands for at a place, or None if it does not fit there."""
    candidates = [dict(place.bindings)]
    for pattern in way.also:
        candidates = [
            dict(further.bindings)
            for known in candidates
            for further in find(source, pattern, known, place.within)
        ]
    for bindings in candidates:
        if not all(re.search(pattern, bindings.get(hole, "")) for hole, pattern in way.where.items()):
            continue
        number = bindings.get("Q_n", "")
        if way.between is None or (
            re.fullmatch(r"\d[\d_]*", number) and way.between[0] <= int(number) <= way.between[1]
        ):
            return bindings
    return None


@lru_cache(maxsize=512)
def _longest(text: str) -> Source | None:
    """The longest beginning of `text` that parses: a file may have been shown only in part."""
    lines = text.split("\n")
    return parse("\n".join(lines[: parseable(lines)]))
