"""The channel's rules, and what the driver makes of a solution's side that breaks them."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.grader.proxies import SolutionFault, UncrossableError
from sandbox.grader.remote import Remote
from sandbox.grader.wire import (
    MAX_DEPTH,
    MAX_MESSAGE_BYTES,
    MAX_REQUESTS,
    Channel,
    Codec,
    TooLargeError,
    WireError,
    pack,
    unpack,
)

hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.dates()
    | st.timedeltas()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=8,
)
values = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.sets(hashable, max_size=4)
        | st.lists(inner, max_size=3).map(deque)
    ),
    max_leaves=12,
)


def types_of(value: Any) -> Any:
    """The value's types, all the way down, in order."""
    if isinstance(value, dict):
        return type(value), [(types_of(k), types_of(v)) for k, v in value.items()]
    if isinstance(value, list | tuple | deque):
        return type(value), [types_of(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(str, map(types_of, value)))
    return type(value)


@given(values)
def test_a_plain_value_comes_back_equal_and_of_the_same_types(value: object) -> None:
    back = Codec().decode(unpack(pack(["", 0, Codec().encode(value)]))[2])
    assert back == value
    assert types_of(back) == types_of(value)


def test_what_json_cannot_say_crosses_all_the_same() -> None:
    for value in (
        math.inf,
        -math.inf,
        2**10_000,
        "\ud83d\ude00",
        "\udfff",
        OrderedDict(b=1, a=2),
        Counter("ab"),
    ):
        assert Codec().decode(json.loads(json.dumps(Codec().encode(value)))) == value
    assert math.isnan(Codec().decode(Codec().encode(math.nan)))


def test_too_large_and_too_deep_values_are_refused_by_the_sender() -> None:
    deep: list[Any] = []
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(TooLargeError, match="nested"):
        Codec().encode(deep)
    with pytest.raises(TooLargeError, match="bytes"):
        pack(["x" * MAX_MESSAGE_BYTES])


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"a": 1},
        [],
        [1],
        [None],
        [["l"]],
        ["i", 5],
        ["i", "zz"],
        ["f", "1.5"],
        ["b", "xyz"],
        ["b", 3],
        ["S", 1, 1],
        ["S", ["l"]],
        ["F", ["d"]],
        ["d", [1, 2], [1, 3]],
        ["d", [1]],
        ["d", [["l"], 1]],
        ["d", 1],
        ["C", ["a", 1], ["a", 2]],
        ["Q", 1, 0],
        ["Q", "1", 2],
        ["D", "one"],
        ["D", 1],
        ["T", "date", "tomorrow"],
        ["T", "fromtimestamp", "0"],
        ["T", "timedelta", 10**30],
        ["r", 1, 2, 0],
        ["r", 1.5, 2, 1],
        ["s", -1],
        ["s", "a"],
        ["c", 1, 2],
        json.loads("[" * 200 + "]" * 200),
        json.loads('["l",' * 100 + "1" + "]" * 100),
    ],
)
def test_what_is_not_in_its_crossing_form_is_refused(data: object) -> None:
    class Plain(Codec):
        def resolve(self, tag: str, fields: list[Any], depth: int) -> object:
            raise WireError("no references here")

    with pytest.raises(WireError):
        Plain().decode(data)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[1,2]", b"[NaN,1,2]", b"[" * 100_000, b"nonsense", b'"' + b"\xff", b"[1e5,Infinity,1]"],
)
def test_what_is_not_a_message_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        unpack(body)


# --- the driver against a solution's side whose answers are written out here


class Wire:
    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.remote = Remote(Channel(self.ours.fileno(), time.monotonic() + 2), "nonce", "/tests")

    def says(self, *message: object) -> None:
        body = json.dumps(message).encode()
        self.theirs.sendall(len(body).to_bytes(4, "big") + body)

    def heard(self) -> list[Any]:
        size = int.from_bytes(self.theirs.recv(4), "big")
        return list(json.loads(self.theirs.recv(size)))

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


FUNCTION = ["o", 1, ["k", 0, "function", [["ty", "object"]], ["__call__"]]]


