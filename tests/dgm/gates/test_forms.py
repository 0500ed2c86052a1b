"""Which changes leave an agent the same, and that nothing hostile is read for long."""

from __future__ import annotations

import ast
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgm.gates import form
from dgm.seeds import read_agent

SAME = {
    "comments": ("x = 1\n", "# why\nx = 1  # one\n\n# end"),
    "blank lines": ("x = 1\ny = 2\n", "x = 1\n\n\ny = 2"),
    "blanks between words": ("x = f(1, y)\n", "x=f( 1,y )\n"),
    "a broken line": ("x = f(1, y)\n", "x = f(\n    1,  # first\n    y,\n)\n"),
    "a continued line": ("x = 1 + 2\n", "x = 1 \\\n    + 2\n"),
    "depth of a block": ("if x:\n    y = 1\n    z = 2\n", "if x:\n  y = 1\n  z = 2\n"),
    "a last comma in a call": ("f(x)\n", "f(\n    x,\n)\n"),
    "a last comma in a list": ("x = [1]\n", "x = [\n    1,\n]\n"),
    "a last comma in a tuple of two": ("x = (1, 2)\n", "x = (\n    1,\n    2,\n)\n"),
    "a cookie that says what holds": ("x = 1\n", "# -*- coding: utf-8 -*-\nx = 1\n"),
    "a mark of the byte order": ("x = 'é'\n", "\ufeffx = 'é'\n"),
    "a comment that looks like a string": ("x = 1\n", "x = 1  # '''\n"),
}
OTHER = {
    "a docstring": ('def f():\n    """Do."""\n', 'def f():\n    """Do it."""\n'),
    "blanks in a string": ("x = 'a b'\n", "x = 'a  b'\n"),
    "a hash in a string": ("x = 'a # b'\n", "x = 'a # c'\n"),
    "a line of a long string": ('x = """a\n\nb"""\n', 'x = """a\nb"""\n'),
    "text that an f-string shows": ('f"{x=}"\n', 'f"{x = }"\n'),
    "a comment in an f-string's text": ('f"# {x}"\n', 'f"# {x} "\n'),
    "a line in or out of a block": ("if x:\n    y\n    z\n", "if x:\n    y\nz\n"),
    "a tuple of one": ("x = (1)\n", "x = (1,)\n"),
    "an index that is a tuple": ("x[1]\n", "x[1,]\n"),
    "a tuple of a lambda": ("x = (lambda a, b: a)\n", "x = (lambda a, b: a,)\n"),
    "a subject that is a tuple": ("match (x):\n    case 1: pass\n", "match (x,):\n    case 1: pass\n"),
    "a returned tuple": ("def f():\n    return (x)\n", "def f():\n    return (x,)\n"),
    "words or one word": ("not x\n", "notx\n"),
    "another encoding": ("x = 'a'\n", "# coding: latin-1\nx = 'a'\n"),
    "a carriage return that ends a comment": ("x = 1\n", "# a\rimport os\nx = 1\n"),
    "the program of a script": ("x = 1\n", "#!/bin/sh\nx = 1\n"),
    "a tab beside blanks": ("if x:\n    y\n", "if x:\n\ty\n"),
    "no Python at all": ("x = $1\n", "x = $1 # a\n"),
    "a nul": ("x = 1\n", "x = 1 # \0\n"),
}


def of(text: str, path: str = "a.py") -> str:
    return form({path: text.encode()})


@pytest.mark.parametrize("name", SAME)
def test_what_is_comment_or_layout_leaves_the_form(name: str) -> None:
    one, other = SAME[name]
    assert of(one) == of(other)


@pytest.mark.parametrize("name", OTHER)
def test_whatever_may_mean_something_is_another_form(name: str) -> None:
    one, other = OTHER[name]
    assert of(one) != of(other)


def test_only_files_of_known_languages_are_read() -> None:
    assert of("x = 1\n", "a.md") != of("x = 1 # a\n", "a.md")
    assert of("# Say\n", "prompt.md") != of("# Say\n\n", "prompt.md")
    assert of("a = 1 # b\n", "a.toml") == of("a  =  1\n", "a.toml") != of("a = 1.0\n", "a.toml")
    assert of('{"a": 1}', "a.json") == of('{\n "a":1}', "a.json") != of('{"a": 1.0}', "a.json")
    assert of('{"a": 1, "a": 2}', "a.json") != of('{"a": 2}', "a.json")
    assert of('{"a": 1, "b": 2}', "a.json") != of('{"b": 2, "a": 1}', "a.json")


def test_paths_count_and_no_file_can_pass_for_another() -> None:
    assert form({"a.py": b""}) != form({"b.py": b""}) != form({})
    assert form({"a.py": b"x"}) != form({"a.txt": b"x"})
    assert form({"a.py": b"", "b.py": b"x"}) != form({"a.py": b"x", "b.py": b""})


HOSTILE = {
    "brackets": "(" * 30_000 + ")" * 30_000,
    "signs": "x = " + "-" * 30_000 + "1",
    "names": "x" + ".x" * 8_000,
    "blocks": "".join(" " * depth + "if x:\n" for depth in range(600)),
    "sums": "x = " + "1+" * 30_000 + "1",
    "an open string": '"""' + "a\n" * 100_000,
    "an open bracket": "(\n" * 30_000,
    "f-strings in f-strings": 'f"{' * 10_000,
    "a number": "x = " + "9" * 120_000,
    "no encoding": "# coding: rot13\nx",
    "surrogates": "# coding: utf-16\nx",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("suffix", ["py", "toml", "json"])
def test_no_text_breaks_the_reader(name: str, suffix: str) -> None:
    assert len(of(HOSTILE[name], f"a.{suffix}")) == 32
    assert len(form({f"a.{suffix}": b"[" * 16_000})) == 32
    assert len(form({f"a.{suffix}": b"\xff\xfe" + HOSTILE[name].encode("utf-16-le")})) == 32


@given(st.binary(max_size=200), st.sampled_from(["py", "toml", "json", "md"]))
def test_any_bytes_have_a_form(content: bytes, suffix: str) -> None:
    assert form({f"a.{suffix}": content}) == form({f"a.{suffix}": bytes(content)})


def test_files_of_one_form_are_one_program() -> None:
    """Small changes anywhere in the seed's files: where the form stays, Python's own parser sees no difference."""
    draw, same = random.Random(5), 0
    for path, content in read_agent("seed").items():
        text = content.decode()
        for _ in range(60 if path.endswith(".py") and text else 0):
            at, width = draw.randrange(len(text)), draw.choice([0, 1, 2])
            changed = (
                text[:at] + draw.choice(["", " ", "\n", ",", "#", "    ", "\t", "\\\n"]) + text[at + width :]
            )
            if changed != text and of(changed) == of(text):
                same += 1
                assert ast.dump(ast.parse(changed)) == ast.dump(ast.parse(text)), (path, at)
    assert same > 20
