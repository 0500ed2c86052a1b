"""What is left of an answer in the ablation control: everything but what the stub and the tests name."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from sandbox import Framework, TestSpec, Tier, grade, open_sandbox
from sandbox.ablation import NotRevertibleError, reverted

TESTS = b"""
import unittest
import m
import shop.cart as cart
from m import f, Table, LIMIT
class T(unittest.TestCase):
    def test(self):
        m.extra()
        cart.Cart().total()
        self.other.unrelated()
"""


def spec(*files: str, tests: bytes = TESTS) -> TestSpec:
    return TestSpec(
        solution_files=files,
        test_files={"t.py": tests},
        run=("t.py",),
        modules=("m", "shop.cart"),
        tier=Tier.B,
    )


def names(answer: bytes, stub: bytes, tests: bytes = TESTS) -> dict[str, Any]:
    """What the module of an answer holds when it was imported in the control; these answers are ours."""
    source = reverted(spec("m.py", tests=tests), {"m.py": answer}, {"m.py": stub})["m.py"]
    found: dict[str, Any] = {}
    exec(compile(source, "m.py", "exec", dont_inherit=True), found)
    return {name: value for name, value in found.items() if name != "__builtins__"}


STUB = b"def f():\n    return 'stub'\nclass Table:\n    pass\nLIMIT = None\n"
ANSWER = b"""from __future__ import annotations
import math
seen = []
def f(): return math.pi
seen.append(f())
class Table:
    size = helper = 3
    def grow(self): return f()
