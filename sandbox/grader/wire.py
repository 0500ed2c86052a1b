"""The channel between the test driver and the process that holds the solution: framing, calls, plain values.

A message is a length (4 bytes, big-endian) and a JSON array `[nonce, number, kind, ...]`. Both sides may
ask (`do` from the driver, `call` and `next` from the solution's side) and each question is answered by
`ok`, `raise`, `gone` or `fault` with its number before an older one is. Values cross as JSON with their
exact type:

    null, true, "text", 12, 1.5     themselves
    [tag, ...]                      everything else, see `Codec`; JSON objects never occur

Nothing is pickled, and what is not a plain value crosses as a reference that only its own side can follow.
"""

from __future__ import annotations

import json
import math
import os
import select
import sys
import time
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is not worth its import here
    from typing import Any, NoReturn

    Encoded = Any  # a value in the form in which it crosses: what `json.loads` may give

MAX_MESSAGE_BYTES = 8 << 20
MAX_DEPTH = 64
MAX_ITEMS = 1_000_000
MAX_NESTED_CALLS = 40
MAX_REQUESTS = 500_000

PLAIN_TYPES = (
    object, type, bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range,
    slice,
)  # fmt: skip

EXCEPTIONS = (
    Exception, ArithmeticError, AssertionError, AttributeError, BlockingIOError, BrokenPipeError,
    BufferError, ChildProcessError, ConnectionAbortedError, ConnectionError, ConnectionRefusedError,
    ConnectionResetError, DeprecationWarning, EOFError, FileExistsError, FileNotFoundError,
    FloatingPointError, FutureWarning, ImportError, IndentationError, IndexError, InterruptedError,
    IsADirectoryError, KeyError, LookupError, MemoryError, ModuleNotFoundError, NameError,
    NotADirectoryError, NotImplementedError, OSError, OverflowError, PermissionError, ProcessLookupError,
    RecursionError, ReferenceError, RuntimeError, RuntimeWarning, StopAsyncIteration, StopIteration,
    SyntaxError, SystemError, TimeoutError, TypeError, UnboundLocalError, UnicodeDecodeError,
    UnicodeEncodeError, UnicodeError, UserWarning, ValueError, Warning, ZeroDivisionError,
)  # fmt: skip

TYPE_NAMES: dict[type, str] = {kind: kind.__name__ for kind in (*PLAIN_TYPES, *EXCEPTIONS, BaseException)}
TYPES: dict[str, type] = {name: kind for kind, name in TYPE_NAMES.items()}

_ARITHMETIC = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor",
    "lshift", "rshift",
)  # fmt: skip
BINARY = frozenset(f"__{name}__" for name in _ARITHMETIC)
REFLECTED = frozenset(f"__r{name}__" for name in _ARITHMETIC)
IN_PLACE = frozenset(f"__i{name}__" for name in _ARITHMETIC if name != "divmod")
COMPARISONS = frozenset({"__eq__", "__lt__", "__le__", "__gt__", "__ge__"})
NUMERIC = frozenset({
    "__abs__", "__neg__", "__pos__", "__invert__", "__round__", "__trunc__", "__floor__", "__ceil__",
    "__int__", "__float__", "__complex__", "__index__", "__bool__",
})  # fmt: skip
TEXT = frozenset({"__str__", "__repr__", "__format__", "__bytes__"})
CONTAINER = frozenset({
    "__len__", "__iter__", "__next__", "__reversed__", "__getitem__", "__setitem__", "__delitem__",
})  # fmt: skip
OTHER = frozenset({"__contains__", "__hash__", "__call__", "__enter__", "__exit__"})
DUNDERS = BINARY | REFLECTED | IN_PLACE | COMPARISONS | NUMERIC | TEXT | CONTAINER | OTHER
"""The special methods of a solution's classes that reach it; all others are left to Python's defaults."""


class WireError(Exception):
    """The other side is gone or broke the rules of the channel: nothing that it says from here on counts."""


class TimeUpError(WireError):
    """The deadline passed while waiting for the other side."""


class TooLargeError(Exception):
    """A value is too large or too deep to cross."""


class Channel:
    """Framed JSON over a connected stream. `deadline` (monotonic seconds) bounds every wait."""

    def __init__(self, fd: int, deadline: float | None = None) -> None:
        self._fd = fd
        self._deadline = deadline
        self._buffer = bytearray()
        self._poll = select.poll()
        if deadline is not None:
            os.set_blocking(fd, False)

    def send(self, message: list[Encoded]) -> None:
        body = pack(message)
        data = memoryview(len(body).to_bytes(4, "big") + body)
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError as error:
                raise WireError(f"the channel is closed ({type(error).__name__})") from None

    def receive(self) -> list[Encoded]:
        size = int.from_bytes(self._take(4), "big")
        if size > MAX_MESSAGE_BYTES:
            raise WireError(f"a message of {size} bytes is over the limit of {MAX_MESSAGE_BYTES}")
        return unpack(self._take(size))

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            try:
                chunk = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except OSError as error:
                raise WireError(f"the channel is closed ({type(error).__name__})") from None
            if not chunk:
                raise WireError("the process that holds the solution has ended")
            self._buffer += chunk
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _wait(self, event: int) -> None:
        assert self._deadline is not None
        left = self._deadline - time.monotonic()
        self._poll.register(self._fd, event)
        if left <= 0 or not self._poll.poll(left * 1000):
            raise TimeUpError("time is up")


