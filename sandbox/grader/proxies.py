"""The tests' view of a solution that lives in another process.

The driver gives tests stand-ins for what the solution's modules hold:

    plain values        arrive as copies (`wire.Codec`)
    functions, objects  `Handle`: attributes, calls and special methods are asked of the solution's side
    classes             local classes of the same name and ancestry, so `isinstance` and `assertRaises` work
    exceptions          built-in classes by name from a fixed list, the solution's own as local classes

What the solution can lie about is what its own code returns. Five rules keep it from judging itself:

1. A handle equals, or is ordered against, only a handle of the same class; against a value it is unequal and
   unordered, and the solution is not asked.
2. An operator that would show the solution a plain value is asked only where the tests took that class from
   the solution by name, elsewhere it is a `TypeError`. `in` is asked only of an object that the tests made
   themselves by calling its class; elsewhere it compares item by item here.
3. What an operator made of a handle and a plain value must be a handle of the same class, and it never turns
   into a number or a truth value: `abs(answer - expected) < 1e-9` is no question to put to an answer.
4. A context manager of the solution can keep back, or turn into another, only what a `raise` of the tests
   raised: no failed assertion, and no error that the solution brought about.
5. An assertion that fails in what the tests handed over fails the test, whatever the solution makes of it.

What cannot be done by these rules raises `UncrossableError`; such a task needs tier B. Values are copies: a
test that looks at how an argument was changed in place needs tier B too.
"""

from __future__ import annotations

import types
from _thread import RLock
from collections.abc import Callable, Iterator

