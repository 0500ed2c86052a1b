"""What was answered to one run is not bought again by the next that asks exactly the same."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dgm.llm import Allowance, Gateway, RolloutRecord, RolloutSpec, read_journal
from dgm.llm.backends import OpenAIBackend, ScriptedBackend
from dgm.llm.recordings import paid
from dgm.llm.upstreams import OpenAI
from tests.dgm.llm.conftest import PRICES
from tests.dgm.llm.test_gateway import post
from tests.fake_upstream import FakeUpstream


@pytest.fixture
def gateway(backend: OpenAIBackend, tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(backend, prices=PRICES, cache=tmp_path / "cache") as gateway:
        yield gateway


def rollout(
    gateway: Gateway,
    name: str,
    *bodies: dict[str, Any],
    sample: bytes = bytes(16),
    allowance: Allowance | None = None,
    journal: Path | None = None,
) -> tuple[list[str], RolloutRecord]:
    """What each request was told, and the record."""
    allowance = allowance or Allowance()
    spec = RolloutSpec(id=name, decision=1, role="solve", sample=sample, allowance=allowance, journal=journal)
    door = gateway.open(spec)
    told = []
    for body in bodies:
        status, answer = post(door, json.dumps({"model": "solve", **body}).encode())
        assert status == 200, answer
        told.append(answer["choices"][0]["message"]["content"])
    return told, gateway.close(name)


HELLO = {"messages": [{"role": "user", "content": "hello"}]}
OTHER = {"messages": [{"role": "user", "content": "other"}]}


def test_the_same_question_for_the_same_sample_is_answered_once(
    gateway: Gateway, upstream: FakeUpstream
) -> None:
    upstream.script(*[{"do": "answer", "text": text} for text in ("one", "two", "three", "four", "five")])
    first, record = rollout(gateway, "a", HELLO, HELLO, OTHER)  # asked twice, it is another answer
    assert first == ["one", "two", "three"]
    again, free = rollout(gateway, "b", HELLO, HELLO, OTHER)
    assert again == first
    assert upstream.counts()["requests"] == 3
    assert [(call.cache, call.journal, call.cost_microusd) for call in free.calls] == [(True, False, 0)] * 3
    assert not any(call.cache for call in record.calls)
    assert [call.tokens for call in free.calls] == [call.tokens for call in record.calls]
    assert record.usage.cost_microusd > 0
    assert rollout(gateway, "c", HELLO, sample=b"s" * 16)[0] == ["four"]
    assert rollout(gateway, "d", {**HELLO, "temperature": 0})[0] == ["five"]


def test_an_answer_from_the_cache_outlives_the_cache_and_its_gateway(
    gateway: Gateway, upstream: FakeUpstream, tmp_path: Path
) -> None:
    """It is journalled like one that was bought, at no cost: the next try is told the same, and all figures fit."""
    journal = tmp_path / "journal" / "00000001.jsonl"
    first, _ = rollout(gateway, "a", HELLO, OTHER)
    told, free = rollout(gateway, "try1", HELLO, OTHER, journal=journal)
    assert told == first
    lines = read_journal(journal)
    assert [(line.cache, line.paid_microusd, line.rollout) for line in lines] == [(True, 0, "try1")] * 2
    killed = paid(journal, "try1", "solve")  # as the driver reads it where the gateway is gone
    assert [(call.cache, call.cost_microusd) for call in killed.calls] == [(True, 0)] * 2
    assert killed.usage == free.usage
    shutil.rmtree(tmp_path / "cache")
    again, record = rollout(gateway, "try2", HELLO, OTHER, journal=journal)
    assert again == first
    assert [(call.cache, call.journal, call.cost_microusd) for call in record.calls] == [(True, True, 0)] * 2
    assert len(read_journal(journal)) == 2
    assert upstream.counts()["requests"] == 2


def test_an_answer_from_the_cache_that_cannot_be_journalled_is_not_handed_on(
    gateway: Gateway, tmp_path: Path
) -> None:
    rollout(gateway, "a", HELLO)
    journal = tmp_path / "journal" / "1.jsonl"
    door = gateway.open(RolloutSpec(id="b", decision=1, role="solve", sample=bytes(16), journal=journal))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))  # stands in for a full disk
    try:
        status, _ = post(door, json.dumps({"model": "solve", **HELLO}).encode())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    record = gateway.close("b")
    assert (status, record.outage) == (502, False)
    assert record.fault is not None
    assert "cannot write the journal" in record.fault
    assert read_journal(journal) == ()


def test_what_is_not_whole_is_not_kept(gateway: Gateway, upstream: FakeUpstream) -> None:
    rejected = {"do": "status", "status": 400}
    door = gateway.open(RolloutSpec(id="a", decision=1, role="solve", sample=bytes(16)))
    upstream.script(rejected, {"do": "answer", "text": "x", "usage": None})
    body = json.dumps({"model": "solve", **HELLO}).encode()
    assert [post(door, body)[0] for _ in range(2)] == [400, 200]
    gateway.close("a")
    lowered = Allowance(tokens=1000)
    rollout(gateway, "b", HELLO, allowance=lowered)
    assert not any(call.cache for call in rollout(gateway, "c", HELLO, HELLO)[1].calls)


def test_a_backend_of_ones_own_has_no_part_in_it(gateway: Gateway, tmp_path: Path) -> None:
    for name, text in (("a", "first"), ("b", "second")):
        script = ScriptedBackend([{"role": "assistant", "content": text}])
        door = gateway.open(RolloutSpec(id=name, decision=1, role="solve", sample=bytes(16)), backend=script)
        answer = post(door, json.dumps({"model": "solve", **HELLO}).encode())[1]
        assert answer["choices"][0]["message"]["content"] == text
    assert not (tmp_path / "cache").exists()


def test_an_answer_that_cannot_be_read_is_bought_again(
    gateway: Gateway, upstream: FakeUpstream, tmp_path: Path
) -> None:
    rollout(gateway, "a", HELLO)
    [kept] = (tmp_path / "cache").rglob("*.json")
    kept.write_text('{"n": 0}')
    assert not rollout(gateway, "b", HELLO)[1].calls[0].cache
    assert rollout(gateway, "c", HELLO)[1].calls[0].cache
    assert upstream.counts()["requests"] == 2


def test_a_cache_is_the_same_directory_on_every_node() -> None:
    with pytest.raises(ValueError, match=r"llm\.cache must be an absolute path"):
        OpenAI(base_url="http://127.0.0.1:1/v1", models={}, cache="cache")
    one = OpenAI(base_url="http://127.0.0.1:1/v1", models={"solve": "a"}, cache="/c")
    same = (one, replace(one, models={"solve": "b"}))
    other = (one, replace(one, base_url="http://127.0.0.1:2/v1"), replace(one, parameters={"top_k": 1}))
    assert len({upstream.answers() for upstream in same}) == 1
    assert len({upstream.answers() for upstream in other}) == 3
