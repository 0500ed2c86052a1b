"""What holds in one process holds through the channel of tier A, and in tier B: honest programs, bare processes."""

from __future__ import annotations

import pytest

from sandbox import (
    Sandbox,
    Tier,
)
from tests.sandbox.small_tasks import a_spec, graded

# Name -> (solution, tests). What holds in one process must hold through the channel.
FAITHFUL = {
    "every plain type keeps its type and value": (
        """
        def echo(x): return x
        def kind(x): return type(x).__name__
        """,
        """
        def test(self):
            import datetime, math
            from collections import Counter, OrderedDict, deque
            from decimal import Decimal
            from fractions import Fraction
            values = [
                None, True, 0, -1, 2**63, -(2**200), 10**5000, 1.5, -0.0, 1e300, math.inf, "", "é✓", "\\ud800",
                "\\ud83d\\ude00", "\\0", b"", b"\\xff", bytearray(b"x"), [], [1, [2]], (), (1,), {1, 2},
                frozenset({(1, 2)}), {}, {1: 2, "1": 3, (1, 2): [4], None: 5, 1.5: 6, frozenset({1}): 7},
                2 + 3j, range(1, 9, 2), slice(1, None), Decimal("1.10"), Fraction(2, 3), deque([1]),
                OrderedDict(a=1), Counter("aab"), datetime.date(2024, 2, 29),
                datetime.datetime(2024, 2, 29, 1, 2, 3, 4), datetime.time(1, 2), datetime.timedelta(days=-1, seconds=3),
            ]
            for value in values:
                with self.subTest(kind=type(value)):
                    back = m.echo(value)
                    self.assertEqual(back, value)
                    self.assertIs(type(back), type(value))
                    self.assertEqual(m.kind(value), type(value).__name__)
            self.assertTrue(math.isnan(m.echo(math.nan)))
            self.assertEqual(str(m.echo(-0.0)), "-0.0")
            self.assertIs(m.echo(True), True)
            self.assertEqual(str(m.echo(Decimal("1.10"))), "1.10")
            self.assertEqual(list(m.echo({"b": 1, "a": 2})), ["b", "a"])
            self.assertIs(m.echo(int), int)
        """,
    ),
    "arguments": (
        "def f(a, /, b, *rest, c=3, **more): return [a, b, rest, c, more]",
        """
        def test(self):
            self.assertEqual(m.f(1, 2), [1, 2, (), 3, {}])
            self.assertEqual(m.f(1, 2, 4, c=5, d=6), [1, 2, (4,), 5, {"d": 6}])
            with self.assertRaises(TypeError):
                m.f()
        """,
    ),
    "constants, star imports and missing names": (
        "LIMIT = 7\n_hidden = 1\ndef f(): return LIMIT",
        """
        def test(self):
            names = {}
            exec("from m import *", names)
            self.assertEqual((names["LIMIT"], names["f"](), "_hidden" in names), (7, 7, False))
            self.assertEqual(m.LIMIT, 7)
            self.assertFalse(hasattr(m, "other"))
            with self.assertRaises(ImportError):
                from m import other
        """,
    ),
    "exceptions of the language": (
        """
        def f(kind):
            if kind == "key": return {}["x"]
            if kind == "cause":
                try: return 1 / 0
                except ZeroDivisionError as error: raise ValueError("bad") from error
            if kind == "deep": return f(kind)
            raise OSError(2, "gone")
        """,
        """
        def test(self):
            with self.assertRaises(KeyError) as caught:
                m.f("key")
            self.assertEqual((str(caught.exception), caught.exception.args), ("'x'", ("x",)))
            with self.assertRaisesRegex(ValueError, "^bad$") as caught:
                m.f("cause")
            self.assertIsInstance(caught.exception.__cause__, ZeroDivisionError)
            with self.assertRaises(FileNotFoundError) as caught:
                m.f("os")
            self.assertEqual(caught.exception.errno, 2)
            with self.assertRaises(RecursionError):
                m.f("deep")
        """,
    ),
    "exceptions of the solution": (
        """
        class BankError(Exception):
            limit = 5
        class Overdrawn(BankError, ValueError):
            def __init__(self, missing):
                super().__init__(f"{missing} missing")
                self.missing = missing
            @property
            def doubled(self): return 2 * self.missing
        class Shown(Exception):
            def __str__(self): return "shown"
        def f(n):
            if n: raise Overdrawn(n)
            raise Shown("args")
        def catches(g):
            try: return g()
            except Overdrawn as error: return error.missing
        """,
        """
        def test(self):
            for kind in (m.Overdrawn, m.BankError, ValueError):
                with self.assertRaises(kind) as caught:
                    m.f(3)
            self.assertEqual(str(caught.exception), "3 missing")
            self.assertEqual((caught.exception.missing, caught.exception.doubled), (3, 6))
            self.assertEqual(caught.exception.args, ("3 missing",))
            with self.assertRaisesRegex(m.Shown, "^shown$"):
                m.f(0)
            self.assertTrue(issubclass(m.Overdrawn, m.BankError))
            self.assertFalse(issubclass(m.Shown, m.BankError))
            self.assertEqual(m.Overdrawn.limit, 5)
            self.assertEqual(m.Overdrawn(7).missing, 7)
            def raises():
                raise m.Overdrawn(9)
            self.assertEqual(m.catches(raises), 9)
        """,
    ),
    "objects": (
        """
        class Account:
            kinds = ["a"]
            def __init__(self, balance=0): self.balance = balance; self._log = []
            @classmethod
            def empty(cls): return cls()
            @staticmethod
            def rate(): return 0.5
            @property
            def log(self): return tuple(self._log)
            def add(self, n):
                self.balance += n; self._log.append(n); return self
            def same(self): return self
        class Savings(Account):
            pass
        def total(accounts): return sum(a.balance for a in accounts)
        """,
        """
        def test(self):
            account = m.Account(5)
            self.assertIs(account.add(3), account)
            self.assertIs(account.same(), account)
            self.assertEqual((account.balance, account.log), (8, (3,)))
            account.balance = 1
            self.assertEqual(account.balance, 1)
            del account.balance
            self.assertFalse(hasattr(account, "balance"))
            with self.assertRaises(AttributeError):
                account.log = ()
            self.assertEqual((m.Account.rate(), m.Account.kinds, m.Account.empty().balance), (0.5, ["a"], 0))
            self.assertIsInstance(m.Savings(), m.Account)
            self.assertNotIsInstance(m.Account(), m.Savings)
            self.assertIs(type(m.Savings.empty()), m.Savings)
            self.assertEqual(m.Account.__name__, "Account")
            self.assertEqual(m.total([m.Account(1), m.Savings(2)]), 3)
            self.assertNotEqual(m.Account(1), m.Account(1))
            self.assertEqual(len({account, account, m.Account()}), 2)
            import copy
            twin = copy.deepcopy(m.Account(4))
            self.assertEqual(twin.add(1).balance, 5)
            method = account.add
            self.assertTrue(callable(method))
            self.assertEqual(method.__name__, "add")
        """,
    ),
    "operators between objects": (
        """
        from dataclasses import dataclass
        from functools import total_ordering
        @total_ordering
        @dataclass(frozen=True)
        class Money:
            cents: int
            def __add__(self, other): return Money(self.cents + other.cents)
            def __radd__(self, other): return self if other == 0 else NotImplemented
            def __mul__(self, n): return Money(self.cents * n)
            __rmul__ = __mul__
            def __neg__(self): return Money(-self.cents)
            def __abs__(self): return Money(abs(self.cents))
            def __lt__(self, other): return self.cents < other.cents
            def __bool__(self): return self.cents != 0
            def __int__(self): return self.cents
            def __str__(self): return f"{self.cents}c"
            def __format__(self, spec): return "<" + format(self.cents, spec) + ">"
        """,
        """
        def test(self):
            M = m.Money
            self.assertEqual(M(1) + M(2), M(3))
            self.assertEqual(sum([M(1), M(2)]), M(3))
            self.assertEqual(M(2) * 3, 3 * M(2))
            self.assertEqual(str(M(2) * 3), "6c")
            self.assertEqual(-M(2), M(-2))
            self.assertEqual(abs(M(-2)), M(2))
            self.assertEqual(sorted([M(3), M(1)]), [M(1), M(3)])
            self.assertLessEqual(M(1), M(1))
            self.assertGreater(M(2), M(1))
            self.assertFalse(M(0))
            self.assertTrue(M(1))
            self.assertEqual((int(M(5)), str(M(5)), repr(M(5)), f"{M(5):03}"), (5, "5c", "Money(cents=5)", "<005>"))
            self.assertEqual({M(1): "x"}[M(1)], "x")
            self.assertNotEqual(M(1), 1)
            self.assertEqual([M(1), [M(2)]], [M(1), [M(2)]])
            total = M(1)
            total += M(1)
            self.assertEqual(total, M(2))
            with self.assertRaises((TypeError, AttributeError)):
                M(1) < 3
            with self.assertRaises(AttributeError):
                M(1).cents = 2
        """,
    ),
    "containers": (
        """
        class Bag:
            def __init__(self, items=()): self.items = list(items)
            def __len__(self): return len(self.items)
            def __iter__(self): return iter(self.items)
            def __contains__(self, x): return x in self.items
            def __getitem__(self, i): return self.items[i]
            def __setitem__(self, i, x): self.items[i] = x
            def __delitem__(self, i): del self.items[i]
            def __reversed__(self): return reversed(self.items)
            def __call__(self, x): return [x]
            def __enter__(self): return self
            def __exit__(self, kind, error, trace):
                self.items.append(getattr(kind, "__name__", kind)); return kind is KeyError
        class Old:
            def __getitem__(self, i):
                if i > 2: raise IndexError
                return i
        class Stack(list):
            def peek(self): return self[-1]
        """,
        """
        def test(self):
            bag = m.Bag([1, 2, 3])
            self.assertEqual((len(bag), list(bag), bag[0], bag[1:]), (3, [1, 2, 3], 1, [2, 3]))
            self.assertIn(2, bag)
            self.assertNotIn(9, bag)
            bag[0] = 7
            del bag[1]
            self.assertEqual((list(bag), list(reversed(bag)), bag(5)), ([7, 3], [3, 7], [5]))
            with self.assertRaises(IndexError):
                bag[9]
            with bag as inner:
                self.assertIs(inner, bag)
                raise KeyError("swallowed")
            self.assertEqual(bag[-1], "KeyError")
            self.assertFalse(m.Bag())
            self.assertEqual(list(m.Old()), [0, 1, 2])
            stack = m.Stack([1, 2])
            stack.append(3)
            self.assertEqual((stack.peek(), len(stack), list(stack)), (3, 3, [1, 2, 3]))
            self.assertEqual(stack, m.Stack([1, 2, 3]))
        """,
    ),
    "generators and iterators": (
        """
        import itertools
        def count(start):
            while True:
                yield start
                start += 1
        def take(n, iterable): return list(itertools.islice(iterable, n))
        def running(values):
            total = 0
            for value in values:
                total += value
                yield total
        class Countdown:
            def __init__(self, n): self.n = n
            def __iter__(self): return self
            def __next__(self):
                if not self.n: raise StopIteration
                self.n -= 1
                return self.n
        """,
        """
        def test(self):
            import itertools, types
            from collections.abc import Iterator
            numbers = m.count(5)
            self.assertEqual([next(numbers), next(numbers)], [5, 6])
            self.assertIsInstance(numbers, types.GeneratorType)
            self.assertIsInstance(numbers, Iterator)
            self.assertEqual(m.take(3, itertools.count()), [0, 1, 2])
            self.assertEqual(list(m.running(iter([1, 2, 3]))), [1, 3, 6])
            self.assertEqual(list(m.Countdown(3)), [2, 1, 0])
            self.assertIn(3, m.count(0))
            with self.assertRaises(StopIteration):
                next(m.Countdown(0))
            seen = []
            def source():
                for n in range(10):
                    seen.append(n)
                    yield n
            self.assertEqual(m.take(2, source()), [0, 1])
            self.assertEqual(seen, [0, 1])
        """,
    ),
    "functions in and out": (
        """
        import functools
        def compose(*functions):
            return lambda x: functools.reduce(lambda value, f: f(value), functions, x)
        def memoize(f):
            seen = {}
            @functools.wraps(f)
            def inner(*args):
                if args not in seen: seen[args] = f(*args)
                return seen[args]
            return inner
        def echo(f): return f
        def attempt(f):
            try: return f()
            except ValueError as error: return f"caught {error}"
        def retry(f):
            for _ in range(2):
                try: f()
                except Exception as error: last = error
            raise last
        def apply(f, *args, **kwargs): return f(*args, **kwargs)
        """,
        """
        def test(self):
            import operator
            self.assertEqual(m.compose(lambda x: x + 1, str)(1), "2")
            calls = []
            @m.memoize
            def slow(x):
                calls.append(x)
                return [x]
            self.assertEqual((slow(1), slow(1), calls, slow.__name__), ([1], [1], [1], "slow"))
            def f(): raise ValueError("no")
            self.assertIs(m.echo(f), f)
            self.assertEqual(m.attempt(f), "caught no")
            class Boom(Exception): pass
            boom = Boom("x")
            def explode(): raise boom
            with self.assertRaises(Boom) as caught:
                m.retry(explode)
            self.assertIs(caught.exception, boom)
            self.assertEqual(m.apply(operator.add, 1, 2), 3)
            self.assertEqual(m.apply(dict, a=1), {"a": 1})
            self.assertEqual(m.apply(m.compose(len), "abc"), 3)
            self.assertEqual(m.apply(calls.append, 5), None)
            self.assertEqual(calls, [1, 5])
        """,
    ),
    "threads of the tests": (
        "class Counter:\n    def __init__(self): self.n = 0\n    def add(self, f): self.n += f(1)",
        """
        def test(self):
            import threading
            counter = m.Counter()
            def work():
                for _ in range(20):
                    counter.add(lambda n: n)
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            self.assertEqual(counter.n, 80)
        """,
    ),
    "named tuples, enumerations and other kinds of values": (
        """
        from collections import defaultdict, namedtuple
        from enum import Enum, IntEnum
        Point = namedtuple("Point", "x y")
        class Color(Enum):
            RED = 1
            BLUE = 2
        class Size(IntEnum):
            S = 1
            L = 2
        def point(): return Point(1, 2)
        def color(): return Color.RED
        def groups():
            found = defaultdict(list)
            found["a"].append(1)
            return found
        def keys(): return {"a": 1}.keys()
        """,
        """
        def test(self):
            self.assertEqual(m.point(), (1, 2))
            self.assertEqual(m.point().y, 2)
            self.assertEqual(m.Point(3, 4), m.Point(y=4, x=3))
            self.assertEqual(m.Point(3, 4)._replace(x=1).x, 1)
            self.assertEqual(repr(m.point()), "Point(x=1, y=2)")
            x, y = m.point()
            self.assertIs(m.color(), m.Color.RED)
            self.assertNotEqual(m.color(), 1)
            self.assertEqual((m.Color.RED.value, m.Color.BLUE.name, m.Color(2)), (1, "BLUE", m.Color.BLUE))
            self.assertEqual([c.name for c in m.Color], ["RED", "BLUE"])
            self.assertEqual(m.Color["RED"], m.Color.RED)
            self.assertEqual(m.Size.L, 2)
            self.assertLess(m.Size.S, m.Size.L)
            self.assertEqual(m.groups(), {"a": [1]})
            self.assertEqual(sorted(m.keys()), ["a"])
        """,
    ),
}


@pytest.mark.parametrize("tier", [Tier.A, Tier.B])
@pytest.mark.parametrize("case", FAITHFUL)
def test_the_channel_is_faithful(processes: Sandbox, case: str, tier: Tier) -> None:
    solution, test = FAITHFUL[case]
    verdict = graded(processes, solution, a_spec(test, tier=tier))
    assert verdict.resolved, [test.detail for test in verdict.tests]