from sandbox.grader.wire import (
    BINARY,
    COMPARISONS,
    CONTAINER,
    DUNDERS,
    EXCEPTIONS,
    IN_PLACE,
    MAX_DEPTH,
    NUMERIC,
    REFLECTED,
    TYPE_NAMES,
    TYPES,
    Channel,
    Peer,
    TimeUpError,
    TooLargeError,
    WireError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is not worth its import here
    from typing import Any, NoReturn, TypeVar

    from sandbox.grader.wire import Encoded

    _Plain = TypeVar("_Plain")

# Attribute names that no source text can spell, so that they hide nothing of the solution's.
REMOTE, NUMBER, MADE, MIXED, MESSAGE = "<remote>", "<number>", "<made>", "<mixed>", "<message>"

VALUE_BASES = (int, float, complex, str, bytes, tuple, frozenset)
"""Immutable built-ins: an instance of a solution's subclass of one of them carries its value with it."""

MAX_NAME = 200


class SolutionFault(BaseException):
    """The solution is gone, or did what no test may take for an exception of its own.

    Not an `Exception`, so that `assertRaises(Exception)` is not satisfied by it.
    """


class UncrossableError(BaseException):
    """What the test does cannot be done through the channel."""


class RemoteType(type):
    """Class of the local classes that stand for classes of the solution."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kw: object
    ) -> RemoteType:
        if bases and NUMBER not in namespace:
            raise UncrossableError(f"the test class {name} derives from a class of the solution")
        return super().__new__(mcs, name, bases, namespace)

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        made = _ask(cls, "__call__", cls, args, kwargs)
        if type(made) is cls:
            _own(made)[MADE] = True
        return made

    def __getattr__(cls, name: str) -> Any:
        return _ask(cls, "get", cls, name)

    def __setattr__(cls, name: str, value: object) -> None:
        if name.startswith("__"):
            super().__setattr__(name, value)
        else:
            _ask(cls, "set", cls, name, value)

    def __iter__(cls) -> Iterator[Any]:
        items: Iterator[Any] = _ask(cls, "__iter__", cls)
        return items

    def __len__(cls) -> int:
        return _exactly(int, _ask(cls, "__len__", cls))

    def __contains__(cls, item: object) -> bool:
        return _exactly(bool, _ask(cls, "__contains__", cls, item))

    def __getitem__(cls, key: object) -> Any:
        return _ask(cls, "__getitem__", cls, key)

    def __bool__(cls) -> bool:
        return True


class Handle(metaclass=RemoteType):
    """Stands for one object of the solution; the same object is the same handle each time."""

    def __getattr__(self, name: str) -> Any:
        return _ask(type(self), "get", self, name)

    def __setattr__(self, name: str, value: object) -> None:
        _ask(type(self), "set", self, name, value)

    def __delattr__(self, name: str) -> None:
        _ask(type(self), "del", self, name)

    def __copy__(self) -> Any:
        return _ask(type(self), "copy", self)

    def __deepcopy__(self, memo: object) -> Any:
        return _ask(type(self), "deepcopy", self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise UncrossableError("an object of the solution cannot be pickled")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of the solution>"


class Method:
    """A bound method of an object of the solution; calling it is one question instead of two."""

    def __init__(self, owner: Handle, name: str) -> None:
        self._owner = owner
        self._name = name

    @property
    def __name__(self) -> str:
        return self._name

    @property
    def __self__(self) -> Handle:
        return self._owner

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return _ask(type(self._owner), "method", self._owner, self._name, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(_ask(type(self._owner), "function", self._owner, self._name), name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and self._owner is other._owner and self._name == other._name

    def __hash__(self) -> int:
        return hash((id(self._owner), self._name))


def _ask(cls: type, operation: str, *operands: object) -> Any:
    remote: Remote = getattr(cls, REMOTE)
    return remote.do(operation, *operands)


def _exactly(kind: type[_Plain], value: object) -> _Plain:
    if type(value) is not kind or not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__} of the solution, got {type(value).__name__}")
    return value


def _own(handle: object) -> dict[str, Any]:
    found: dict[str, Any] = object.__getattribute__(handle, "__dict__")
    return found


def _forward(name: str) -> Callable[..., Any]:
    """The special method `name` of a handle's class, as far as the rules allow it."""

    def plain(self: Handle, *operands: object) -> Any:
        return _ask(type(self), name, self, *operands)

    def integer(self: Handle) -> Any:
        if name == "__len__" and MIXED in _own(self):
            raise UncrossableError(f"{name} of {type(self).__name__} after an operator with a value")
        return _exactly(int, _ask(type(self), name, self))

    def call(self: Handle, *args: object, **kwargs: object) -> Any:
        return _ask(type(self), name, self, args, kwargs)

    def compare(self: Handle, other: object) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return _exactly(bool, _ask(type(self), name, self, other))

    def contains(self: Handle, item: object) -> Any:
        if MADE not in _own(self):
            items: Any = self
            return any(item is own or item == own for own in items)
        return _exactly(bool, _ask(type(self), name, self, item))

    def numeric(self: Handle, *operands: object) -> Any:
        result = _ask(type(self), name, self, *operands)
        return _mixed(self, result, name) if MIXED in _own(self) else result

    def binary(self: Handle, other: object) -> Any:
        if isinstance(other, Handle):
            result = _ask(type(self), name, self, other)
            return _mixed(self, result, name) if MIXED in _own(self) or MIXED in _own(other) else result
        if not _taken(type(self)):
            return NotImplemented
        return _mixed(self, _ask(type(self), name, self, other), name)

    def leave(self: Handle, kind: object, error: object, trace: object) -> Any:
        if error is None or _raised_by_tests(type(self), error):
            return _ask(type(self), name, self, kind, error, None)
        try:
            _ask(type(self), name, self, kind, error, None)
        except Exception:  # noqa: BLE001 - whatever it is, the error that was there first is the one that counts
            return False
        return False

    special: dict[str, Callable[..., Any]] = {
        "__call__": call,
        "__contains__": contains,
        "__exit__": leave,
        "__hash__": integer,
        "__len__": integer,
    }
    if name in special:
        return special[name]
    if name in COMPARISONS:
        return compare
    if name in NUMERIC:
        return numeric
    if name in BINARY | REFLECTED | IN_PLACE:
        return binary
    return plain


def _taken(cls: type) -> bool:
    """Whether the tests took this class, or one it derives from, out of the solution's module by name."""
    remote: Remote = getattr(cls, REMOTE)
    return any(base.__dict__.get(NUMBER) in remote.taken for base in cls.__mro__)


def _raised_by_tests(cls: type, error: Any) -> bool:
    """Whether a `raise` in the tests raised this, and no failed assertion."""
    from opcode import opmap

    remote: Remote = getattr(cls, REMOTE)
    trace = error.__traceback__
    if trace is None or isinstance(error, AssertionError):
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code: types.CodeType = trace.tb_frame.f_code
    return (
        code.co_filename.startswith(remote.tests) and code.co_code[trace.tb_lasti] == opmap["RAISE_VARARGS"]
    )


def _mixed(handle: Handle, result: object, name: str) -> object:
    if type(result) is not type(handle):
        raise UncrossableError(
            f"{name} of {type(handle).__name__} with a value gave {type(result).__name__}, not the same class"
        )
    _own(result)[MIXED] = True
    return result


FORWARDERS: dict[str, Callable[..., Any]] = {name: _forward(name) for name in DUNDERS}
_LOCAL_FOR_VALUES = (
    COMPARISONS | NUMERIC | BINARY | REFLECTED | IN_PLACE | CONTAINER | {"__hash__", "__contains__"}
)


def _local(value: type, bases: list[type]) -> dict[str, Any]:
    """The value's own special methods, over those that another of the bases would send to the solution."""
    shadowed = {
        name for name in _LOCAL_FOR_VALUES for base in bases for cls in base.__mro__ if name in cls.__dict__
    }
    own: dict[str, Any] = {name: getattr(value, name, None) for name in shadowed}
    if own.get("__bool__", True) is None:
        own["__bool__"] = lambda self: len(self) > 0
    return own


def _message(error: Any) -> str:
    text = _own(error).get(MESSAGE)
    return text if text is not None else BaseException.__str__(error)


def _error_attribute(error: Any, name: str) -> Any:
    if NUMBER not in _own(error) or name.startswith("__"):
        raise AttributeError(name)
    return _ask(type(error), "get", error, name)


class Remote(Peer):
    """The driver's end of the channel.

    `tests` is the directory of the tests. `broken` is the first reason why nothing more can be learned from
    the solution; `strain` is the last reason why a pass would say nothing. Both count against a test even
    where the test swallowed what was raised.
    """

    answers = frozenset({"call", "next"})

    def __init__(self, channel: Channel, nonce: str, tests: str) -> None:
        super().__init__(channel, nonce)
        self.tests = f"{tests}/"
        self.broken: str | None = None
        self.timed_out = False
        self.strain: str | None = None
        self.taken: set[int] = set()
        self._lock = RLock()  # tests may have threads; the solution's side has one
        self._classes: dict[int, type] = {}
        self._handles: dict[int, Any] = {}
        self._lent: list[Any] = []
        self._tokens: dict[int, int] = {}

    # --- asking

    def do(self, operation: str, *operands: object) -> Any:
        """Have one operation done on the solution's side; give what it returned, raise what it raised."""
        if self.broken is not None:
            raise SolutionFault(self.broken)
        try:
            with self._lock:
                raised, value = self._exchange(operation, operands)
        except WireError as problem:
            self.broken, self.timed_out = str(problem), isinstance(problem, TimeUpError)
            raise SolutionFault(self.broken) from None
        except TooLargeError as problem:
            self.strain = str(problem)
            raise UncrossableError(self.strain) from None
        except UncrossableError as problem:
            self.strain = str(problem)
            raise
        if raised:
            name = operands[1] if operation == "method" else operation
            if isinstance(value, StopIteration) and name not in ("__next__", "send", "throw"):
                # Out of anything but an iterator it would silently end `map` or a loop of the test.
                self.strain = "StopIteration from what is no iterator"
            raise value
        return value

    def _exchange(self, operation: str, operands: tuple[object, ...]) -> tuple[bool, Any]:
        match self.ask("do", operation, *[self.encode(operand) for operand in operands]):
            case ["ok", value]:
                return False, self.decode(value)
            case ["raise", value]:
                error = self.decode(value)
                if isinstance(error, Exception):
                    return True, error
            case ["gone", str(text)]:
                self.strain = text[:MAX_NAME]
                return True, SolutionFault(self.strain)
            case ["fault", str(text)]:
                raise TooLargeError(text[:MAX_NAME])
        raise WireError("an answer is not in its form")

    # --- answering: only what a test handed over can be called, and nothing of it can be looked at

    def answer(self, kind: str, fields: list[Encoded]) -> list[Encoded]:
        token, *rest = fields or [None]
        if type(token) is not int or not 0 <= token < len(self._lent):
            raise WireError("a call of something that was never handed over")
        try:
            if kind == "next" and not rest:
                return ["ok", self.encode(next(self._lent[token]))]
            if kind == "call" and len(rest) == 2:
                args, kwargs = self.decode(rest[0]), self.decode(rest[1])
                if type(args) is tuple and type(kwargs) is dict and all(type(name) is str for name in kwargs):
                    return ["ok", self.encode(self._lent[token](*args, **kwargs))]
        except WireError:
            raise
        except (TooLargeError, UncrossableError, SolutionFault) as problem:
            if self.broken is not None:
                raise WireError(self.broken) from None
            self.strain = str(problem)
            return ["fault", self.strain]
        except Exception as error:  # noqa: BLE001 - what a test's callable raises is its answer
            if isinstance(error, AssertionError):
                self.strain = f"in a call by the solution: {error}"
            return ["raise", self._lend_error(error)]
        raise WireError("a call is not in its form")

    def _lend(self, value: Any) -> int:
        token = self._tokens.get(id(value))
        if token is None:
            token = self._tokens[id(value)] = len(self._lent)
            self._lent.append(value)
        return token

    def _lend_error(self, error: BaseException) -> Encoded:
        if NUMBER in _own(error):
            return ["o", _own(error)[NUMBER]]
        base = next((kind for kind in type(error).__mro__ if kind in EXCEPTIONS), Exception)
        try:
            args = self.encode(error.args)
        except (TooLargeError, UncrossableError):
            args = self.encode((str(error)[:MAX_NAME],))
        return ["x", TYPE_NAMES[base], type(error).__name__, args, self._lend(error)]

    # --- references

    def refer(self, value: Any, depth: int) -> Encoded:
        if isinstance(value, Handle):
            return ["o", _own(value)[NUMBER]]
        if isinstance(value, Method):
            return ["m", self.encode(value.__self__), value.__name__]
        if isinstance(value, BaseException):
            return self._lend_error(value)
        if isinstance(value, RemoteType):
            return ["o", value.__dict__[NUMBER]]
        if isinstance(value, type) and value in TYPE_NAMES:
            return ["ty", TYPE_NAMES[value]]
        if isinstance(value, Iterator):
            return ["it", self._lend(value)]
        if callable(value):
            named = isinstance(value, types.FunctionType | types.MethodType | type)
            return ["fn", self._lend(value), value.__name__ if named else "callable"]
        raise UncrossableError(f"a {type(value).__name__} of the tests cannot be passed to the solution")

    def resolve(self, tag: str, fields: list[Encoded], depth: int) -> Any:
        match tag, fields:
            case "o", [int(number), cls]:
                return self._handle(number, cls, depth)
            case "v", [int(number), cls, value]:
                return self._handle(number, cls, depth, [self.decode(value, depth + 1)])
            case "k", [int(number), *description]:
                return self._class(number, description, depth)
            case "ty", [str(name)] if name in TYPES:
                return TYPES[name]
            case "lent", [int(token)] if 0 <= token < len(self._lent):
                return self._lent[token]
            case "m", [owner, str(name)]:
                handle = self.decode(owner, depth + 1)
                if isinstance(handle, Handle):
                    return Method(handle, name[:MAX_NAME])
            case "x", [cls, args, text, number, cause]:
                return self._error(
                    self.decode(cls, depth + 1), self.decode(args, depth + 1), text, number, cause, depth
                )
        raise WireError(f"a reference is not in its form ({tag[:20]!a})")

    def _handle(self, number: int, cls: Encoded, depth: int, value: list[Any] | None = None) -> Any:
        found = self._handles.get(number)
        if found is not None:
            return found
        kind = self.decode(cls, depth + 1)
        if not isinstance(kind, RemoteType) or not issubclass(kind, Handle):
            raise WireError("a handle has no class")
        base = next((base for base in VALUE_BASES if issubclass(kind, base)), None)
        if (base is None) != (value is None) or (value is not None and type(value[0]) is not base):
            raise WireError("a handle's value does not fit its class")
        maker: Any = base or object
        made = maker.__new__(kind, *(value or ()))
        _own(made)[NUMBER] = number
        self._handles[number] = made
        return made

    def _class(self, number: int, description: list[Encoded], depth: int) -> type:
        known = self._classes.get(number)
        if known is not None:
            return known
        match description:
            case [str(name), list(bases), list(dunders)] if depth < MAX_DEPTH and len(name) <= MAX_NAME:
                parents = [self.decode(base, depth + 1) for base in bases]
            case _:
                raise WireError("a class is not described in its form")
        if not all(isinstance(parent, type) for parent in parents):
            raise WireError("a class derives from something that is no class")
        self._classes[number] = made = self._make_class(
            number, name, parents, {d for d in dunders if type(d) is str}
        )
        return made

    def _make_class(self, number: int, name: str, parents: list[type], dunders: set[str]) -> type:
        namespace: dict[str, Any] = {REMOTE: self, NUMBER: number, "__module__": "solution"}
        errors = [parent for parent in parents if issubclass(parent, BaseException)]
        if errors:
            bases: list[type] = [error for error in errors if error is not BaseException] or [Exception]
            namespace |= {"__str__": _message, "__getattr__": _error_attribute}
        else:
            bases = [parent for parent in parents if issubclass(parent, Handle) or parent in VALUE_BASES]
            if not any(issubclass(base, Handle) for base in bases):
                bases.append(Handle)
            value = next((base for parent in bases for base in VALUE_BASES if issubclass(parent, base)), None)
            if value is not None:
                dunders = dunders - _LOCAL_FOR_VALUES
                namespace |= _local(value, bases)
            elif "__hash__ = None" in dunders:
                namespace["__hash__"] = None
            namespace |= {dunder: FORWARDERS[dunder] for dunder in dunders & DUNDERS}
            look = _LOOKS.get(name)
            if look is not None:
                namespace["__class__"] = property(lambda self: look)
        try:
            return RemoteType(name, tuple(bases), namespace)
        except (TypeError, ValueError) as error:
            raise WireError(f"a class cannot be built ({str(error)[:MAX_NAME]})") from None

    def _error(
        self, cls: Any, args: Any, text: Encoded, number: Encoded, cause: Encoded, depth: int
    ) -> BaseException:
        if type(args) is not tuple or not (text is None or type(text) is str):
            raise WireError("an exception is not in its form")
        if cls in EXCEPTIONS:
            try:
                error = cls(*args)
            except Exception:  # noqa: BLE001 - a class that is picky about its arguments
                error = cls.__new__(cls)
                error.args = args
        elif isinstance(cls, RemoteType) and issubclass(cls, Exception) and type(number) is int:
            known: BaseException | None = self._handles.get(number)
            if known is not None:
                return known
            error = cls.__new__(cls, *args)
            error.args = args
            _own(error).update({NUMBER: number, MESSAGE: text})
            self._handles[number] = error
        else:
            raise WireError("an exception has no class")
        if cause is not None:
            reason = self.decode(cause, depth + 1)
            if not isinstance(reason, BaseException):
                raise WireError("an exception's cause is no exception")
            error.__cause__ = reason
        found: BaseException = error
        return found


_LOOKS: dict[str, type] = {
    "function": types.FunctionType,
    "generator": types.GeneratorType,
}
"""Built-in classes that tests ask for with `isinstance`; what a handle looks like gives nothing away."""
