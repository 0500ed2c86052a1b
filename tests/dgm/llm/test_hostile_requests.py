"""Requests by which an agent would make its own rollout void, or hold up everybody's gateway."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import openai
import pytest

from dgm.llm import Allowance, Gateway, Retries
from dgm.llm.backends import RehearsalBackend
from dgm.llm.backends.rehearsal import reply
from dgm.llm.backends.whole import WholeAnswers
from dgm.llm.door import DoorLimits
from tests.dgm.llm.conftest import Connect, spec
from tests.dgm.llm.test_gateway import HELLO, post

ANYTHING = Allowance(tokens=1 << 40)
ASSISTANT: dict[str, Any] = {"role": "assistant", "content": None}
IMAGE = "data:image/png;base64,AA=="
CUSTOM: dict[str, Any] = {"type": "custom", "custom": {"name": "bash", "input": "ls"}}


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Gateway]:
    with Gateway(RehearsalBackend(reply)) as gateway:
        yield gateway


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "solve", "messages": HELLO, **fields}).encode()


def called(call: object) -> bytes:
    return body(messages=[*HELLO, {**ASSISTANT, "tool_calls": [call]}])


REQUESTS = {
    "half a surrogate pair in UTF-8": b'{"model":"solve","messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
    "half a surrogate pair in UTF-16": body(messages=[{"role": "user", "content": "\ud800"}])
    .decode()
    .encode("utf-16"),
    "a number beyond all numbers": body().replace(b"{", b'{"temperature":1e999,', 1),
    "text that is none": body(messages=[{"role": "user", "content": [{"type": "text", "text": 5}]}]),
    "a part without its text": body(messages=[{"role": "user", "content": [{"type": "text"}]}]),
    "a refusal that is none": body(
        messages=[{"role": "user", "content": [{"type": "refusal", "refusal": {}}]}]
    ),
    "a call of nothing": called({}),
    "a call of a number": called({"id": "a", "type": "function", "function": 3}),
    "a call with a number": called(
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": 7}}
    ),
    "a tool that is none": body(tools=[{"type": "function"}]),
    "a tool that is a number": body(tools=[{"type": "function", "function": 3}]),
    "a tool without a name": body(tools=[{"type": "function", "function": {"name": {}}}]),
    "a schema that is none": body(
        tools=[{"type": "function", "function": {"name": "f", "parameters": None}}]
    ),
    "properties that are none": body(
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"properties": 4}}}]
    ),
    "needed names that are none": body(
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"required": 4}}}]
    ),
    **{
        f"a part with {key}": body(
            messages=[{"role": "user", "content": [{"type": "text", "text": "x", key: "x"}]}]
        )
        for key in ("file", "file_id", "image_url", "video_url", "cache_control")
    },
    "a message with a file": body(messages=[{"role": "user", "content": "x", "attachments": ["file-1"]}]),
    "an image with a file": body(
        messages=[
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": IMAGE, "file_id": "x"}}]}
        ]
    ),
    "a custom tool, which the stand-in does not know": body(tools=[CUSTOM]),
    "a call of a custom tool": called({"id": "a", **CUSTOM}),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_out_of_shape_is_the_agents_own_failure(stand_in: Gateway, request_: bytes) -> None:
    directory = stand_in.open(spec(allowance=ANYTHING))
    status, _ = post(directory, request_)
    assert (status, stand_in.close("r0").fault) == (400, None)


def test_no_depth_of_a_body_makes_the_gateway_fail(stand_in: Gateway) -> None:
    for depth in (90, 110, *range(940, 1000, 2)):
        directory = stand_in.open(spec(allowance=ANYTHING))
        deep = body().replace(b"{", b'{"stop":' + b"[" * depth + b"]" * depth + b",", 1)
        assert post(directory, deep)[0] == (200 if depth < 100 else 400)
        assert stand_in.close("r0").fault is None


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000], ids=["lists", "objects"])
def test_no_depth_of_a_calls_arguments_makes_the_stand_in_fail(stand_in: Gateway, text: str) -> None:
    directory = stand_in.open(spec(allowance=ANYTHING))
    deep = called({"id": "a", "type": "function", "function": {"name": "f", "arguments": text}})
    assert post(directory, deep)[0] == 200
    assert stand_in.close("r0").fault is None


SLOW = ["-", "Done. ", "kept. ", "[output ", "[task ", "re-read "]


@pytest.mark.parametrize("piece", SLOW)
def test_no_text_holds_up_the_stand_in(stand_in: Gateway, piece: str) -> None:
    directory = stand_in.open(spec(allowance=ANYTHING))
    text = piece * (200_000 // len(piece))
    began = time.monotonic()
    for opening in "improve this agent", "# Task":
        messages = [{"role": "user", "content": opening}, {"role": "user", "content": text}]
        assert post(directory, body(messages=messages))[0] == 200
    assert time.monotonic() - began < 20
    stand_in.close("r0")


def test_many_images_do_not_hold_up_the_gateway(stand_in: Gateway) -> None:
    images = [{"type": "image_url", "image_url": {"url": f"data:image/{n}"}} for n in range(20_000)]
    directory = stand_in.open(spec(allowance=ANYTHING))
    began = time.monotonic()
    assert post(directory, body(messages=[{"role": "user", "content": images}]))[0] == 200
    assert time.monotonic() - began < 30
    stand_in.close("r0")


def test_what_one_rollout_says_fills_neither_memory_nor_archive() -> None:
    with Gateway(RehearsalBackend(reply), limits=DoorLimits(kept_bytes=100_000)) as gateway:
        directory = gateway.open(spec(allowance=ANYTHING))
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}
        large = body(messages=[{"role": "user", "content": [image]}])
        assert [post(directory, large)[0] for _ in range(5)] == [200, 200, 200, 413, 413]
        record = gateway.close("r0")
    assert sum(len(one.request) for one in record.exchanges) < 3 * 41_000
    assert (record.fault, record.spent, record.refused) == (None, None, 2)


@pytest.mark.parametrize(
    "crumbs",
    [body().replace(b"{", b'{"stop":[' + b"[]," * 2_500_000 + b"1],", 1), body(messages=HELLO * 100_000)],
    ids=["lists", "messages"],
)
def test_a_body_of_crumbs_is_turned_down_before_it_holds_up_the_gateway(
    stand_in: Gateway, crumbs: bytes
) -> None:
    directory = stand_in.open(spec(allowance=ANYTHING))
    began = time.monotonic()
    status, _ = post(directory, crumbs)
    stand_in.close("r0")
    assert status == 400
    assert time.monotonic() - began < 15


def test_an_agent_that_leaves_while_an_answer_is_streaming_was_not_failed_by_the_provider(
    connect: Connect,
) -> None:
    class Talkative(WholeAnswers):
        name = "talkative"

        async def complete(self, request: Any, place: Any) -> Any:
            raise NotImplementedError

        async def stream(self, request: Any, place: Any) -> AsyncGenerator[dict[str, object], None]:
            while True:
                yield {"choices": [{"index": 0, "delta": {"content": "on "}, "finish_reason": None}]}
                await asyncio.sleep(0.02)

    heard = threading.Event()
    with Gateway(Talkative(), retries=Retries(stalled_s=1.5)) as gateway, ThreadPoolExecutor(1) as pool:
        client = connect(gateway.open(spec()))

        def listen() -> None:
            with suppress(openai.OpenAIError):
                for _ in client.chat.completions.create(model="solve", messages=HELLO, stream=True):
                    heard.set()

        listening = pool.submit(listen)
        assert heard.wait(60)
        time.sleep(2.0)  # longer than a provider may be silent
        record = gateway.close("r0")
        listening.exception(timeout=60)
    assert record.fault is None
    assert [(call.status, call.estimated) for call in record.calls] == [(499, True)]
