"""The form of an agent: what is left of its files without comments and layout, as a digest to look up.

Agents of one form do the same, so a child of a known form is a duplicate. Nothing is parsed into a tree and nothing is
run: Python is cut into tokens, in time and memory that grow with its length, whatever a hostile author nested in it.
What is not known to mean nothing is kept byte for byte: other files than those below, prompts above all; docstrings,
which may be prompts; whatever does not read as what its name says.

- Python: comments, blank lines, line breaks within a statement, blanks between words, how deep a block is indented, and
  the commas that formatters put at the end of a list of several. An f-string is kept as it is written, since `{x = }`
  shows its own text. Kept whole: encodings but UTF-8, carriage returns and form feeds, tabs that indent, `#!` lines.
- TOML: all but keys and values in their order. JSON: all but keys, in their order, and values as they are written.
"""

from __future__ import annotations

import hashlib
import io
import json
import keyword
import re
import tokenize
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

READ_BYTES = {".py": 128 << 10, ".toml": 16 << 10, ".json": 256 << 10}
"""Larger files are kept byte for byte; reading TOML takes time that grows with the square of its length."""

UNREADABLE = (SyntaxError, tokenize.TokenError, ValueError, RecursionError, MemoryError, OverflowError)
"""What says that a text is not of the language that its name promises."""

_WHOLE = re.compile(rb"[\r\f\v\0]|\A(?:\xef\xbb\xbf)?#!|^ *\t", re.MULTILINE)
_LAYOUT = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER})
_NAMELESS = frozenset({tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE})
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_NO_LIST = frozenset({"lambda", "for"})
"""A comma at the end may mean something beside these words."""


class Token(NamedTuple):
    kind: str
    text: str


def form(files: Mapping[str, bytes]) -> str:
    """The digest of the form of `files`: the first 128 bits of a SHA-256, as 32 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(b"%d %s\n%s\n" % (len(path.encode()), path.encode(), _form(path, files[path])))
    return digest.hexdigest()[:32]


def _form(path: str, content: bytes) -> bytes:
    """Of one file, with the language that it was read as."""
    suffix = PurePosixPath(path).suffix
    if len(content) > READ_BYTES.get(suffix, -1):
        return b"bytes " + hashlib.sha256(content).digest()
    return _read_form(suffix, content)


@lru_cache(maxsize=1024)  # most files of an agent are its parent's
def _read_form(suffix: str, content: bytes) -> bytes:
    try:
        return suffix.encode() + b" " + hashlib.sha256(_READ[suffix](content).encode()).digest()
    except UNREADABLE:
        return b"bytes " + hashlib.sha256(content).digest()


def _toml(content: bytes) -> str:
    return repr(tomllib.loads(content.decode()))


def _json(content: bytes) -> str:
    """Pairs as pairs, since a name may stand twice; numbers as written, since a reader may tell 1 from 1.0."""

    def number(text: str) -> tuple[str]:
        return (text,)

    return repr(
        json.loads(
            content.decode(),
            object_pairs_hook=lambda pairs: ("object", pairs),
            parse_int=number,
            parse_float=number,
            parse_constant=number,
        )
    )


def _python(content: bytes) -> str:
    """Raises one of UNREADABLE for what is kept whole."""
    if _WHOLE.search(content):
        raise ValueError("layout that may mean something")
    return "\0".join(part for token in _without_last_commas(_words(content)) for part in token)


def _words(content: bytes) -> list[Token]:
    """The tokens that mean something, an f-string as one word on every version of Python."""
    lines = content.decode("utf-8-sig").split("\n")
    found: list[Token] = []
    began: list[tuple[int, int]] = []
    for token in tokenize.tokenize(io.BytesIO(content).readline):
        kind = tokenize.tok_name[token.type]
        if token.type == tokenize.ENCODING and token.string not in ("utf-8", "utf-8-sig"):
            raise ValueError(f"written in {token.string}")
        if kind == "ERRORTOKEN":
            raise ValueError(f"no token of Python: {token.string!r}")
        if kind.endswith("STRING_START"):
            began.append(token.start)
        elif kind.endswith("STRING_END"):
            start = began.pop()
            if not began:
                found.append(Token("STRING", _between(lines, start, token.end)))
        elif not began and token.type not in _LAYOUT:
            found.append(Token(kind, "" if token.type in _NAMELESS else token.string))
    return found


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """The text from one place to another; rows count from 1."""
    part = lines[start[0] - 1 : end[0]]
    part[-1] = part[-1][: end[1]]
    part[0] = part[0][start[1] :]
    return "\n".join(part)


class _Bracket:
    """What stands between an open bracket and where the reading is."""

    def __init__(self, calls: bool) -> None:
        self.calls = calls
        self.commas = 0
        self.plain = True


def _without_last_commas(tokens: list[Token]) -> Iterator[Token]:
    """The tokens without the comma before a closing bracket, where it makes no tuple.

    With another comma before it, it never does; nor in the brackets of a call, a definition, a list, a set or a dict.
    """
    open_brackets: list[_Bracket] = []
    for place, token in enumerate(tokens):
        if token.text in _OPENING and token.kind == "OP":
            open_brackets.append(_Bracket(_takes_a_list(tokens, place)))
        elif token.text in _CLOSING and token.kind == "OP" and open_brackets:
            open_brackets.pop()
        elif open_brackets:
            bracket = open_brackets[-1]
            bracket.plain &= token.text not in _NO_LIST
            if token == ("OP", ","):
                bracket.commas += 1
                last = place + 1 < len(tokens) and tokens[place + 1].text in _CLOSING
                if last and bracket.plain and (bracket.calls or bracket.commas > 1):
                    continue
        yield token


def _takes_a_list(tokens: list[Token], place: int) -> bool:
    """Whether the bracket at `place` calls, defines or displays something, so that `(x,)` is `(x)` there."""
    bracket, before = tokens[place].text, tokens[place - 1] if place else Token("", "")
    follows = before.text in _CLOSING or (
        before.kind == "NAME"
        and not keyword.iskeyword(before.text)
        and not keyword.issoftkeyword(before.text)
    )
    if bracket == "(":
        return follows
    return bracket == "{" or not (follows or before.kind == "STRING" or keyword.issoftkeyword(before.text))


_READ: Mapping[str, Callable[[bytes], str]] = {".py": _python, ".toml": _toml, ".json": _json}
