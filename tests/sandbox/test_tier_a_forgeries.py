"""Solutions that try to move the trusted side of tier A by what they return, raise, keep or call back.

Each test is one that a careful author might write, passes for an honest solution, and must not pass for the lie. The
boxes are bare processes: what is tried here is the channel; the walls between the processes are tried elsewhere.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sandbox import Sandbox, Status, TestSpec, Verdict, grade, open_sandbox


@dataclass(frozen=True, kw_only=True)
class Case:
    """`test` is the body of a `TestCase`; `head` stands before it in the file."""

    test: str
    honest: str
    lie: str
    head: str = "import m"


SKIPPED_ASSERTIONS = """
def test(self):
    with m.Resource(3) as resource:
        {line}
        self.assertEqual(resource.double(), 6)
"""
RESOURCE = """
class Resource:
    def __init__(self, n): self.n = n
    def __enter__(self): return self
    def __exit__(self, kind, error, trace): return {exit}
    def double(self): {double}
"""
HONEST_RESOURCE = RESOURCE.format(exit="False", double="return 2 * self.n")

CASES = {
    "a context manager that swallows a failed assertion": Case(
        test=SKIPPED_ASSERTIONS.format(line="pass"),
        honest=HONEST_RESOURCE,
        lie=RESOURCE.format(exit="True", double="return 0"),
    ),
    "a context manager that swallows its own error before the assertion": Case(
        test=SKIPPED_ASSERTIONS.format(line="resource.double()"),
        honest=HONEST_RESOURCE,
        lie=RESOURCE.format(exit="True", double="raise ValueError"),
    ),
    "a context manager that makes the test err and swallows that": Case(
        test=SKIPPED_ASSERTIONS.format(line="resource.double() + 1"),
        honest=HONEST_RESOURCE,
        lie=RESOURCE.format(exit="True", double="return ''"),
    ),
    "a context manager made by a generator": Case(
        test="def test(self):\n    with m.opened() as n:\n        self.assertEqual(n, 3)",
        honest="import contextlib\n@contextlib.contextmanager\ndef opened(): yield 3",
        lie="""
        import contextlib
        @contextlib.contextmanager
        def opened():
            try: yield 0
            except BaseException: pass
        """,
    ),
    "a call that swallows the assertions of its callback": Case(
        test="""
        def test(self):
            seen = []
            def check(n):
                seen.append(n)
                self.assertIn(n, (1, 2))
            m.each([1, 2], check)
            self.assertEqual(len(seen), 2)
        """,
        honest="def each(values, f):\n    for value in values: f(value)",
        lie="""
        def each(values, f):
            for value in values:
                try: f(-value)
                except BaseException: pass
        """,
    ),
    "a loop that swallows the assertions of the iterator that it reads": Case(
        test="""
        def test(self):
            def source():
                got = m.start(5)
                self.assertEqual(got, 6)
                yield got
            m.drain(source())
        """,
        honest="def start(n): return n + 1\ndef drain(source):\n    for _ in source: pass",
        lie="""
        def start(n): return 0
        def drain(source):
            try:
                for _ in source: pass
            except BaseException: pass
        """,
    ),
    "names that take the place of the test's own": Case(
        head="import math\nfrom m import *",
        test="def test(self):\n    self.assertTrue(math.isclose(half(3), 1.5))",
        honest="def half(n): return n / 2",
        lie="""
        def half(n): return 0
        class math:
            def isclose(*args): return True
        """,
    ),
    "names that take the place of built-in ones": Case(
        head="from m import *",
        test="def test(self):\n    for n, half_n in zip([2, 4], [1, 2]): self.assertEqual(half(n), half_n)",
        honest="def half(n): return n // 2",
        lie="""
        __all__ = ["half", "zip", "__builtins__", "__build_class__", "setUpModule"]
        def half(n): return 0
        def zip(*args): return []
        def setUpModule(): pass
        """,
    ),
    "a map that ends early before any test began": Case(
        head="import m\nclass Base(unittest.TestCase):\n"
        "    @classmethod\n    def setUpClass(cls): cls.got = list(map(m.half, [2, 4]))",
        test="def test(self):\n    for n, got in zip([1, 2], self.got): self.assertEqual(got, n)",
        honest="def half(n): return n // 2",
        lie="def half(n): raise StopIteration",
    ),
    "a difference to a value that has no length": Case(
        head="import m\nfrom m import Bag",
        test="def test(self):\n    self.assertFalse({1, 2} - set(m.bag()))\n    self.assertFalse([1, 2] - m.bag())",
        honest="",
        lie="""
        class Bag:
            def __rsub__(self, other): return Bag()
            def __len__(self): return 0
            def __iter__(self): return iter([1, 2])
        def bag(): return Bag()
        """,
    ),
    "an object of a known class that holds everything": Case(
        head="from m import Bag, tags",
        test="def test(self):\n    self.assertTrue(Bag)\n    self.assertIn('red', tags('rgb'))",
        honest="class Bag: pass\ndef tags(text): return ['red'] if 'r' in text else []",
        lie="class Bag:\n    def __contains__(self, item): return True\ndef tags(text): return Bag()",
    ),
    "an answer that is a text only to itself": Case(
        test="def test(self):\n    self.assertEqual(m.name(), 'Ada')\n    self.assertIn('d', m.name())\n"
        "    self.assertTrue(m.name().startswith('A'))\n    self.assertRegex(m.name(), '^A.a$')",
        honest="def name(): return 'Ada'",
        lie="""
        class Text(str):
            def yes(self, *args): return True
            __eq__ = __contains__ = startswith = yes
            __hash__ = str.__hash__
            def __getitem__(self, i): return 'Ada'[i]
        def name(): return Text('x')
        """,
    ),
    "a number out of a descriptor that lies about its class": Case(
        test="def test(self):\n    self.assertEqual(m.Point(1).x, 1)\n    self.assertAlmostEqual(m.Point(1).x, 1.0)",
        honest="class Point:\n    def __init__(self, x): self.x = x",
        lie="""
        class One:
            __class__ = property(lambda self: int)
            def same(self, *args): return self
            def yes(self, *args): return True
            __eq__ = __lt__ = __le__ = __bool__ = yes
            __sub__ = __rsub__ = __abs__ = __round__ = same
            def __float__(self): return 1.0
            __hash__ = None
        class Point:
            def __init__(self, x): pass
            x = property(lambda self: One())
        """,
    ),
    "keys that are equal to every key": Case(
        test="def test(self):\n    self.assertEqual(m.count('ab'), {'a': 1, 'b': 1})\n"
        "    self.assertEqual(m.count('a')['a'], 1)",
        honest="def count(text): return {c: text.count(c) for c in text}",
        lie="""
        class Key(str):
            def __eq__(self, other): return True
            def __hash__(self): return hash('a')
        def count(text): return {Key('x'): 1, Key('y'): 1}
        """,
    ),
    "an error that becomes whatever is asked for": Case(
        test="""
        def test(self):
            with self.assertRaises(m.Refused) as caught: m.check(-1)
            self.assertEqual(caught.exception.code, 7)
            self.assertEqual(caught.exception.args, ("no", 7))
            self.assertIsInstance(caught.exception.__cause__, KeyError)
        """,
        honest="""
        class Refused(Exception):
            code = 7
        def check(n): raise Refused("no", 7) from KeyError()
        """,
        lie="""
        class Yes:
            def __eq__(self, other): return True
            __hash__ = None
        class Refused(Exception):
            code = Yes()
            args = (Yes(), Yes())
            __cause__ = __context__ = Yes()
            __class__ = KeyError
        def check(n): raise Refused()
        """,
    ),
    "a generator that answers to whatever is sent": Case(
        test="""
        def test(self):
            mean = m.mean()
            next(mean)
            self.assertEqual([mean.send(2), mean.send(4)], [2.0, 3.0])
            with self.assertRaises(ValueError): mean.throw(ValueError("end"))
            with self.assertRaises(StopIteration): next(mean)
        """,
        honest="""
        def mean():
            total = n = 0
            got = yield
            while True:
                total += got; n += 1
                got = yield total / n
        """,
        lie="""
        class Mean:
            def __next__(self): raise StopIteration
            def send(self, n): raise StopIteration
            def throw(self, error): raise error
        def mean(): return Mean()
        """,
    ),
    "a not-a-number and a wrong zero": Case(
        test="def test(self):\n    self.assertEqual(m.f(0), 0)\n    self.assertFalse(m.f(0) != m.f(0))\n"
        "    self.assertLess(abs(m.f(0) - 0.0), 1e-9)\n    self.assertEqual(str(m.f(0)), '0.0')",
        honest="def f(n): return 0.0",
        lie="def f(n): return float('nan') if n else -0.0",
    ),
    "a truth that is told apart": Case(
        test="def test(self):\n    self.assertIs(m.even(2), True)\n    self.assertIs(type(m.even(2)), bool)",
        honest="def even(n): return n % 2 == 0",
        lie="class bool(int): pass\ndef even(n): return bool(1)",
    ),
    "a decimal that was told to be careless": Case(
        test="def test(self):\n    from decimal import Decimal\n    self.assertEqual(m.third() * 3, Decimal('0.9999'))",
        honest="from decimal import *\ngetcontext().prec = 4\ndef third(): return Decimal(1) / 3",
        lie="""
        import decimal
        decimal.setcontext(decimal.Context(prec=1, rounding=decimal.ROUND_UP, traps=[]))
        class Third(decimal.Decimal):
            def __eq__(self, other): return True
            def __mul__(self, other): return self
            __hash__ = None
        def third(): return Third('sNaN')
        """,
    ),
    "a number with more digits than are read": Case(
        test="def test(self):\n    self.assertEqual(m.power(2, 20000) % 1000, 376)",
        honest="def power(a, b): return a ** b",
        lie="class Huge(int):\n    def __mod__(self, n): return 376\ndef power(a, b): return Huge(10 ** 6000)",
    ),
    "a thread that goes on after its test": Case(
        test="""
        def test_a(self):
            self.log = []
            m.collect([1, 2], self.log.append)
            self.assertEqual(self.log, [1, 2])
        def test_b(self):
            log = []
            m.collect([3], log.append)
            self.assertEqual((log, m.last()), ([3], 3))
        """,
        honest="""
        seen = []
        def collect(values, f):
            for value in values: seen.append(value); f(value)
        def last(): return seen[-1]
        """,
        lie="""
        import threading
        kept = []
        def work():
            while True:
                for f in kept:
                    try: f(3)
                    except BaseException: pass
        def collect(values, f):
            kept.append(f)
            if len(kept) == 1: threading.Thread(target=work, daemon=True).start()
        def last(): return 3
        """,
    ),
    "calls within calls without end": Case(
        test="""
        def test(self):
            depth = []
            def again(n):
                depth.append(n)
                return m.down(n - 1, again) if n else 0
            self.assertEqual((m.down(3, again), depth), (0, [3, 2, 1, 0]))
        """,
        honest="def down(n, f): return f(n)",
        lie="""
        def down(n, f):
            try: f(n + 2)
            except BaseException: return 0
        """,
    ),
    "answers before they are asked for": Case(
        test="def test(self):\n    self.assertEqual([m.f(n) for n in range(3)], [0, 1, 4])",
        honest="def f(n): return n * n",
        lie="""
        import gc, sys
        def f(n):
            frame = sys._getframe()
            while frame and not hasattr(frame.f_locals.get("self"), "channel"): frame = frame.f_back
            peer = frame.f_locals["self"]
            for number in range(peer._served, peer._served + 9):
                for answer in (0, 1, 4): peer.channel.send([peer.nonce, number, "ok", answer])
            return 0
        """,
    ),
    "a pickle and a copy with a life of their own": Case(
        test="""
        def test(self):
            import copy
            box = m.Box([1])
            twin = copy.deepcopy(box)
            twin.items.append(2)
            self.assertEqual((box.size(), copy.copy(box).size()), (1, 1))
            self.assertEqual(type(twin).__name__, "Box")
        """,
        honest="""
        class Box:
            def __init__(self, items): self.items = items
            def size(self): return len(self.items)
        """,
        lie="""
        class Yes(tuple):
            def __eq__(self, other): return True
        class Box:
            def __init__(self, items): self.items = [0]
            def __deepcopy__(self, memo): return Yes()
            def __reduce_ex__(self, n): return (exit, ())
            def __copy__(self): return self
            def size(self): return Yes()
        """,
    ),
    "a context manager that turns a failed assertion into the expected error": Case(
        test="""
        def test(self):
            with self.assertRaises(ValueError):
                with m.Change() as n:
                    self.assertEqual(n, 3)
                    raise ValueError
        """,
        honest="class Change:\n    def __enter__(self): return 3\n    def __exit__(self, *error): return False",
        lie="class Change:\n    def __enter__(self): return 0\n    def __exit__(self, *error): raise ValueError",
    ),
    "a look that turns a failed assertion into the expected error": Case(
        test="""
        def test(self):
            with self.assertRaises(ValueError):
                self.assertEqual(m.f(), 3)
                raise ValueError
        """,
        honest="def f(): return 3",
        lie="class X:\n    def __repr__(self): raise ValueError\ndef f(): return X()",
    ),
    "numbers that sort themselves": Case(
        test="def test(self):\n    self.assertEqual(sorted(m.f()), [1, 2, 3])\n    self.assertEqual(max(m.f()), 3)",
        honest="def f(): return [3, 1, 2]",
        lie="""
        class X(int):
            def yes(self, other): return True
            __lt__ = __gt__ = __eq__ = yes
            __hash__ = int.__hash__
        def f(): return [X(0)] * 3
        """,
    ),
    "a number with another face": Case(
        test="def test(self):\n    self.assertEqual(f'{m.f():>4}', '   3')\n    self.assertEqual('%d' % m.f(), '3')\n"
        "    self.assertEqual(m.f() + 1, 4)",
        honest="def f(): return 3",
        lie="""
        class X(int):
            def three(self): return 3
            __int__ = __index__ = three
            def __format__(self, spec): return '   3'
            def __str__(self): return '3'
            def __add__(self, other): return 4
        def f(): return X(0)
        """,
    ),
    "a key that opens every table": Case(
        test="def test(self):\n    self.assertEqual({1: 'a'}[m.f()], 'a')\n    self.assertIn(m.f(), {1, 2})",
        honest="def f(): return 1",
        lie="""
        class X:
            def __eq__(self, other): return True
            def __hash__(self): return hash(1)
        def f(): return X()
        """,
    ),
    "a nothing that is something": Case(
        test="def test(self):\n    self.assertIsNone(m.f())\n    self.assertFalse(m.f())",
        honest="def f(): return None",
        lie="""
        class X:
            __class__ = type(None)
            def __bool__(self): return False
            def __eq__(self, other): return other is None
        def f(): return X()
        """,
    ),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = open_sandbox("process")
    yield sandbox
    sandbox.close()


def graded(sandbox: Sandbox, case: Case, solution: str) -> Verdict:
    base = "Base" if "class Base" in case.head else "unittest.TestCase"
    body = textwrap.indent(textwrap.dedent(case.test), "    ")
    source = f"import unittest\n{case.head}\n\nclass T({base}):\n{body}"
    spec = TestSpec(
        solution_files=("m.py",),
        test_files={"m_test.py": source.encode()},
        run=("m_test.py",),
        modules=("m",),
    )
    return grade(sandbox, spec, {"m.py": textwrap.dedent(solution).encode()}, {"m.py": b""}, name="forgery")


@pytest.mark.parametrize("case", [name for name in CASES if CASES[name].honest])
def test_an_honest_solution_passes(sandbox: Sandbox, case: str) -> None:
    verdict = graded(sandbox, CASES[case], CASES[case].honest)
    assert verdict.resolved, verdict


@pytest.mark.parametrize("case", CASES)
def test_a_lie_does_not(sandbox: Sandbox, case: str) -> None:
    verdict = graded(sandbox, CASES[case], CASES[case].lie)
    assert not verdict.resolved, verdict
    assert not verdict.timed_out, verdict
    assert any(test.status is not Status.PASSED for test in verdict.tests), verdict


# --- the rules, one by one


def resolved(sandbox: Sandbox, test: str, solution: str, head: str = "import m") -> None:
    verdict = graded(sandbox, Case(test=test, honest="", lie="", head=head), solution)
    assert verdict.resolved, [test.detail for test in verdict.tests]


def error_of(sandbox: Sandbox, test: str, solution: str) -> str:
    verdict = graded(sandbox, Case(test=test, honest="", lie=""), solution)
    (only,) = verdict.tests
    assert (verdict.resolved, only.status) == (False, Status.ERROR), verdict
    return only.detail


def test_a_handle_is_compared_to_a_handle_of_its_class_only_and_only_then_the_solution_is_asked(
    sandbox: Sandbox,
) -> None:
    solution = """
    asked = []
    class One:
        def __eq__(self, other): asked.append(type(other).__name__); return True
        __lt__ = __le__ = __gt__ = __ge__ = __eq__
        __hash__ = None
    class Other(One): pass
    """
    test = """
    def test(self):
        import operator
        for value in (0, 1.0, "x", None, True, [], {}, (), object, len):
            for pair in ((m.One(), value), (value, m.One()), (m.One(), m.Other()), (m.Other(), m.One())):
                self.assertIs(pair[0] == pair[1], False)
                self.assertIs(pair[0] != pair[1], True)
                for compare in (operator.lt, operator.le, operator.gt, operator.ge):
                    with self.assertRaises(TypeError): compare(*pair)
        self.assertEqual(m.asked, [])
        self.assertTrue(m.One() == m.One() and m.One() < m.One())
        self.assertEqual(m.asked, ["One", "One"])
    """
    resolved(sandbox, test, solution)


def test_exception_classes_that_a_test_imports_are_local_classes_of_that_name(sandbox: Sandbox) -> None:
    solution = "class Refused(ValueError): pass\nclass Late(Refused): pass\ndef f(): raise Late('x')"
    test = """
    def test(self):
        self.assertEqual((Refused.__name__, Late.__mro__[1:3]), ("Refused", (Refused, ValueError)))
        self.assertTrue(issubclass(Refused, Exception))
        with self.assertRaises(Refused) as caught: f()
        self.assertIs(type(caught.exception), Late)
        try: f()
        except ValueError as error: self.assertIsInstance(error, Refused)
    """
    resolved(sandbox, test, solution, "from m import Late, Refused, f")


def test_no_attribute_of_what_the_tests_pass_in_can_be_reached(sandbox: Sandbox) -> None:
    solution = """
    def look(f):
        cells = [cell.cell_contents for cell in f.__closure__ or ()]
        seen = (vars(f), f.__code__.co_consts, f.__defaults__, f.__kwdefaults__, cells, f.__globals__, f.__doc__)
        return "secret-4711" in repr(seen) + repr([vars(cell) for cell in cells if hasattr(cell, "__dict__")])
    def call(f): return f()
    """
    test = """
    def test(self):
        expected = "secret-4711"
        def f(a=expected, *, b=expected):
            "secret-4711"
            return len(a + b + expected)
        f.expected = expected
        self.assertFalse(m.look(f))
        self.assertEqual(m.call(f), 33)
    """
    resolved(sandbox, test, solution)
    test = "def test(self):\n    class Mine: pass\n    m.call(Mine())"
    assert "a Mine of the tests cannot be passed" in error_of(sandbox, test, solution)


def test_calls_of_what_the_tests_pass_in_go_only_so_deep(sandbox: Sandbox) -> None:
    """That there are only so many of them, `test_only_so_many_calls_are_served_in_one_run` shows."""
    test = "def test(self):\n    def g(): return m.f(g)\n    m.f(g)"
    assert "nested more than 40 deep" in error_of(sandbox, test, "def f(g): return g()")
