"""The door as an agent sees it: the stock client, through the relay, against a provider over real HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from dgm.llm import (
    Allowance,
    Gateway,
    GatewayConfigError,
    RolloutError,
    UnknownPriceError,
    UnknownRoleError,
    packed,
    transcript,
    unpacked,
)
from dgm.llm.backends import OpenAIBackend, RehearsalBackend, ScriptedBackend
from dgm.llm.backends.rehearsal import Reply
from dgm.llm.backends.rehearsal import reply as stand_in
from tests.dgm.llm.conftest import KEY, PRICES, Connect, spec
from tests.fake_upstream import FakeUpstream

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "bash",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
    },
}
CALL = {"id": "call_x", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls -l"}'}}


def test_an_answer_comes_through_and_is_recorded(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    upstream.script({"do": "answer", "text": "good day", "usage": usage(100, 20, cached=40, reasoning=5)})
    client = connect(gateway.open(spec()))

    answer = client.chat.completions.create(model="solve", messages=HELLO, temperature=0.5, user="me")

    assert answer.choices[0].message.content == "good day"
    assert answer.model == "solve"
    record = gateway.close("r0")
    [call] = record.calls
    assert (call.n, call.model, call.role, call.status) == (0, "fake-1", "solve", 200)
    assert (call.tokens.input, call.tokens.cached, call.tokens.output, call.tokens.reasoning) == (
        100,
        40,
        20,
        5,
    )
    assert call.cost_microusd == 60 * 1 + 40 * 0.1 + 20 * 10
    assert not call.journal
    assert not call.estimated
    assert (record.spent, record.fault, record.refused) == (None, None, 0)
    assert record.usage.calls == 1
    [exchange] = record.exchanges
    assert json.loads(exchange.request)["user"] == "me"
    assert json.loads(exchange.response)["choices"][0]["message"]["content"] == "good day"
    assert transcript(record.exchanges)[1]["content"] == "good day"
    assert unpacked(packed(record.exchanges)) == record.exchanges


def test_who_asks_first_is_told_once(
    upstream: FakeUpstream, backend: OpenAIBackend, connect: Connect
) -> None:
    asked: list[str] = []
    with Gateway(backend, prices=PRICES, asked=asked.append) as gateway:
        client = connect(gateway.open(spec()))
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="solve", messages=[])
        assert asked == []
        for _ in range(2):
            upstream.script({"do": "answer", "text": "good day"})
            client.chat.completions.create(model="solve", messages=HELLO)
    assert asked == ["r0"]


def test_only_what_was_set_goes_upstream(gateway: Gateway, upstream: FakeUpstream, connect: Connect) -> None:
    client = connect(gateway.open(spec()))
    client.chat.completions.create(
        model="solve",
        messages=HELLO,
        user="me",
        metadata={"a": "b"},
        max_completion_tokens=50,
        stop=None,
        extra_headers={"X-Mine": "1"},
    )
    [request] = upstream.requests()
    assert request["body"] == {"model": "fake-1", "messages": HELLO, "max_tokens": 50}
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    assert "X-Mine" not in request["headers"]
    assert not any("stainless" in name.lower() for name in request["headers"])


def test_tools_come_through(gateway: Gateway, upstream: FakeUpstream, connect: Connect) -> None:
    upstream.script({"do": "answer", "tool_calls": [CALL]})
    client = connect(gateway.open(spec()))
    answer = client.chat.completions.create(model="solve", messages=HELLO, tools=[TOOL])
    [call] = answer.choices[0].message.tool_calls or []
    assert (call.id, call.type) == ("call_x", "function")
    assert answer.choices[0].finish_reason == "tool_calls"


def test_a_stream_comes_through(gateway: Gateway, upstream: FakeUpstream, connect: Connect) -> None:
    upstream.script(
        {"do": "answer", "text": "one two three four"}, {"do": "answer", "tool_calls": [CALL, CALL]}
    )
    client = connect(gateway.open(spec()))

    with client.chat.completions.create(model="solve", messages=HELLO, stream=True) as stream:
        chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "one two three four"
    assert {c.model for c in chunks} == {"solve"}
    assert all(c.usage is None and c.choices for c in chunks)

    with client.chat.completions.create(
        model="solve", messages=HELLO, tools=[TOOL], stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert chunks[-1].usage is not None
    assert chunks[-2].choices[0].finish_reason == "tool_calls"

    record = gateway.close("r0")
    assert [call.status for call in record.calls] == [200, 200]
    assert not any(call.estimated for call in record.calls)
    told = json.loads(record.exchanges[1].response)["choices"][0]["message"]
    assert told["tool_calls"] == [CALL, CALL]
    counts = upstream.counts()
    assert counts["streams"] == 2
    assert record.usage.input_tokens == counts["input_tokens"]
    assert record.usage.output_tokens == counts["output_tokens"]


def test_chunks_are_passed_on_as_they_come(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    upstream.script({"do": "stall", "after": 3, "text": "one two three four"})
    client = connect(gateway.open(spec()))
    stream = client.chat.completions.create(model="solve", messages=HELLO, stream=True)
    first = next(stream)
    assert first.choices[0].delta.content == ""
    stream.close()


def test_models_are_the_rollouts_own(gateway: Gateway, connect: Connect) -> None:
    client = connect(gateway.open(spec(role="improve")))
    assert [model.id for model in client.models.list()] == ["improve"]
    with pytest.raises(openai.NotFoundError, match="only model here is 'improve'") as caught:
        client.chat.completions.create(model="solve", messages=HELLO)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="only model here is 'improve'"):
        client.responses.create(model="gpt-5", input="hello")
    with pytest.raises(openai.NotFoundError, match="POST /v1/responses and GET"):
        client.embeddings.create(model="improve", input="hello")
    record = gateway.close("r0")
    assert (record.calls, record.refused) == ((), 3)


@pytest.mark.parametrize(
    "extra",
    [
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
        {"tools": [{"type": "mcp", "server_url": "https://example.org"}]},
        {"tools": "bash"},
        {"web_search_options": {}},
        {"store": True},
        {"background": True},
        {"previous_response_id": "resp_1"},
        {"n": 2},
        {"service_tier": "priority"},
        {"made_up": 1},
        {"max_tokens": 0},
        {"max_tokens": "many"},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"content": "no role"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.org/x"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
    ],
    ids=lambda extra: json.dumps(extra)[:60],
)  # fmt: skip
def test_what_makes_the_provider_act_is_refused(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, extra: dict[str, Any]
) -> None:
    client = connect(gateway.open(spec()))
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="solve", messages=HELLO, extra_body=extra)
    assert caught.value.param
    assert upstream.counts()["requests"] == 0
    assert gateway.close("r0").refused == 1


def test_inline_images_pass(gateway: Gateway, upstream: FakeUpstream, connect: Connect) -> None:
    client = connect(gateway.open(spec(allowance=Allowance(tokens=50_000))))
    image: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 60_000}}
    client.chat.completions.create(model="solve", messages=[{"role": "user", "content": [image]}])
    assert upstream.counts()["answered"] == 1


def test_bodies_that_are_no_json_are_refused(gateway: Gateway, upstream: FakeUpstream) -> None:
    directory = gateway.open(spec())
    for body in (b"", b"{", b"[]", b'{"model": NaN}', b'{"a": "\\ud800"}', b"[" * 100_000, b"\xff\xfe"):
        status, answer = post(directory, body)
        assert status == 400
        assert answer["error"]["code"] == "invalid_json"
    assert upstream.counts()["requests"] == 0


def test_bodies_that_are_too_large_or_packed_are_refused(gateway: Gateway) -> None:
    directory = gateway.open(spec())
    status, answer = post(directory, b" " * (9 << 20))
    assert (status, answer["error"]["code"]) == (413, "request_too_large")
    status, answer = post(directory, b"x", {"Content-Encoding": "gzip"})
    assert (status, answer["error"]["code"]) == (415, "unsupported_encoding")


def test_what_is_no_http_is_turned_down_quietly(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    directory = gateway.open(spec())
    for noise in (
        b"\x16\x03\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500,
        b"x" * 99_999,
    ):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(30)
            connection.connect(str(directory / "gateway.sock"))
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(noise + b"\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert b" 400 " in connection.recv(100)
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert gateway.close("r0").calls == ()


def test_clients_that_are_slow_or_many_do_not_hurt_others(gateway: Gateway, connect: Connect) -> None:
    directory = gateway.open(spec())
    idle = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(80)]
    try:
        for connection in idle:
            connection.connect(str(directory / "gateway.sock"))
            connection.settimeout(30)
        assert idle[-1].recv(1) == b""  # hung up on
        idle[0].sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        client = connect(gateway.open(spec("r1")))
        client.chat.completions.create(model="solve", messages=HELLO)
    finally:
        for connection in idle:
            connection.close()
    assert gateway.close("r0").calls == ()
    assert len(gateway.close("r1").calls) == 1


def test_the_socket_is_found_and_guarded(gateway: Gateway) -> None:
    open_door, owned_door = gateway.open(spec()), gateway.open(spec("r1"), socket_owner=10_001)
    assert stat.S_IMODE(open_door.stat().st_mode) == 0o711
    assert stat.S_IMODE(open_door.parent.stat().st_mode) == 0o711
    assert stat.S_IMODE((open_door / "gateway.sock").stat().st_mode) == 0o666
    assert stat.S_IMODE((owned_door / "gateway.sock").stat().st_mode) == 0o660
    assert (owned_door / "gateway.sock").stat().st_uid == 10_001
    gateway.close("r0")
    assert not open_door.exists()
    gateway.stop()
    assert not owned_door.parent.exists()


def test_rollouts_are_opened_and_closed_once(gateway: Gateway) -> None:
    gateway.open(spec())
    with pytest.raises(RolloutError, match="already open"):
        gateway.open(spec())
    gateway.close("r0")
    with pytest.raises(RolloutError, match="not open"):
        gateway.close("r0")
    gateway.open(spec())


def test_what_cannot_work_is_said_at_once(gateway: Gateway, backend: OpenAIBackend, tmp_path: Path) -> None:
    with pytest.raises(UnknownRoleError, match=r"llm\.models\.judge"):
        gateway.open(spec(role="judge"))
    with pytest.raises(UnknownPriceError, match=r"llm\.price\.fake-2\.input"):
        gateway.open(spec(role="improve", allowance=Allowance(microusd=1)))
    with pytest.raises(GatewayConfigError, match="too long for Unix sockets"):
        Gateway(backend, base=tmp_path / ("x" * 100)).start()


def test_a_backend_of_ones_own(gateway: Gateway, upstream: FakeUpstream, connect: Connect) -> None:
    script = ScriptedBackend([{"role": "assistant", "content": "only this"}])
    client = connect(gateway.open(spec(), backend=script))
    assert (
        client.chat.completions.create(model="solve", messages=HELLO).choices[0].message.content
        == "only this"
    )
    with pytest.raises(openai.BadRequestError, match="only 1 messages"):
        client.chat.completions.create(model="solve", messages=HELLO)
    record = gateway.close("r0")
    assert [call.status for call in record.calls] == [200, 400]
    assert (record.usage.cost_microusd, record.fault) == (0, None)
    assert upstream.counts()["requests"] == 0


def test_the_stand_in_sees_neither_labels_nor_ids(connect: Connect) -> None:
    seen: list[Any] = []

    def reply(request: Any, sample: bytes) -> Reply:
        seen.append((request, sample))
        return Reply(
            message={"role": "assistant", "content": "x" * 200},
            finish_reason="stop",
            input_tokens=12,
            output_tokens=50,
        )

    asked: Any = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_x", "content": "ok"},
    ]
    with Gateway(RehearsalBackend(reply)) as gateway:
        client = connect(gateway.open(spec()))
        for user in ("a", "b"):
            client.chat.completions.create(model="solve", messages=asked, user=user)
        stream = client.chat.completions.create(model="solve", messages=asked, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in stream) == "x" * 200
        record = gateway.close("r0")
    assert seen[0] == seen[1] == seen[2]
    assert "call_x" not in json.dumps(seen[0][0])
    assert seen[0][0]["messages"][2]["tool_call_id"] == seen[0][0]["messages"][1]["tool_calls"][0]["id"]
    assert (
        record.calls[0].cost_microusd == 22
    )  # 12 tokens at 0.1 and 50 at 0.4 dollars per million, rounded up


def test_the_stand_in_answers_from_behind_a_provider_too(connect: Connect) -> None:
    """`llm=openai` against a provider that is the stand-in: the whole way of a real run, without a model."""
    with FakeUpstream(rehearsal=True) as upstream, Gateway(RehearsalBackend(stand_in)) as gateway:
        provider = OpenAIBackend(models={"solve": "gpt-5-mini"}, environ={}, base_url=upstream.base_url)
        told = []
        for name, backend in (("r0", provider), ("r1", provider), ("r2", None)):
            client = connect(gateway.open(spec(name), backend=backend))
            answer = client.chat.completions.create(model="solve", messages=HELLO, tools=[TOOL])
            assert answer.choices[0].finish_reason in ("stop", "tool_calls")
            told.append(json.loads(gateway.close(name).exchanges[0].response)["choices"][0]["message"])
        assert told[0] == told[1]
        assert upstream.counts()["answered"] == 2


def test_many_rollouts_at_once(gateway: Gateway, upstream: FakeUpstream, connect: Connect) -> None:
    def rollout(i: int) -> tuple[int, int]:
        client = connect(gateway.open(spec(f"r{i}", decision=i)))
        for turn in range(3):
            text = f"rollout {i} turn {turn}"
            answer = client.chat.completions.create(
                model="solve", messages=[{"role": "user", "content": text}]
            )
            assert answer.choices[0].message.content == text
        record = gateway.close(f"r{i}")
        assert record.fault is None
        return record.usage.input_tokens, record.usage.output_tokens

    with ThreadPoolExecutor(32) as pool:
        sums = list(pool.map(rollout, range(32)))
    counts = upstream.counts()
    assert counts["answered"] == 96
    assert counts["input_tokens"] == sum(tokens for tokens, _ in sums)
    assert counts["output_tokens"] == sum(tokens for _, tokens in sums)
    assert counts["most_in_flight"] <= 32


def test_calls_upstream_at_once_are_bounded(
    backend: OpenAIBackend, upstream: FakeUpstream, connect: Connect
) -> None:
    upstream.script(*[{"do": "answer", "delay_s": 0.2}] * 12)
    with Gateway(backend, prices=PRICES, concurrency=3) as gateway, ThreadPoolExecutor(12) as pool:
        client = connect(gateway.open(spec()))
        list(pool.map(lambda _: client.chat.completions.create(model="solve", messages=HELLO), range(12)))
        record = gateway.close("r0")
    assert upstream.counts()["most_in_flight"] == 3
    assert sorted(call.n for call in record.calls) == list(range(12))
    assert record.waited_s > 0.05


def test_closing_cuts_off_what_is_on_its_way(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    upstream.script({"do": "stall"})
    client = connect(gateway.open(spec()))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask, client)
        while upstream.counts()["requests"] == 0:
            time.sleep(0.01)
        record = gateway.close("r0")
        assert isinstance(asking.exception(timeout=60), openai.APIConnectionError)
    [call] = record.calls
    assert (call.status, call.estimated) == (499, True)
    assert call.cost_microusd >= 16_384 * 10
    assert record.fault is None


def ask(client: openai.OpenAI) -> object:
    return client.chat.completions.create(model="solve", messages=HELLO)


def usage(input_tokens: int, output_tokens: int, *, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("door", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(str(self._path))


def post(directory: Path, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    connection = _UnixConnection(directory / "gateway.sock")
    try:
        with contextlib.suppress(BrokenPipeError):  # turned down before all of it was sent
            connection.request("POST", "/v1/chat/completions", body, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
