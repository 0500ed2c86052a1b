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
from collections.abc import Callable, Iterator

from sandbox.grader.wire import BINARY, COMPARISONS, CONTAINER, DUNDERS, IN_PLACE, NUMERIC, REFLECTED

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is not worth its import here
    from typing import Any, NoReturn, TypeVar

    from sandbox.grader.remote import Remote

    _Plain = TypeVar("_Plain")

# Attribute names that no source text can spell, so that they hide nothing of the solution's.
REMOTE, NUMBER, MADE, MIXED, MESSAGE = "<remote>", "<number>", "<made>", "<mixed>", "<message>"


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
            state_of(made)[MADE] = True
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


def state_of(handle: object) -> dict[str, Any]:
    found: dict[str, Any] = object.__getattribute__(handle, "__dict__")
    return found


def _forward(name: str) -> Callable[..., Any]:
    """The special method `name` of a handle's class, as far as the rules allow it."""

    def plain(self: Handle, *operands: object) -> Any:
        return _ask(type(self), name, self, *operands)

    def integer(self: Handle) -> Any:
        if name == "__len__" and MIXED in state_of(self):
            raise UncrossableError(f"{name} of {type(self).__name__} after an operator with a value")
        return _exactly(int, _ask(type(self), name, self))

    def call(self: Handle, *args: object, **kwargs: object) -> Any:
        return _ask(type(self), name, self, args, kwargs)

    def compare(self: Handle, other: object) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return _exactly(bool, _ask(type(self), name, self, other))

    def contains(self: Handle, item: object) -> Any:
        if MADE not in state_of(self):
            items: Any = self
            return any(item is own or item == own for own in items)
        return _exactly(bool, _ask(type(self), name, self, item))

    def numeric(self: Handle, *operands: object) -> Any:
        result = _ask(type(self), name, self, *operands)
        return _mixed(self, result, name) if MIXED in state_of(self) else result

    def binary(self: Handle, other: object) -> Any:
        if isinstance(other, Handle):
            result = _ask(type(self), name, self, other)
            return (
                _mixed(self, result, name) if MIXED in state_of(self) or MIXED in state_of(other) else result
            )
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
    state_of(result)[MIXED] = True
    return result


FORWARDERS: dict[str, Callable[..., Any]] = {name: _forward(name) for name in DUNDERS}
LOCAL_FOR_VALUES = (
    COMPARISONS | NUMERIC | BINARY | REFLECTED | IN_PLACE | CONTAINER | {"__hash__", "__contains__"}
)


def local(value: type, bases: list[type]) -> dict[str, Any]:
    """The value's own special methods, over those that another of the bases would send to the solution."""
    shadowed = {
        name for name in LOCAL_FOR_VALUES for base in bases for cls in base.__mro__ if name in cls.__dict__
    }
    own: dict[str, Any] = {name: getattr(value, name, None) for name in shadowed}
    if own.get("__bool__", True) is None:
        own["__bool__"] = lambda self: len(self) > 0
    return own


def message(error: Any) -> str:
    text = state_of(error).get(MESSAGE)
    return text if text is not None else BaseException.__str__(error)


def error_attribute(error: Any, name: str) -> Any:
    if NUMBER not in state_of(error) or name.startswith("__"):
        raise AttributeError(name)
    return _ask(type(error), "get", error, name)
