from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgm.llm import Allowance, Gateway, Price, PriceTable, RolloutSpec, Spent, Tokens, UnknownPriceError
from dgm.llm.budget import InputBounds, Ledger, read_usage
from dgm.llm.errors import AllowanceSpentError, GatewayConfigError
from tests.dgm.llm.conftest import Connect, spec
from tests.fake_upstream import FakeUpstream

PRICE = Price(input=1000, cached=100, output=10_000)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ledger(**parts: Any) -> Ledger:
    return Ledger(Allowance(**parts), Clock())


def test_calls_and_seconds_end() -> None:
    clock = Clock()
    book = Ledger(Allowance(calls=2, seconds=10.0), clock)
    book.begin()
    clock.now = 9.0
    book.begin()
    with pytest.raises(AllowanceSpentError, match="calls"):
        book.begin()
    clock.now = 10.0
    with pytest.raises(AllowanceSpentError, match="seconds"):
        book.begin()


def test_the_output_limit_is_lowered_to_what_is_left() -> None:
    book = ledger(tokens=1000)
    hold = book.hold(input_tokens=400, output_tokens=5000, price=PRICE)
    assert hold is not None
    assert hold.tokens == Tokens(input=400, output=600)
    book.settle(hold, Tokens(input=300, output=100), 0)
    hold = book.hold(input_tokens=400, output_tokens=100, price=PRICE)
    assert hold is not None
    assert hold.tokens.output == 100
    book.settle(hold, Tokens(input=400, output=100), 0)
    with pytest.raises(AllowanceSpentError, match="tokens"):
        book.hold(input_tokens=90, output_tokens=100, price=PRICE)
    assert book.hold(input_tokens=90, output_tokens=10, price=PRICE) is not None


def test_money_lowers_the_limit_too() -> None:
    book = ledger(microusd=1000, tokens=1_000_000)
    hold = book.hold(input_tokens=100, output_tokens=5000, price=PRICE)
    assert hold is not None
    assert (hold.tokens.output, hold.microusd) == (90, 1000)
    book.settle(hold, hold.tokens, 1000)
    with pytest.raises(AllowanceSpentError) as caught:
        book.hold(input_tokens=1, output_tokens=1, price=PRICE)
    assert caught.value.spent is Spent.MONEY
    assert book.hold(input_tokens=1, output_tokens=50, price=Price(input=0, cached=0, output=0)) is not None


def test_a_call_waits_for_those_in_flight_rather_than_being_cut_short() -> None:
    book = ledger(tokens=1000)
    first = book.hold(input_tokens=100, output_tokens=700, price=PRICE)
    assert first is not None
    assert book.hold(input_tokens=100, output_tokens=500, price=PRICE) is None
    small = book.hold(input_tokens=100, output_tokens=100, price=PRICE)
    assert small is not None
    book.settle(first, Tokens(input=100, output=10), 0)
    assert book.hold(input_tokens=100, output_tokens=500, price=PRICE) is not None


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 500), st.floats(0, 1)), max_size=30),
    st.integers(0, 3000),
    st.integers(0, 20_000),
)
def test_used_and_held_never_exceed_the_allowance(
    calls: list[tuple[int, int, float]], tokens: int, microusd: int
) -> None:
    book = ledger(tokens=tokens, microusd=microusd)
    held, used_tokens, used_microusd = [], 0, 0
    for input_tokens, output_tokens, share in calls:
        try:
            hold = book.hold(input_tokens=input_tokens, output_tokens=output_tokens, price=PRICE)
        except AllowanceSpentError:
            continue
        if hold is not None:
            held.append((hold, share))
        elif held:
            done, part = held.pop(0)
            used = Tokens(input=done.tokens.input, output=int(done.tokens.output * part))
            cost = PRICE.cost_microusd(used)
            book.settle(done, used, cost)
            used_tokens, used_microusd = used_tokens + used.total, used_microusd + cost
        assert used_tokens + sum(hold.tokens.total for hold, _ in held) <= tokens
        assert used_microusd + sum(hold.microusd for hold, _ in held) <= microusd


def test_input_is_bounded_by_bytes_and_then_by_what_was_told() -> None:
    bounds = InputBounds()
    first: dict[str, Any] = {"messages": [{"role": "user", "content": "x" * 4000}]}
    assert bounds.bound(first) > 4000
    bounds.learn(first, 1000)
    assert bounds.bound(first) == 1000
    longer = {"messages": [*first["messages"], {"role": "user", "content": "y" * 100}]}
    assert 1100 < bounds.bound(longer) < 1200
    assert bounds.bound({**longer, "tools": [{"type": "function"}]}) > 4000
    changed = {"messages": [{"role": "user", "content": "z" * 4000}, *longer["messages"][1:]]}
    assert bounds.bound(changed) > 4000


