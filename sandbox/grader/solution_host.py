"""The untrusted side of tier A: holds the solution and does what the test driver asks.

Started as `main(workspace)` with the channel as file descriptor 3. Nothing here guards anything: whatever
the solution does to this process, the driver takes from it only what the rules of the channel let through.
"""

from __future__ import annotations

import copy
import importlib
import math
import operator
import os
import sys
from collections.abc import Callable, Iterator
from types import MethodType

from sandbox.grader.wire import (
    BINARY,
    COMPARISONS,
    DUNDERS,
    EXCEPTIONS,
    IN_PLACE,
    REFLECTED,
    TYPE_NAMES,
    TYPES,
    Channel,
    Peer,
    TooLargeError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is not worth its import here
    from typing import Any

    from sandbox.grader.wire import Encoded

CHANNEL_FD = 3
MAX_TEXT = 10_000
MUTABLE = (list, dict, set, bytearray)
VALUE_BASES = (int, float, complex, str, bytes, tuple, frozenset)


def _reflected(name: str) -> Callable[[Any, Any], Any]:
    plain = _operator(name.replace("__r", "__", 1))
    return lambda own, other: plain(other, own)


def _operator(name: str) -> Callable[[Any, Any], Any]:
    return divmod if name == "__divmod__" else getattr(operator, name)


def _names(module: Any) -> list[str]:
    listed = getattr(module, "__all__", None)
    return [name for name in vars(module) if not name.startswith("_")] if listed is None else list(listed)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "import": importlib.import_module,
    "names": _names,
    "get": getattr,
    "function": getattr,
    "set": setattr,
    "del": delattr,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "method": lambda owner, name, args, kwargs: getattr(owner, name)(*args, **kwargs),
    "__call__": lambda function, args, kwargs: function(*args, **kwargs),
    **{name: _operator(name) for name in BINARY | IN_PLACE},
    **{name: _reflected(name) for name in REFLECTED},
    **{name: _operator(name) for name in COMPARISONS},
    **{name: _operator(name) for name in ("__abs__", "__neg__", "__pos__", "__invert__", "__index__")},
    **{
        name: getattr(operator, name)
        for name in ("__getitem__", "__setitem__", "__delitem__", "__contains__")
    },
    "__round__": round,
    "__trunc__": math.trunc,
    "__floor__": math.floor,
    "__ceil__": math.ceil,
    "__int__": int,
    "__float__": float,
    "__complex__": complex,
    "__bool__": bool,
    "__str__": str,
    "__repr__": repr,
    "__format__": format,
    "__bytes__": bytes,
    "__len__": len,
    "__iter__": iter,
    "__next__": next,
    "__reversed__": reversed,
    "__hash__": hash,
    "__enter__": lambda manager: type(manager).__enter__(manager),
    "__exit__": lambda manager, *error: type(manager).__exit__(manager, *error),
}


class DriverError(RuntimeError):
    """What a test handed over could not be asked."""


class Borrowed:
    """An iterator of the tests."""

    def __init__(self, objects: Objects, token: int) -> None:
        self._objects = objects
        self._token = token

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._objects.call_back("next", self._token)


