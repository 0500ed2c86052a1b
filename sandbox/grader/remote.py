"""The driver's end of the channel: what the solution's side says, turned into the stand-ins of `proxies`."""

from __future__ import annotations

import types
from _thread import RLock
from collections.abc import Iterator

from sandbox.grader.proxies import (
    FORWARDERS,
    LOCAL_FOR_VALUES,
    MESSAGE,
    NUMBER,
    REMOTE,
    Handle,
    Method,
    RemoteType,
    SolutionFault,
    UncrossableError,
    error_attribute,
    local,
    message,
    state_of,
)
from sandbox.grader.wire import (
    DUNDERS,
    EXCEPTIONS,
    MAX_DEPTH,
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
    from typing import Any

    from sandbox.grader.wire import Encoded

MAX_NAME = 200

VALUE_BASES = (int, float, complex, str, bytes, tuple, frozenset)
"""Immutable built-ins: an instance of a solution's subclass of one of them carries its value with it."""

_LOOKS: dict[str, type] = {
    "function": types.FunctionType,
    "generator": types.GeneratorType,
}
"""Built-in classes that tests ask for with `isinstance`; what a handle looks like gives nothing away."""


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
        if NUMBER in state_of(error):
            return ["o", state_of(error)[NUMBER]]
        base = next((kind for kind in type(error).__mro__ if kind in EXCEPTIONS), Exception)
        try:
            args = self.encode(error.args)
        except (TooLargeError, UncrossableError):
            args = self.encode((str(error)[:MAX_NAME],))
        return ["x", TYPE_NAMES[base], type(error).__name__, args, self._lend(error)]

    # --- references

    def refer(self, value: Any, depth: int) -> Encoded:
        if isinstance(value, Handle):
            return ["o", state_of(value)[NUMBER]]
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
        state_of(made)[NUMBER] = number
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
            namespace |= {"__str__": message, "__getattr__": error_attribute}
        else:
            bases = [parent for parent in parents if issubclass(parent, Handle) or parent in VALUE_BASES]
            if not any(issubclass(base, Handle) for base in bases):
                bases.append(Handle)
            value = next((base for parent in bases for base in VALUE_BASES if issubclass(parent, base)), None)
            if value is not None:
                dunders = dunders - LOCAL_FOR_VALUES
                namespace |= local(value, bases)
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
            state_of(error).update({NUMBER: number, MESSAGE: text})
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
