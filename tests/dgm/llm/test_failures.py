"""What a failing provider does to a rollout: its result is void, never the agent's fault."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import openai
import pytest

from dgm.llm import Allowance, Gateway, GatewayConfigError, MissingKeyError, Retries, RolloutRecord, Spent
from dgm.llm.backends import OpenAIBackend, ScriptedBackend
from dgm.llm.backends.failures import retry_after
from dgm.llm.backends.whole import completion
from tests.dgm.llm.conftest import KEY, PRICES, Connect, Naps, spec
from tests.fake_upstream import FakeUpstream

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
QUOTA = {"message": "You exceeded your quota", "type": "q", "param": None, "code": "insufficient_quota"}
LENGTH = {
    "message": "This model's maximum context length is 8192 tokens.",
    "type": "invalid_request_error",
    "param": "messages",
    "code": "context_length_exceeded",
}
FLAGGED = {
    "message": "This model requires moderation, your input was flagged.",
    "code": 403,
    "metadata": {"reasons": ["violence"], "flagged_input": "text", "provider_name": "p", "model_slug": "m"},
}
PATIENCE_S = 2.0
MAXIMUM = 16_384 * 10
"""Micro-dollars; what the output limit alone costs at the price of `fake-1`."""


def status(code: int, **more: Any) -> dict[str, Any]:
    return {"do": "status", "status": code, **more}


def rollout(
    gateway: Gateway, connect: Connect, *, calls: int = 1, stream: bool = False, **more: Any
) -> tuple[list[Exception | None], RolloutRecord]:
    """Open a rollout, ask so often, close; the errors that the agent saw and the record."""
    client = connect(gateway.open(spec(**more)))
    seen: list[Exception | None] = []
    for _ in range(calls):
        try:
            if stream:
                list(
                    client.chat.completions.create(
                        model=more.get("role", "solve"), messages=HELLO, stream=True
                    )
                )
            else:
                client.chat.completions.create(model=more.get("role", "solve"), messages=HELLO)
            seen.append(None)
        except openai.APIError as error:
            seen.append(error)
    return seen, gateway.close("r0")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("steps", "pauses"),
    [
        ([status(429, headers={"retry-after": "7"})], [7.0]),
        ([status(429, headers={"retry-after-ms": "250"})], [0.25]),
        ([status(429), status(429)], [1.0, 2.0]),
        ([status(500)], [1.0]),
        ([status(503, headers={"retry-after": "3"}), status(500)], [3.0, 2.0]),
        ([{"do": "hang_up"}], [1.0]),
    ],
    ids=["429-after", "429-after-ms", "429", "500", "503-500", "hang-up"],
)
def test_what_passes_is_waited_out(
    gateway: Gateway,
    upstream: FakeUpstream,
    connect: Connect,
    naps: Naps,
    steps: list[dict[str, Any]],
    pauses: list[float],
    stream: bool,
) -> None:
    upstream.script(*steps)
    [seen], record = rollout(gateway, connect, stream=stream)
    assert seen is None
    assert len(naps.taken) == len(pauses)
    for taken, pause in zip(naps.taken, pauses, strict=True):
        assert taken == pytest.approx(pause, rel=0.26)
    assert record.fault is None
    [call] = record.calls
    assert (call.status, call.estimated) == (200, False)
    assert call.tokens.input == upstream.counts()["input_tokens"]
    assert record.waited_s == pytest.approx(sum(naps.taken), abs=0.1)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("steps", "requests", "fault"),
    [
        ([status(500)] * 3, 3, "500"),
        ([status(429)] * 3, 3, "429"),
        ([status(429, headers={"retry-after": "3600"})], 1, "429"),
        ([status(429, error=QUOTA)], 1, "quota"),
        ([status(401)], 1, "401"),
        ([status(403)], 1, "403"),
        ([status(302, headers={"location": "https://example.org"})], 1, "302"),
        ([{"do": "hang_up"}] * 3, 3, "no answer"),
    ],
    ids=["500", "429", "429-an-hour", "quota", "401", "403", "302", "hang-up"],
)
def test_what_does_not_pass_makes_the_rollout_void(
    gateway: Gateway,
    upstream: FakeUpstream,
    connect: Connect,
    steps: list[dict[str, Any]],
    requests: int,
    fault: str,
    stream: bool,
) -> None:
    upstream.script(*steps)
    seen, record = rollout(gateway, connect, calls=2, stream=stream)
    assert all(isinstance(error, openai.InternalServerError) for error in seen)
    assert upstream.counts()["requests"] == requests  # the second call is not even tried
    assert record.fault is not None
    assert fault in record.fault
    assert record.spent is None
    assert record.calls == ()  # nothing was paid


def test_the_stock_client_does_not_ask_again(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    upstream.script(*[status(500)] * 3)
    client = connect(gateway.open(spec()), max_retries=5)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="solve", messages=HELLO)
    assert upstream.counts()["requests"] == 3


@pytest.mark.parametrize(
    "step", [{"do": "stall"}, {"do": "cut"}, {"do": "malformed"}], ids=lambda step: step["do"]
)
def test_an_answer_that_may_have_been_paid_is_charged_at_its_maximum(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, step: dict[str, Any]
) -> None:
    upstream.script(step)
    [seen], record = rollout(gateway, connect)
    assert seen is None
    [call] = record.calls
    assert call.estimated
    assert MAXIMUM < call.cost_microusd < MAXIMUM + 1000
    assert record.fault is None

    upstream.script(*[step] * 3)
    [seen], record = rollout(gateway, connect)
    assert isinstance(seen, openai.InternalServerError)
    assert record.fault is not None
    [call] = record.calls
    assert (call.status, call.estimated) == (502, True)
    assert call.cost_microusd > 3 * MAXIMUM


@pytest.mark.parametrize("do", ["cut", "stall"])
def test_a_stream_that_breaks_off_breaks_off_for_the_agent_too(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, do: str
) -> None:
    upstream.script({"do": do, "after": 3, "text": "one two three four five"})
    [seen], record = rollout(gateway, connect, stream=True)
    assert isinstance(seen, openai.APIConnectionError)
    assert record.fault is not None
    [call] = record.calls
    assert (call.status, call.estimated) == (502, True)
    assert call.cost_microusd > MAXIMUM
    assert upstream.counts()["requests"] == 1


def test_a_stream_that_breaks_off_before_it_began_is_asked_for_again(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    upstream.script({"do": "cut", "after": 0})
    [seen], record = rollout(gateway, connect, stream=True)
    assert seen is None
    assert record.fault is None
    assert upstream.counts()["requests"] == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("code", "error"), [(400, LENGTH), (403, FLAGGED)], ids=["400", "403"])
def test_a_4xx_that_the_request_earned_is_the_agents(
    gateway: Gateway,
    upstream: FakeUpstream,
    connect: Connect,
    code: int,
    error: dict[str, Any],
    stream: bool,
) -> None:
    upstream.script(status(code, error=error))
    seen, record = rollout(gateway, connect, calls=2, stream=stream)
    assert isinstance(seen[0], openai.APIStatusError)
    assert (seen[0].status_code, seen[0].code) == (code, str(error["code"]))
    assert seen[1] is None  # the rollout goes on
    assert record.fault is None
    assert [(call.status, call.cost_microusd > 0) for call in record.calls] == [(code, False), (200, True)]


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_is_larger_than_a_provider_takes_is_the_agents_own(
    upstream: FakeUpstream, connect: Connect, stream: bool
) -> None:
    backend = OpenAIBackend(
        models={"solve": "fake-1"},
        environ={"OPENAI_API_KEY": KEY},
        base_url=upstream.base_url,
        input_bytes=2000,
    )
    with Gateway(backend, prices=PRICES) as gateway:
        client = connect(gateway.open(spec()))
        large: list[Any] = [{"role": "user", "content": "x" * 3000}]
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="solve", messages=large, stream=stream)
        assert caught.value.code == "context_length_exceeded"
        assert upstream.counts()["requests"] == 0
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 3000}}
        small: list[Any] = [{"role": "user", "content": [picture]}]
        client.chat.completions.create(model="solve", messages=small)
        record = gateway.close("r0")
    assert record.fault is None
    assert [(call.status, call.cost_microusd > 0) for call in record.calls] == [(400, False), (200, True)]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_larger_than_any_text_is_the_agents_own(
    upstream: FakeUpstream, connect: Connect, stream: bool
) -> None:
    backend = OpenAIBackend(
        models={"solve": "fake-1"},
        environ={"OPENAI_API_KEY": KEY},
        base_url=upstream.base_url,
        answer_bytes=20_000,
    )
    upstream.script({"do": "answer", "text": "x" * 20_000})
    with Gateway(backend, prices=PRICES) as gateway:
        [seen, then], record = rollout(gateway, connect, calls=2, stream=stream)
    assert isinstance(seen, openai.APIConnectionError if stream else openai.BadRequestError)
    assert then is None
    assert upstream.counts()["requests"] == 2  # it was not asked for again
    assert record.fault is None
    assert [(call.status, call.estimated) for call in record.calls] == [(400, True), (200, False)]
    assert record.calls[0].cost_microusd > MAXIMUM


def test_a_429_that_can_never_pass_is_the_requests_own(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    told = "Request too large for fake-1 on tokens per min (TPM): Limit 30000, Requested 90000."
    upstream.script(status(429, error={"message": told, "type": "tokens", "code": "rate_limit_exceeded"}))
    seen, record = rollout(gateway, connect, calls=2)
    assert isinstance(seen[0], openai.BadRequestError)
    assert seen[1] is None
    assert record.fault is None


def test_one_rollout_has_only_so_many_calls_upstream_at_once(connect: Connect) -> None:
    class Counting(ScriptedBackend):
        here = most = 0

        async def complete(self, request: Any, place: Any) -> Any:
            self.here += 1
            self.most = max(self.most, self.here)
            await asyncio.sleep(0.05)
            self.here -= 1
            return completion(place, {"role": "assistant", "content": "yes"}, "stop", 1, 1)

    backend = Counting(())
    with Gateway(backend, parallel=3) as gateway, ThreadPoolExecutor(12) as pool:
        client = connect(gateway.open(spec()))
        asked = [
            pool.submit(client.chat.completions.create, model="solve", messages=HELLO) for _ in range(12)
        ]
        assert all(one.result(timeout=60) for one in asked)
        assert len(gateway.close("r0").calls) == 12
    assert backend.most == 3


@pytest.mark.parametrize("role", ["smart", "lost"])
def test_a_4xx_that_the_config_earned_is_not_the_agents(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, role: str
) -> None:
    [seen], record = rollout(gateway, connect, role=role)
    assert isinstance(seen, openai.InternalServerError)
    assert record.fault is not None
    assert "UpstreamDeniedError" in record.fault


@pytest.mark.parametrize(
    ("told", "tokens"),
    [
        (None, None),
        ({}, None),
        ({"prompt_tokens": 0, "completion_tokens": 3}, None),
        ({"prompt_tokens": -5, "completion_tokens": 3}, None),
        ({"prompt_tokens": "12", "completion_tokens": 3}, None),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 11}}, None),
        ({"prompt_tokens": 10, "completion_tokens": 10**12}, None),
        ({"prompt_tokens": 10, "completion_tokens": 20_000}, (10, 20_000)),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_figures_that_cannot_be_are_not_believed(
    gateway: Gateway,
    upstream: FakeUpstream,
    connect: Connect,
    told: Any,
    tokens: tuple[int, int] | None,
    stream: bool,
) -> None:
    upstream.script({"do": "answer", "text": "x", "usage": told})
    [seen], record = rollout(gateway, connect, stream=stream)
    assert seen is None
    [call] = record.calls
    assert call.estimated
    assert call.tokens.output == (tokens[1] if tokens else 16_384)
    assert record.fault is None


def test_time_that_ran_out_is_spent_unless_the_provider_was_failing(
    backend: OpenAIBackend, upstream: FakeUpstream, connect: Connect
) -> None:
    short = Allowance(seconds=1.2)  # shorter than the backend's patience with a silent provider
    with Gateway(backend, prices=PRICES, retries=Retries(tries=9, first_s=0.4)) as gateway:
        upstream.script({"do": "stall"})
        [seen], record = rollout(gateway, connect, allowance=short)
        assert isinstance(seen, openai.PermissionDeniedError)
        assert seen.code == "allowance_spent"
        assert (record.spent, record.fault) == (Spent.SECONDS, None)
        assert [(call.status, call.estimated) for call in record.calls] == [(403, True)]

        upstream.script(*[status(500)] * 9)
        [seen], record = rollout(gateway, connect, allowance=short)
        assert isinstance(seen, openai.InternalServerError)
        assert record.fault is not None

        upstream.reset()
        upstream.script(status(500), {"do": "stall"})
        [seen], record = rollout(gateway, connect, allowance=short)
        assert record.fault is not None
        assert "failing when the time was up" in record.fault


@pytest.mark.parametrize(
    ("stalled_s", "left", "void"),
    [(0.1, False, True), (60.0, False, False), (0.1, True, False)],
    ids=["it waited", "not for long", "it left"],
)
def test_silence_until_the_end_of_the_rollout_is_the_providers_unless_nobody_waits(
    backend: OpenAIBackend,
    upstream: FakeUpstream,
    connect: Connect,
    stalled_s: float,
    left: bool,
    void: bool,
) -> None:
    upstream.script({"do": "stall"})
    with Gateway(backend, prices=PRICES, retries=Retries(stalled_s=stalled_s)) as gateway:
        client = connect(gateway.open(spec()))
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(client.chat.completions.create, model="solve", messages=HELLO)
            while upstream.counts()["requests"] == 0:
                time.sleep(0.01)
            time.sleep(0.3)
            record = gateway.close("r0", left=left)
            assert isinstance(asking.exception(timeout=60), openai.APIConnectionError)
    assert (record.fault is not None) is void
    assert [(call.status, call.estimated) for call in record.calls] == [(499, True)]


def test_a_provider_that_is_not_there(upstream: FakeUpstream, naps: Naps, connect: Connect) -> None:
    backend = OpenAIBackend(models={"solve": "fake-1"}, environ={}, base_url="http://127.0.0.1:9/v1")
    with Gateway(backend, retries=Retries(tries=2), sleep=naps) as gateway:
        [seen], record = rollout(gateway, connect)
    assert isinstance(seen, openai.InternalServerError)
    assert record.fault is not None
    assert record.fault.startswith("UpstreamUnavailableError")
    assert record.calls == ()


def test_a_backend_with_a_mistake_makes_the_rollout_void(gateway: Gateway, connect: Connect) -> None:
    class Broken(OpenAIBackend):
        async def complete(self, request: Any, place: Any) -> Any:
            raise ZeroDivisionError("oops")

    broken = Broken(models={"solve": "fake-1"}, environ={}, base_url="http://127.0.0.1:9/v1")
    client = connect(gateway.open(spec(), backend=broken))
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="solve", messages=HELLO)
    assert gateway.close("r0").fault == "the gateway failed: ZeroDivisionError: oops"


def test_the_key_stays_where_it_is(
    backend: OpenAIBackend, upstream: FakeUpstream, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    leak = {"message": f"Incorrect API key provided: {KEY}", "type": "x", "param": None, "code": None}
    caplog.set_level(logging.DEBUG)
    naps = Naps()
    with Gateway(backend, prices=PRICES, retries=Retries(tries=2), sleep=naps) as gateway:
        told: list[str] = []
        for code in (400, 401, 429, 500):
            upstream.script(*[status(code, error=leak)] * 2)
            [seen], record = rollout(gateway, connect)
            told.append(f"{seen} {record!r}")
            upstream.reset()
    shown = f"{told} {caplog.text} {backend!r}"
    assert "[key]" in shown
    assert KEY not in shown
    with pytest.raises(TypeError, match="holds a key"):
        pickle.dumps(backend)


def test_what_a_config_may_say() -> None:
    with pytest.raises(MissingKeyError, match=r"OPENAI_API_KEY is not set.*llm=rehearsal"):
        OpenAIBackend(models={}, environ={"OPENAI_API_KEY": " "})
    with pytest.raises(MissingKeyError, match="OTHER"):
        OpenAIBackend(models={}, environ={}, base_url="https://example.org/v1", key_variable="OTHER")
    OpenAIBackend(models={}, environ={}, base_url="http://localhost:8000/v1")
    for url in ("example.org/v1", "ftp://example.org", "https://user:pass@example.org/v1", ""):
        with pytest.raises(GatewayConfigError, match=r"llm\.base_url"):
            OpenAIBackend(models={}, environ={"OPENAI_API_KEY": "k"}, base_url=url)
    with pytest.raises(GatewayConfigError, match=r"llm\.limit_field"):
        OpenAIBackend(models={}, environ={"OPENAI_API_KEY": "k"}, limit_field="max")


def test_retry_after_is_read_in_all_its_forms() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after({}, now) is None
    assert retry_after({"retry-after": "2.5"}, now) == 2.5
    assert retry_after({"retry-after": "-1"}, now) == 0.0
    assert retry_after({"retry-after-ms": "100", "retry-after": "9"}, now) == 0.1
    assert retry_after({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, now) == 30.0
    assert retry_after({"retry-after": "soon"}, now) is None
    assert retry_after({"retry-after": "nan"}, now) is None