class Objects(Peer):
    """The solution's end of the channel: every object that went out, by number."""

    answers = frozenset({"do"})

    def __init__(self, channel: Channel, nonce: str) -> None:
        super().__init__(channel, nonce)
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._described: set[int] = set()
        self._borrowed: dict[int, Any] = {}
        self._tokens: dict[int, int] = {}
        self._error_types: dict[tuple[str, str], type] = {}

    # --- answering

    def answer(self, kind: str, fields: list[Encoded]) -> list[Encoded]:
        operation, *operands = fields
        try:
            result = OPERATIONS[operation](*[self.decode(operand) for operand in operands])
            # For "function" the bound method itself is wanted, not its short form.
            return ["ok", self._whole(result) if operation == "function" else self.encode(result)]
        except (TooLargeError, RecursionError) as error:
            if isinstance(error, TooLargeError):
                return ["fault", str(error)]
            return self._raised(error)
        except Exception as error:  # noqa: BLE001 - whatever the solution raises is its answer
            return self._raised(error)
        except BaseException as error:  # noqa: BLE001 - SystemExit and its like are no answer
            return ["gone", f"the solution raised {type(error).__name__}"]

    def _raised(self, error: Exception) -> list[Encoded]:
        try:
            return ["raise", self._error(error, 0)]
        except TooLargeError as problem:
            return ["fault", str(problem)]
        except BaseException as problem:  # noqa: BLE001 - an exception that cannot be looked at
            return [
                "gone",
                f"the solution raised {type(error).__name__}, which raised {type(problem).__name__}",
            ]

    def call_back(self, kind: str, token: int, *fields: Encoded) -> Any:
        what, value = self.ask(kind, token, *fields)
        if what == "ok":
            return self.decode(value)
        if what == "raise":
            raise self.decode(value)
        raise DriverError(value)

    # --- references

    def _number(self, value: object) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return number

    def _whole(self, value: Any, depth: int = 0) -> Encoded:
        return ["o", self._number(value), self._class(type(value), depth + 1)]

    def refer(self, value: Any, depth: int) -> Encoded:
        if id(value) in self._tokens:
            return ["lent", self._tokens[id(value)]]
        if isinstance(value, type):
            return self._class(value, depth + 1)
        if isinstance(value, Exception):
            return self._error(value, depth + 1)
        if type(value) is MethodType and _defines(type(value.__self__), value):
            return ["m", self.encode(value.__self__, depth + 1), value.__func__.__name__]
        base = next((base for base in VALUE_BASES if isinstance(value, base)), None)
        if base is not None:
            own = self.encode(_base_value(base, value), depth + 1)
            return ["v", self._number(value), self._class(type(value), depth + 1), own]
        return self._whole(value, depth)

    def _class(self, cls: type, depth: int) -> Encoded:
        name = TYPE_NAMES.get(cls)
        if name is not None:
            return ["ty", name]
        number = self._number(cls)
        if number in self._described:
            return ["k", number]
        self._described.add(number)
        own = [cls, *[base for base in cls.__mro__ if base in MUTABLE]]
        defined = [base.__dict__ for base in own]
        dunders = {name for names in defined for name in DUNDERS.intersection(names) if names[name]}
        if any(names.get("__hash__", True) is None for names in defined):
            dunders.add("__hash__ = None")
            dunders.discard("__hash__")
        bases = [self._class(base, depth + 1) for base in cls.__bases__]
        return ["k", number, str(cls.__name__), bases, sorted(dunders)]

    def _error(self, error: BaseException, depth: int) -> Encoded:
        if id(error) in self._tokens:
            return ["lent", self._tokens[id(error)]]
        cls = type(error)
        number = text = None
        if cls not in EXCEPTIONS:
            number, text = self._number(error), self._text(error)
        cause = error.__cause__
        reason = self._error(cause, depth + 1) if isinstance(cause, Exception) and depth < 8 else None
        args = self.encode(tuple(error.args), depth + 1)
        return ["x", self._class(cls, depth + 1), args, text, number, reason]

    @staticmethod
    def _text(error: BaseException) -> Encoded:
        try:
            text = str(error)[:MAX_TEXT]
            text.encode()
        except Exception:  # noqa: BLE001 - the solution's own `__str__`
            return None
        return text

    def resolve(self, tag: str, fields: list[Encoded], depth: int) -> Any:
        if tag == "o":
            return self._objects[fields[0]]
        if tag == "m":
            return getattr(self.decode(fields[0]), fields[1])
        if tag == "ty":
            return TYPES[fields[0]]
        if tag == "fn":
            return self._borrow(fields[0], lambda token: self._function(token, fields[1]))
        if tag == "it":
            return self._borrow(fields[0], lambda token: Borrowed(self, token))
        if tag == "x":
            return self._borrow(fields[3], lambda token: self._driver_error(*fields[:3]))
        raise ValueError(tag)

    def _borrow(self, token: int, make: Callable[[int], Any]) -> Any:
        if token not in self._borrowed:
            made = self._borrowed[token] = make(token)
            self._tokens[id(made)] = token
        return self._borrowed[token]

    def _function(self, token: int, name: str) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:
            return self.call_back("call", token, self.encode(args), self.encode(kwargs))

        function.__name__ = function.__qualname__ = name
        return function

    def _driver_error(self, base: str, name: str, args: Encoded) -> BaseException:
        cls = TYPES[base]
        if name != base:
            known = self._error_types.get((base, name))
            cls = self._error_types[base, name] = known or _subclass(name, cls)
        values = self.decode(args)
        error: BaseException
        try:
            error = cls(*values)
        except Exception:  # noqa: BLE001 - a class that is picky about its arguments
            error = BaseException.__new__(cls)
            error.args = values
        return error


def _subclass(name: str, base: type) -> type:
    made: type = type(base)(name, (base,), {})
    return made


def _defines(cls: type, method: MethodType) -> bool:
    name = getattr(method.__func__, "__name__", "")
    found = next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), None)
    return found is method.__func__ and not isinstance(method.__self__, type)


def _base_value(base: type, value: Any) -> Any:
    """The bare built-in value of an instance of a subclass, past any method that the subclass overrides."""
    if base is int:
        return int.__add__(value, 0)
    if base is float:
        return float.__add__(value, 0.0) if value == value else math.nan
    if base is str:
        return str.__str__(value) if type(str.__str__(value)) is str else str.__getitem__(value, slice(None))
    if base is complex:
        return complex(complex.real.__get__(value), complex.imag.__get__(value))
    if base is bytes:
        return bytes.__getitem__(value, slice(None))
    plain: Any = base
    return plain(plain.__iter__(value))


def main(workspace: str) -> None:
    quiet = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(quiet, fd)
    sys.path.insert(0, workspace)
    channel = Channel(CHANNEL_FD)
    _, _, kind, nonce = channel.receive()
    channel.send([nonce, 0, "ready"])
    if kind == "start":
        Objects(channel, nonce).serve_for_ever()
    os._exit(0)