@pytest.mark.parametrize(
    "message",
    [
        ["other", 1, "ok", 3],
        ["nonce", 2, "ok", 3],
        ["nonce", 0, "ok", 3],
        ["nonce", "1", "ok", 3],
        ["nonce", 1, ["ok"], 3],
        ["nonce", 1, "ok"],
        ["nonce", 1, "ok", 3, 4],
        ["nonce", 1, "fine", 3],
        ["nonce", 1, "do", "get"],
        ["nonce", 1, "ok", ["o", 1]],
        ["nonce", 1, "ok", ["o", "1", FUNCTION[2]]],
        ["nonce", 1, "ok", ["o", 1, ["ty", "int"]]],
        ["nonce", 1, "ok", ["o", 1, ["k", 7]]],
        ["nonce", 1, "ok", ["v", 1, ["k", 7, "V", [["ty", "float"]], []], "text"]],
        ["nonce", 1, "ok", ["v", 1, ["k", 7, "V", [["ty", "object"]], []], 1.5]],
        ["nonce", 1, "ok", ["k", 7, "V", [3], []]],
        ["nonce", 1, "ok", ["k", 7, "V", [["ty", "int"], ["ty", "str"]], []]],
        ["nonce", 1, "ok", ["k", 7, "V" * 500, [], []]],
        ["nonce", 1, "ok", ["ty", "SystemExit"]],
        ["nonce", 1, "ok", ["ty", "os.system"]],
        ["nonce", 1, "ok", ["lent", 0]],
        ["nonce", 1, "ok", ["lent", -1]],
        ["nonce", 1, "ok", ["m", 3, "real"]],
        ["nonce", 1, "raise", 3],
        ["nonce", 1, "raise", ["ty", "ValueError"]],
        ["nonce", 1, "raise", ["x", ["ty", "BaseException"], ["t"], None, None, None]],
        ["nonce", 1, "raise", ["x", ["ty", "ValueError"], ["l"], None, None, None]],
        ["nonce", 1, "raise", ["x", ["ty", "ValueError"], ["t"], None, None, 3]],
        ["nonce", 1, "raise", ["x", ["ty", "int"], ["t"], None, None, None]],
        ["nonce", 1, "call", 0, ["t"], ["d"]],
        ["nonce", 1, "call", "os.system", ["t"], ["d"]],
        ["nonce", 1, "next", 0],
    ],
)
def test_an_answer_that_breaks_the_rules_ends_all_talk(wire: Wire, message: list[object]) -> None:
    wire.says(*message)
    with pytest.raises(SolutionFault):
        wire.remote.do("get", 1, "name")
    assert wire.remote.broken is not None
    with pytest.raises(SolutionFault):
        wire.remote.do("get", 1, "name")


def test_a_fault_is_no_exception_that_a_test_could_expect() -> None:
    assert not issubclass(SolutionFault, Exception)
    assert not issubclass(UncrossableError, Exception)


def test_silence_is_ended_by_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        remote = Remote(Channel(ours.fileno(), time.monotonic() + 0.1), "nonce", "/tests")
        with pytest.raises(SolutionFault, match="time is up"):
            remote.do("get", 1, "name")
        assert remote.timed_out


def test_a_message_that_claims_to_be_huge_is_not_waited_for(wire: Wire) -> None:
    wire.theirs.sendall((1 << 31).to_bytes(4, "big"))
    with pytest.raises(SolutionFault, match="over the limit"):
        wire.remote.do("get", 1, "name")


def test_a_stream_of_calls_without_an_answer_is_cut_off(wire: Wire) -> None:
    function = [].append
    wire.says("nonce", 1, "ok", None)
    wire.remote.do("set", 1, "callback", function)
    wire.theirs.setblocking(False)
    call = json.dumps(["nonce", 1, "call", 0, ["l"], ["d"]]).encode()
    wire.theirs.send(len(call).to_bytes(4, "big") + call)
    with pytest.raises(SolutionFault, match="not in its form"):
        wire.remote.do("get", 1, "name")


def test_only_so_many_calls_are_served_in_one_run(wire: Wire) -> None:
    wire.says("nonce", 1, "ok", None)
    wire.remote.do("set", 1, "callback", [].append)
    wire.remote._served = MAX_REQUESTS
    wire.says("nonce", 1, "call", 0, ["t"], ["d"])
    with pytest.raises(SolutionFault, match="more than 500000 calls in one run"):
        wire.remote.do("get", 1, "name")


def test_only_what_was_handed_over_can_be_called_and_only_called(wire: Wire) -> None:
    seen: list[object] = []

    def function(x: object) -> str:
        seen.append(x)
        return "done"

    wire.says("nonce", 7, "call", 0, ["t", 5], ["d"])
    wire.says("nonce", 1, "ok", ["lent", 0])
    assert wire.remote.do("call", function) is function
    assert seen == [5]
    assert wire.heard() == ["nonce", 1, "do", "call", ["fn", 0, "function"]]
    assert wire.heard() == ["nonce", 7, "ok", "done"]


def test_a_class_named_like_a_special_one_gets_nothing_for_it(wire: Wire) -> None:
    wire.says(
        "nonce", 1, "raise", ["x", ["k", 9, "SystemExit", [["ty", "BaseException"]], []], ["t"], "", 10, None]
    )
    with pytest.raises(Exception, match=r"^$") as caught:
        wire.remote.do("get", 1, "name")
    assert type(caught.value).__name__ == "SystemExit"
    assert not isinstance(caught.value, SystemExit)


def test_values_of_a_subclass_compare_by_the_value_that_crossed(wire: Wire) -> None:
    dunders = ["__eq__", "__ne__", "__sub__", "__abs__", "__lt__", "__bool__", "__contains__", "__hash__"]
    wire.says("nonce", 1, "ok", ["v", 1, ["k", 0, "Evil", [["ty", "float"]], dunders], 1.5])
    value = wire.remote.do("get", 1, "name")
    os.set_blocking(wire.theirs.fileno(), False)
    assert value == 1.5
    assert value != 2.0
    assert value - 1 == 0.5
    assert not value < 1
    assert hash(value) == hash(1.5)
    assert wire.heard()[2] == "do"
    with pytest.raises(BlockingIOError):
        wire.theirs.recv(1)


def test_dates_and_numbers_arrive_as_their_own_types() -> None:
    codec = Codec()
    for value in (date(2024, 1, 1), timedelta(seconds=1), Decimal("NaN"), Fraction(1, 3)):
        assert type(codec.decode(codec.encode(value))) is type(value)