def pack(message: list[Encoded]) -> bytes:
    body = json.dumps(message, separators=(",", ":"), allow_nan=False, check_circular=False).encode("ascii")
    if len(body) > MAX_MESSAGE_BYTES:
        raise TooLargeError(f"a message of {len(body)} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    return body


def unpack(body: bytes) -> list[Encoded]:
    try:
        message = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a message is not JSON ({type(error).__name__})") from None
    if type(message) is not list or len(message) < 3:
        raise WireError("a message is not a JSON array of at least three")
    return message


def _refuse(constant: str) -> NoReturn:
    raise WireError(f"{constant} may not stand in a message")


class Codec:
    """Plain values to and from their crossing form; what is not plain goes to `refer` and `resolve`.

    Exact types only: an instance of a subclass is not plain. The exceptions are `defaultdict`, which
    crosses as a `dict` because its factory cannot, and views of a dict, which cross as lists.
    """

    def refer(self, value: object, depth: int) -> Encoded:
        raise NotImplementedError

    def resolve(self, tag: str, fields: list[Encoded], depth: int) -> object:
        raise NotImplementedError

    def encode(self, value: Any, depth: int = 0) -> Encoded:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return value if value.isascii() or not _surrogates(value) else ["s", *map(ord, value)]
        if kind is int:
            return value if -(1 << 63) < value < 1 << 63 else ["i", format(value, "x")]
        if kind is float:
            return value if math.isfinite(value) else ["f", repr(value)]
        if depth >= MAX_DEPTH:
            raise TooLargeError(f"a value is nested more than {MAX_DEPTH} deep")
        tag = _SEQUENCE_TAGS.get(kind)
        if tag is not None:
            _check_length(value)
            return [tag, *[self.encode(item, depth + 1) for item in value]]
        tag = _DICT_TAGS.get(kind)
        if tag is not None:
            _check_length(value)
            return [tag, *[[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in value.items()]]
        if kind is bytes or kind is bytearray:
            return ["b" if kind is bytes else "B", value.hex()]
        if kind is complex:
            return ["c", self.encode(value.real), self.encode(value.imag)]
        if kind is range or kind is slice:
            steps = (value.start, value.stop, value.step)
            return ["r" if kind is range else "/", *[self.encode(step, depth + 1) for step in steps]]
        number = _NUMBERS.get((kind.__module__, kind.__qualname__))
        if number is not None and kind is getattr(sys.modules.get(kind.__module__), kind.__qualname__, None):
            fields = number[1](value)
            if fields is not None:
                return [number[0], *[self.encode(field, depth + 1) for field in fields]]
        return self.refer(value, depth)

    def decode(self, data: Encoded, depth: int = 0) -> Any:
        kind = type(data)
        if data is None or kind is bool or kind is int or kind is float or kind is str:
            return data
        if kind is not list or not data or type(data[0]) is not str:
            raise WireError("a value is not in its crossing form")
        if depth > MAX_DEPTH:
            raise WireError(f"a value is nested more than {MAX_DEPTH} deep")
        tag, *fields = data
        make = _SEQUENCES.get(tag)
        if make is not None:
            items = [self.decode(field, depth + 1) for field in fields]
            return items if make is list else self._make(make, items)
        make = _DICTS.get(tag)
        if make is not None:
            if not all(type(pair) is list and len(pair) == 2 for pair in fields):
                raise WireError("a dict is not made of pairs")
            pairs = [(self.decode(k, depth + 1), self.decode(v, depth + 1)) for k, v in fields]
            return self._make(lambda items: make(dict(items)) if make is Counter else make(items), pairs)
        simple = _SIMPLE.get(tag)
        if simple is not None:
            return self._make(
                lambda items: simple(*items), [self.decode(field, depth + 1) for field in fields], 0
            )
        return self.resolve(tag, fields, depth)

    @staticmethod
    def _make(make: Callable[[Any], Any], items: list[Any], sized: int = 1) -> Any:
        try:
            value = make(items)
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise WireError(f"a value cannot be built ({type(error).__name__})") from None
        if sized and len(value) != len(items):
            raise WireError("a set or dict holds a key twice")
        return value


def _check_length(value: Any) -> None:
    if len(value) > MAX_ITEMS:
        raise TooLargeError(f"a value of {len(value)} items is over the limit of {MAX_ITEMS}")


def _surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _typed(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _text(*codes: int) -> str:
    return "".join(map(chr, codes))


def _integer(digits: str) -> int:
    return int(_typed(str, digits), 16)


def _special_float(name: str) -> float:
    return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[_typed(str, name)]


def _range(*fields: int) -> range:
    return range(*(_typed(int, field) for field in fields))


def _decimal(text: str) -> object:
    from decimal import Decimal

    return Decimal(_typed(str, text))


def _fraction(numerator: int, denominator: int) -> object:
    from fractions import Fraction

    return Fraction(_typed(int, numerator), _typed(int, denominator))


def _moment(kind: str, *fields: Any) -> object:
    import datetime

    if kind == "timedelta":
        return datetime.timedelta(*(_typed(int, field) for field in fields))
    if kind not in ("date", "time", "datetime"):
        raise ValueError
    (text,) = fields
    return getattr(datetime, kind).fromisoformat(_typed(str, text))


def _naive(value: Any) -> tuple[str, str] | None:
    return None if value.tzinfo is not None or value.fold else (type(value).__name__, value.isoformat())


_SEQUENCES: dict[str, Callable[[list[Any]], Any]] = {
    "l": list, "t": tuple, "S": set, "F": frozenset, "q": deque
}  # fmt: skip
_SEQUENCE_TAGS: dict[type, str] = {
    list: "l", tuple: "t", set: "S", frozenset: "F", deque: "q",
    type({}.keys()): "l", type({}.values()): "l", type({}.items()): "l",
}  # fmt: skip
_DICTS: dict[str, Callable[[Any], Any]] = {"d": dict, "O": OrderedDict, "C": Counter}
_DICT_TAGS: dict[type, str] = {dict: "d", defaultdict: "d", OrderedDict: "O", Counter: "C"}
_SIMPLE: dict[str, Callable[..., Any]] = {
    "s": _text,
    "i": _integer,
    "f": _special_float,
    "b": lambda text: bytes.fromhex(_typed(str, text)),
    "B": lambda text: bytearray.fromhex(_typed(str, text)),
    "c": lambda real, imaginary: complex(_typed(float, real), _typed(float, imaginary)),
    "r": _range,
    "/": slice,
    "D": _decimal,
    "Q": _fraction,
    "T": _moment,
}
# Not imported unless the value's own side did: (module, name) -> (tag, fields or None where it is not plain).
_NUMBERS: dict[tuple[str, str], tuple[str, Callable[[Any], Iterable[Any] | None]]] = {
    ("decimal", "Decimal"): ("D", lambda value: (str(value),)),
    ("fractions", "Fraction"): ("Q", lambda value: (value.numerator, value.denominator)),
    ("datetime", "date"): ("T", lambda value: ("date", value.isoformat())),
    ("datetime", "time"): ("T", _naive),
    ("datetime", "datetime"): ("T", _naive),
    ("datetime", "timedelta"): (
        "T",
        lambda value: ("timedelta", value.days, value.seconds, value.microseconds),
    ),
}


class Peer(Codec):
    """One end of the channel: asks, and while it waits answers what the other end asks.

    `answer` says what a question of the other side is worth; it is asked only for kinds in `answers`.
    """

    answers: frozenset[str] = frozenset()

    def __init__(self, channel: Channel, nonce: str) -> None:
        self.channel = channel
        self.nonce = nonce
        self._asked = 0
        self._served = 0
        self._nested = 0

    def answer(self, kind: str, fields: list[Encoded]) -> list[Encoded]:
        """Do what was asked; gives the kind of the answer and its fields."""
        raise NotImplementedError

    def ask(self, kind: str, *fields: Encoded) -> list[Encoded]:
        """Send one question and wait for its answer: kind and fields, still in crossing form."""
        if self._nested >= MAX_NESTED_CALLS:
            raise TooLargeError(
                f"calls between tests and solution are nested more than {MAX_NESTED_CALLS} deep"
            )
        if self._asked >= MAX_REQUESTS:
            raise WireError(f"more than {MAX_REQUESTS} calls in one run")
        self._asked += 1
        number = self._asked
        self._nested += 1
        try:
            self.channel.send([self.nonce, number, kind, *fields])
            while True:
                nonce, came, what, *rest = self.channel.receive()
                if nonce != self.nonce:
                    raise WireError("a message does not carry this run's nonce")
                if type(what) is not str or type(came) is not int:
                    raise WireError("a message has no kind or number")
                if what in self.answers:
                    self._serve(came, what, rest)
                elif came == number:
                    return [what, *rest]
                else:
                    raise WireError("an answer to nothing that was asked")
        finally:
            self._nested -= 1

    def _serve(self, number: int, kind: str, fields: list[Encoded]) -> None:
        if self._served >= MAX_REQUESTS:
            raise WireError(f"more than {MAX_REQUESTS} calls in one run")
        self._served += 1
        answer = self.answer(kind, fields)
        try:
            self.channel.send([self.nonce, number, *answer])
        except TooLargeError as error:
            self.channel.send([self.nonce, number, "fault", str(error)])

    def serve_for_ever(self) -> None:
        """Answer until the channel closes: the life of the solution's side."""
        while True:
            try:
                nonce, number, kind, *fields = self.channel.receive()
            except WireError:
                return
            if nonce == self.nonce and kind in self.answers:
                self._serve(number, kind, fields)