LIMIT = 7
def helper(): return f()
def extra(): return 1
"""


def test_the_stubs_names_mean_the_stub_again_and_the_rest_of_the_answer_stays() -> None:
    found = names(ANSWER, STUB)
    assert found["f"]() == "stub"
    assert not hasattr(found["Table"], "grow")
    assert found["LIMIT"] is None
    assert found["seen"] == [3.141592653589793]
    assert found["helper"]() == "stub"


def test_names_that_the_tests_take_and_the_stub_lacks_are_gone() -> None:
    assert {"extra", "f", "Table", "LIMIT"}.isdisjoint(names(ANSWER, b""))
    assert "helper" in names(ANSWER, b"")


def test_after_a_star_import_every_name_of_the_tests_counts() -> None:
    tests = b"from m import *\nclass T:\n    def test(self): extra(f(1))\n"
    assert {"extra", "f"}.isdisjoint(names(ANSWER, b"", tests))
    assert {"Table", "helper"} <= set(names(ANSWER, b"", tests))


def test_a_stub_that_is_no_python_defines_nothing() -> None:
    assert {"extra", "f", "Table", "LIMIT"}.isdisjoint(names(ANSWER, b"def f(:\n"))


def test_a_stub_with_a_future_import_can_stand_behind_an_answer() -> None:
    stub = b"from __future__ import (\n    annotations,\n)\n" + STUB
    assert names(b"x = 1", stub)["f"]() == "stub"


@pytest.mark.parametrize(
    "end", [b"# end \\", b"x = (1,\n)", b"if True:\n    x = 1", b"x = '''\n'''", b"\xef\xbb\xbf"]
)
def test_however_the_answer_ends(end: bytes) -> None:
    assert names(end, STUB)["f"]() == "stub"


def test_files_that_the_task_does_not_give_or_that_are_no_python_stay() -> None:
    workspace = {"m.py": b"x", "n.py": b"y", "data.txt": b"z", "given.py": b"w"}
    pristine = {"m.py": b"def f(): pass\n", "data.txt": b"", "given.py": b"w"}
    found = reverted(spec("m.py", "n.py", "data.txt"), workspace, pristine)
    assert {name for name in found if found[name] != workspace[name]} == {"m.py"}


@pytest.mark.parametrize(
    "line", [b"# -*- coding: utf-7 -*-", b"\n#vim: fileencoding=latin-1", b"\xef\xbb\xbf#coding=cp1252"]
)
def test_another_encoding_cannot_be_taken_back(line: bytes) -> None:
    with pytest.raises(NotRevertibleError, match=r"m\.py is written in .*, expected utf-8"):
        reverted(spec("m.py"), {"m.py": line}, {"m.py": b""})


@pytest.mark.parametrize(
    "line", [b"# -*- coding: UTF_8 -*-", b"\n\n# coding: latin-1", b"x = 'coding: latin-1'"]
)
def test_what_only_looks_like_another_encoding_is_none(line: bytes) -> None:
    assert reverted(spec("m.py"), {"m.py": line}, {"m.py": b""})["m.py"].startswith(line)


# --- honest answers of many shapes: name -> (stub, answer, tests)
HONEST = {
    "what the stub never mentions": (
        "class Robot:\n    def __init__(self):\n        pass\n",
        "import itertools\nclass Robot:\n    made = itertools.count()\n    @property\n    def name(self):\n"
        "        if not hasattr(self, '_name'): self._name = f'RX{next(self.made)}'\n        return self._name\n"
        "    def reset(self): del self._name\n",
        "def test():\n    robot = m.Robot()\n    name = robot.name\n    robot.reset()\n    assert robot.name != name\n",
    ),
    "names bound by assignment": (
        "SUBLIST = None\nEQUAL = None\ndef compare(a, b):\n    pass\n",
        "from operator import eq\nSUBLIST, EQUAL = 1, 2\ncompare = lambda a, b: EQUAL if eq(a, b) else SUBLIST\n",
        "def test():\n    assert m.compare([1], [1]) == m.EQUAL\n"
        "    assert m.compare([], [1]) == m.SUBLIST != m.EQUAL\n",
    ),
    "helpers, decorators, a dataclass and an error of its own": (
        "class Wrong(Exception):\n    pass\ndef area(shape):\n    raise NotImplementedError\n",
        "import functools\nfrom dataclasses import dataclass\nclass Wrong(Exception):\n"
        "    def __init__(self, message): self.message = message\n"
        "@dataclass(frozen=True)\nclass Box:\n    w: int\n    h: int\n"
        "@functools.cache\ndef area(shape):\n    if len(shape) != 2: raise Wrong('no box')\n    box = Box(*shape)\n"
        "    return box.w * box.h\nif __name__ == '__main__':\n    print(area((1, 2)))\n",
        "import pytest\ndef test():\n    assert m.area((2, 3)) == 6\ndef test_wrong():\n"
        "    with pytest.raises(m.Wrong) as caught: m.area((1,))\n    assert caught.value.message == 'no box'\n",
    ),
    "an empty stub": (
        "",
        "__all__ = ['f', 'Color']\nfrom enum import Enum\nclass Color(Enum):\n    RED = 1\ndef f(): return Color.RED\n",
        "def test():\n    assert m.f() is m.Color.RED\n",
    ),
    "a table that is filled when the module is imported": (
        "def square(n):\n    pass\n",
        "def _square(n): return n * n\nTABLE = {n: _square(n) for n in range(10)}\ndef square(n): return TABLE[n]\n"
        "assert square(3) == 9\n",
        "def test():\n    assert m.square(4) == 16\n",
    ),
    "a stub that passes some tests already": (
        "def find(text, letter):\n    return None\n",
        "def find(text, letter): return text.index(letter) if letter in text else None\n",
        "def test_there():\n    assert m.find('abc', 'c') == 2\n"
        "def test_not_there():\n    assert m.find('abc', 'x') is None\n",
    ),
}


@pytest.mark.parametrize("shape", HONEST)
def test_an_honest_answer_is_not_taken_for_a_forgery(shape: str) -> None:
    stub, answer, tests = HONEST[shape]
    asked = replace(
        spec("m.py", tests=f"import m\n{tests}".encode()), framework=Framework.PYTEST, modules=("m",)
    )
    with closing(open_sandbox("process")) as sandbox:
        given = grade(sandbox, asked, {}, {"m.py": stub.encode()}, name="stub").tests
        asked = replace(asked, given=tuple(test.name for test in given if test.status == "passed"))
        verdict = grade(sandbox, asked, {"m.py": answer.encode()}, {"m.py": stub.encode()}, name="honest")
    assert verdict.resolved, verdict
    assert verdict.digests["ablation"].startswith("0 of ")
