"""A kata as its author wrote it: rules, stub, reference, and the ladder of drafts between them.

A ladder goes from a naive attempt to the reference. Each draft is a whole solution that still overlooks one
numbered rule of the instructions; the next draft is the same solution with that rule kept, and after the last
draft comes the reference.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

KATAS: Final = Path(__file__).with_name("katas") / "exercises" / "python" / "exercises" / "practice"
"""Where our own katas lie."""


class LadderError(ValueError):
    """A kata's files do not say what a ladder needs; the message starts with the kata's name."""


class Band(StrEnum):
    """How hard a kata is meant to be."""

    EASY = "easy"
    MIDDLE = "middle"
    HARD = "hard"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A solution that does not keep rule number `overlooks` (counted from 1)."""

    file: str
    overlooks: int
    source: str


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """Everything about one kata but its tests; `drafts` are ordered from the naive one upwards."""

    slug: str
    band: Band
    title: str
    rules: tuple[str, ...]
    module: str
    stub: str
    reference: str
    drafts: tuple[Draft, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The functions and classes that the stub defines, in its order."""
        return tuple(node.name for node in definitions(self.stub))


def read_ladders(root: Path = KATAS) -> tuple[Ladder, ...]:
    """The ladders of all katas below `root`, ordered by slug."""
    return tuple(read_ladder(folder) for folder in sorted(root.iterdir()) if folder.is_dir())


def read_ladder(folder: Path) -> Ladder:
    """Read and validate the kata in `folder`."""
    slug = folder.name
    try:
        instructions = (folder / ".docs" / "instructions.md").read_text(encoding="utf-8")
        raw = json.loads((folder / ".meta" / "ladder.json").read_text(encoding="utf-8"))
        module = slug.replace("-", "_")
        ladder = Ladder(
            slug=slug,
            band=Band(raw["band"]),
            title=title(instructions),
            rules=rules(instructions),
            module=module,
            stub=(folder / f"{module}.py").read_text(encoding="utf-8"),
            reference=(folder / ".meta" / "example.py").read_text(encoding="utf-8"),
            drafts=tuple(_draft(folder, entry) for entry in raw["drafts"]),
        )
        _validate(ladder)
    except (KeyError, TypeError, ValueError, SyntaxError, OSError) as error:
        raise LadderError(f"{slug}: {type(error).__name__}: {error}") from error
    return ladder


def title(instructions: str) -> str:
    """The one top heading of an instruction text."""
    found = re.findall(r"^# (.+)$", instructions, flags=re.MULTILINE)
    if len(found) != 1:
        raise ValueError(f"expected one line `# Title` in the instructions, found {len(found)}")
    return str(found[0]).strip()


def rules(instructions: str) -> tuple[str, ...]:
    """The texts of the numbered rules, one line each, below the heading `## Rules`.

    The list ends with the section or with a blank line and a paragraph, such as an example.
    """
    section = re.search(r"^## Rules\n(.*?)(?=^#|\Z)", instructions, flags=re.MULTILINE | re.DOTALL)
    if section is None:
        raise ValueError("expected a section `## Rules` in the instructions")
    found: list[str] = []
    after_blank = False
    for line in map(str.rstrip, section[1].splitlines()):
        number = f"{len(found) + 1}. "
        if not line:
            after_blank = True
            continue
        if found and after_blank and not line[0].isdigit():
            break
        after_blank = False
        if not line.startswith(number):
            raise ValueError(f"expected a rule that starts with {number!r}, found {line!r}")
        found.append(line.removeprefix(number))
    if not 2 <= len(found) <= 5:
        raise ValueError(f"expected 2 to 5 rules, found {len(found)}")
    return tuple(found)


def definitions(source: str) -> tuple[ast.FunctionDef | ast.ClassDef, ...]:
    """The public functions and classes at the top level of `source`."""
    return tuple(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    )


def normalised(source: str) -> str:
    """The syntax tree of `source` as text, blind to layout, comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                    node.body = rest or [ast.Pass()]
    return ast.dump(tree)


def _draft(folder: Path, entry: dict[str, object]) -> Draft:
    file, overlooks = entry["file"], entry["overlooks"]
    if not isinstance(file, str) or not isinstance(overlooks, int):
        raise TypeError(f"expected a draft with a text `file` and a number `overlooks`, got {entry!r}")
    return Draft(file=file, overlooks=overlooks, source=(folder / file).read_text(encoding="utf-8"))


def _validate(ladder: Ladder) -> None:
    if len(ladder.drafts) < 3:
        raise ValueError(f"expected at least 3 drafts, found {len(ladder.drafts)}")
    if not ladder.names:
        raise ValueError("expected the stub to define a function or a class")
    seen = {normalised(ladder.stub): "the stub", normalised(ladder.reference): "the reference"}
    if len(seen) < 2:
        raise ValueError("the reference is the stub")
    for draft in ladder.drafts:
        if not 1 <= draft.overlooks <= len(ladder.rules):
            raise ValueError(
                f"{draft.file} overlooks rule {draft.overlooks}, expected 1 to {len(ladder.rules)}"
            )
        tree = normalised(draft.source)
        if tree in seen:
            raise ValueError(f"{draft.file} is the same program as {seen[tree]}")
        seen[tree] = draft.file
