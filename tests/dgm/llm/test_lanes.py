"""Several models for a role, and what each may be asked."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dgm.llm import Gateway, GatewayConfigError, RolloutSpec
from dgm.llm.backends import OpenAIBackend
from dgm.llm.lanes import Lane, LaneLimits, Lanes
from dgm.llm.models import chosen, shares_of
from dgm.llm.upstreams import OpenAI
from tests.dgm.llm.conftest import KEY, PRICES
from tests.dgm.llm.test_gateway import post
from tests.fake_upstream import FakeUpstream


def test_a_role_may_have_several_models_by_weight() -> None:
    shares = shares_of("solve", {"large": 1, "small": 3})
    counts = Counter(chosen(shares, "solve", n.to_bytes(16)) for n in range(4000))
    assert 900 < counts["large"] < 1100
    assert counts.total() == 4000
    assert chosen(shares_of("solve", "only"), "solve", bytes(16)) == "only"
    assert [chosen(shares, "solve", b"a" * 16) for _ in range(3)] == [chosen(shares, "solve", b"a" * 16)] * 3


@pytest.mark.parametrize("given", [{}, [], 3, {"a": 0}, {"a": -1}, {"a": "much"}, {"a": True}])
def test_weights_that_are_none(given: object) -> None:
    with pytest.raises(GatewayConfigError, match=r"llm\.models\.solve"):
        shares_of("solve", given)


def test_limits_that_are_none() -> None:
    for limits in ({"concurrency": 0}, {"per_minute": 0}, {"per_second": 1}):
        with pytest.raises(GatewayConfigError, match=r"llm\.limits\.m"):
            OpenAI(base_url="http://127.0.0.1:1/v1", models={}, limits={"m": limits}).lanes()


def test_a_rollout_keeps_its_model_and_each_is_priced(upstream: FakeUpstream) -> None:
    backend = OpenAIBackend(
        models={"solve": {"fake-1": 1, "fake-2": 1}},
        environ={"OPENAI_API_KEY": KEY},
        base_url=upstream.base_url,
    )
    seen = Counter[str]()
    with Gateway(backend, prices=PRICES) as gateway:
        for n in range(12):
            spec = RolloutSpec(id=f"r{n}", decision=n, role="solve", sample=n.to_bytes(16))
            door = gateway.open(spec)
            asks(door), asks(door)
            [model] = {call.model for call in gateway.close(spec.id).calls}
            seen[model] += 2
    assert set(seen) == {"fake-1", "fake-2"}
    assert Counter(request["body"]["model"] for request in upstream.requests()) == seen


def test_a_model_that_a_decision_drew_is_the_one_that_is_asked_and_priced(upstream: FakeUpstream) -> None:
    backend = OpenAIBackend(
        models={"solve": {"fake-1": 1, "fake-2": 10**6}},
        environ={"OPENAI_API_KEY": KEY},
        base_url=upstream.base_url,
    )
    with Gateway(backend, prices=PRICES) as gateway:
        spec = RolloutSpec(id="r", decision=1, role="solve", sample=bytes(16), model="fake-1")
        asks(gateway.open(spec))
        assert [call.model for call in gateway.close("r").calls] == ["fake-1"]
    assert [request["body"]["model"] for request in upstream.requests()] == ["fake-1"]


def test_calls_of_one_model_at_once_are_bounded_and_the_other_goes_on(upstream: FakeUpstream) -> None:
    backend = OpenAIBackend(
        models={"solve": "fake-1", "improve": "fake-2"},
        environ={"OPENAI_API_KEY": KEY},
        base_url=upstream.base_url,
    )
    upstream.script(*[{"do": "answer", "delay_s": 0.1}] * 6)
    with Gateway(backend, prices=PRICES, lanes={"fake-1": LaneLimits(concurrency=1)}) as gateway:
        doors = [
            gateway.open(RolloutSpec(id=f"r{n}", decision=n, role="solve", sample=bytes(16)))
            for n in range(6)
        ]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(asks, doors))
    assert upstream.counts()["most_in_flight"] == 1


def asks(door: Path) -> None:
    body = json.dumps({"model": "solve", "messages": [{"role": "user", "content": "hello"}]}).encode()
    assert post(door, body)[0] == 200


def test_calls_begin_as_far_apart_as_a_minute_allows() -> None:
    now, slept = 0.0, list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def begin() -> None:
        nonlocal now
        lane = Lane(LaneLimits(per_minute=30), lambda: now, sleep)
        for _ in range(3):
            async with lane.turn():
                pass
        now = 100.0
        async with lane.turn():
            pass

    asyncio.run(begin())
    assert slept == [2.0, 4.0]


def test_who_waits_for_its_model_keeps_nobody_elses_place() -> None:
    async def race() -> list[str]:
        lanes, told = (
            Lanes({"slow": LaneLimits(concurrency=1)}, concurrency=2, clock=lambda: 0.0, sleep=asyncio.sleep),
            [],
        )
        release = asyncio.Event()

        async def slow() -> None:
            async with lanes.turn("slow"):
                await release.wait()
                told.append("slow")

        waiting = [asyncio.create_task(slow()) for _ in range(5)]
        await asyncio.sleep(0)
        async with lanes.turn("other"):
            told.append("other")
        release.set()
        await asyncio.gather(*waiting)
        return told

    assert asyncio.run(race()) == ["other", *["slow"] * 5]
