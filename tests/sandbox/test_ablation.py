"""What is left of an answer in the ablation control: everything but what the stub and the tests name."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import TestSpec, Tier
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