def test_usage_is_read_or_not_believed() -> None:
    most = Tokens(input=100, output=50)
    assert read_usage({"prompt_tokens": 10, "completion_tokens": 5}, most) == (
        Tokens(input=10, output=5),
        True,
    )
    assert read_usage({"prompt_tokens": 10, "completion_tokens": 60}, most) == (
        Tokens(input=10, output=60),
        False,
    )
    assert read_usage({"prompt_tokens": 10, "completion_tokens": True}, most) == (most, False)
    details = {"prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": 5}}
    told, believed = read_usage({"prompt_tokens": 10, "completion_tokens": 5, **details}, most)
    assert (told.reasoning, believed) == (5, True)


def test_prices_are_packaged_dated_and_overridden() -> None:
    table = PriceTable.packaged(
        {"mine": {"input": 2, "output": 4.5}, "gpt-5-mini": {"input": 9, "output": 9}}
    )
    assert table.date >= "2026"
    mine = table.get("mine")
    assert mine == Price(input=2000, cached=2000, output=4500)
    assert mine.cost_microusd(Tokens(input=10, cached=5, output=1)) == 25  # 24.5, rounded up
    assert table.prices["gpt-5-mini"].input == 9000
    assert [model for model, price in table.prices.items() if price.made_up] == ["rehearsal"]
    with pytest.raises(UnknownPriceError, match=r"set llm\.price\.other\.input"):
        table.require(["mine", "other"])
    for entry in (
        {"input": 1},
        {"output": 3},
        {"input": -1, "output": 1},
        {"input": 1, "output": "x"},
        {"inptu": 1, "output": 1},
        {"input": 1, "cached": 2, "output": 3},
    ):
        with pytest.raises(GatewayConfigError, match=r"llm\.price\.bad"):
            PriceTable.packaged({"bad": entry})


def ask(client: openai.OpenAI, content: str = "hello", **more: Any) -> int:
    """One call; its status."""
    try:
        client.chat.completions.create(model="solve", messages=[{"role": "user", "content": content}], **more)
    except openai.PermissionDeniedError as error:
        return error.status_code if error.code == "allowance_spent" else 0
    return 200


def test_a_number_of_calls_is_held_exactly(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    client = connect(gateway.open(spec(allowance=Allowance(calls=20))))
    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda _: ask(client), range(50)))
    record = gateway.close("r0")
    assert sorted(seen) == [200] * 20 + [403] * 30
    assert upstream.counts()["requests"] == 20
    assert (len(record.calls), record.refused, record.spent) == (20, 30, Spent.CALLS)
    assert [call.n for call in record.calls] == list(range(20))


@pytest.mark.parametrize("stream", [False, True])
def test_money_and_tokens_are_never_exceeded_by_concurrent_calls(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, stream: bool
) -> None:
    """Each answer is as long as its limit allows, so every call costs all that it can."""
    allowance = Allowance(tokens=40_000, microusd=200_000)
    upstream.script(*[{"do": "answer", "text": "x" * 8000, "delay_s": 0.01, "piece": 500}] * 100)
    client = connect(gateway.open(spec(allowance=allowance)))

    def call(i: int) -> int:
        if not stream:
            return ask(client, f"call {i}", max_tokens=1500)
        try:
            messages: Any = [{"role": "user", "content": f"call {i}"}]
            list(
                client.chat.completions.create(model="solve", messages=messages, max_tokens=1500, stream=True)
            )
        except openai.APIStatusError as error:
            return error.status_code
        return 200

    with ThreadPoolExecutor(12) as pool:
        seen = list(pool.map(call, range(40)))
    record = gateway.close("r0")
    counts = upstream.counts()
    assert set(seen) == {200, 403}
    assert record.spent is Spent.MONEY
    assert 190_000 < record.usage.cost_microusd <= 200_000
    assert record.usage.output_tokens == counts["output_tokens"]
    assert record.usage.input_tokens == counts["input_tokens"]
    assert counts["requests"] == seen.count(200) == len(record.calls)
    limits = [request["body"]["max_tokens"] for request in upstream.requests()]
    assert min(limits) < 1500  # the last call was lowered to what was left
    assert record.fault is None


def test_a_spent_allowance_stays_spent_and_is_not_retried(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    client = connect(gateway.open(spec(allowance=Allowance(tokens=300))), max_retries=4)
    assert [ask(client, "x" * 200) for _ in range(3)] == [403, 403, 403]
    record = gateway.close("r0")
    assert (record.refused, record.spent, record.calls) == (3, Spent.TOKENS, ())
    assert upstream.counts()["requests"] == 0


def test_an_allowance_must_make_sense() -> None:
    with pytest.raises(ValueError, match="tokens=-1"):
        Allowance(tokens=-1)
    with pytest.raises(ValueError, match="16 bytes, got 3"):
        RolloutSpec(id="r", decision=0, role="solve", sample=b"abc")
