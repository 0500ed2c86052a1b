"""What the stand-in knows by heart: each kata's title, signature, rules, and the ladder of its drafts."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

_PRACTICE = (
    Path(__file__).parents[3] / "benchmarks" / "katas" / "exercises" / "python" / "exercises" / "practice"
)
UNPARSEABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What parsing a text as Python may raise."""

_RULE = re.compile(r"^(\d+)\. (.+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Kata:
    """One kata. `ladder` runs from the worst draft to the reference; `overlooks[k]` is the rule that leads past
    rung k, and the reference, the last rung, overlooks none."""

    title: str
    module: str
    band: str
    rules: dict[int, str]
    stub: str
    visible_test: str
    ladder: tuple[str, ...]
    overlooks: tuple[int, ...]

    @property
    def top(self) -> int:
        return len(self.ladder) - 1

    @cached_property
    def signature(self) -> tuple[str, ...]:
        """The stub's lines that open a function or a class, whitespace made single."""
        return tuple(flat(line) for line in re.findall(r"^(?:def|class) \w+", self.stub, re.MULTILINE))

    @cached_property
    def visible_names(self) -> frozenset[str]:
        """The names of the visible test methods."""
        return frozenset(re.findall(r"^\s+def (test\w*)", self.visible_test, re.MULTILINE))

    @cached_property
    def rungs(self) -> dict[tuple[str, ...], int]:
        """Which rung a normalised syntax tree is; the stub is rung -1."""
        return {normal(self.stub): -1, **{normal(text): rung for rung, text in enumerate(self.ladder)}}

    def reach(self, rules: frozenset[int]) -> int:
        """The highest rung that can be thought of by someone who sees only these rules."""
        return next((k for k, rule in enumerate(self.overlooks) if rule not in rules), self.top)


def flat(text: str) -> str:
    """`text` with every run of white space made one blank."""
    return " ".join(text.split())


@lru_cache(maxsize=4096)
def normal(text: str) -> tuple[str, ...]:
    """The statements of `text` as syntax trees without docstrings, comments and layout; empty if it is no Python."""
    try:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
                value = body[0].value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    del body[0]
        return tuple(map(ast.dump, tree.body))
    except UNPARSEABLE:
        return ()


def _read(folder: Path) -> Kata:
    files = json.loads((folder / ".meta" / "config.json").read_text())["files"]
    ladder = json.loads((folder / ".meta" / "ladder.json").read_text())
    instruction = (folder / ".docs" / "instructions.md").read_text()
    drafts = [(folder / draft["file"]).read_text() for draft in ladder["drafts"]]
    return Kata(
        title=instruction.splitlines()[0].removeprefix("# ").strip(),
        module=Path(files["solution"][0]).stem,
        band=ladder["band"],
        rules={int(number): flat(rule) for number, rule in _RULE.findall(instruction)},
        stub=(folder / files["solution"][0]).read_text(),
        visible_test=(folder / files["editor"][0]).read_text(),
        ladder=(*drafts, (folder / files["example"][0]).read_text()),
        overlooks=tuple(draft["overlooks"] for draft in ladder["drafts"]),
    )


KATAS = {
    kata.title: kata
    for kata in map(_read, (rung.parents[1] for rung in sorted(_PRACTICE.glob("*/.meta/ladder.json"))))
}
"""Every kata by its title."""
